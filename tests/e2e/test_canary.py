"""Secrets canary (bar 27): what was secret once is found nowhere that it does not belong."""

import json
import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from tests.singleuser.box import Box

SESSION = "jupyterhub-session-id"
"""It opens nothing: it only says which tokens a sign-out ends."""
PASSWORD, WRONG = "canary-password-of-ada-1", "canary-wrong-password-2"
SERVICE, EXTRA = "canary-token-of-a-service-3", "canary-of-the-environment-4"
QUERY = "canary-in-a-query-5"
ITS_OWN = {"JUPYTERHUB_API_TOKEN", "JPY_API_TOKEN"}
"""One token, which its own server alone may see, under two names (hub.md 1.2)."""
OURS = ("log/hub.log", "log/proxy.log", "log/audit.log")


@pytest.fixture
def up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Box]:
    monkeypatch.setenv("PERIJOVE_LOG_LEVEL", "debug")
    monkeypatch.setenv("MY_OWN_SECRET", EXTRA)  # of whoever runs the hub
    sign_in = {"DummyAuthenticator": {"password": PASSWORD}, "Authenticator": {"allow_all": True}}
    it = Box(
        tmp_path,
        hub={
            "config": {"JupyterHub": {"authenticator_class": "dummy"}, **sign_in},
            "services": {"watch": {"apiToken": SERVICE, "admin": True}},
        },
    )
    it.start()
    yield it
    it.open.close()
    it.end()


def test_no_secret_is_found_where_it_does_not_belong(up: Box) -> None:
    secrets = _live(up)
    token = next(iter(_environments(up)))["JUPYTERHUB_API_TOKEN"]
    for name in OURS:
        text = (up.data / name).read_text()
        assert text, name
        _has_none(text, secrets | {token}, name)
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            _has_none((process / "cmdline").read_text(), secrets | {token}, f"argv of {process}")
    for variables in _environments(up):
        given = json.dumps({k: v for k, v in variables.items() if k not in ITS_OWN})
        _has_none(given, secrets | {token}, "the environment of a server")
    with closing(sqlite3.connect(up.data / "perijove.sqlite")) as database:
        _has_none("\n".join(database.iterdump()), secrets | {token}, "the database")
    _has_none(_files(up), secrets | {token}, "files beside the secrets")


def _live(up: Box) -> set[str]:
    """Sign in and fail to, make a token, start a server, provoke errors; return the secrets."""
    secrets = {it.read_text().strip() for it in (up.data / "secrets").iterdir()}
    browser = up.browser("", fresh=True)
    assert browser.sign_in("ada", WRONG).status_code == 403
    answer = browser.sign_in("ada", PASSWORD)
    assert answer.status_code in {302, 303}
    cookies = {it.value for it in browser.client.cookies.jar if it.value and it.name != SESSION}
    status, made = up.hub("POST", "/users/ada/tokens", {"note": "canary"})
    assert status == 201
    up.run_server("ada")
    token = {"Authorization": f"token {made['token']}"}
    assert up.ask("GET", f"/hub/api/user?x={QUERY}", token)[0] == 200
    for path in (
        "/hub/api/users/nobody",
        f"/hub/nothing?token={QUERY}",
        f"/user/eve/?token={QUERY}",
    ):
        for headers in (token, {"Authorization": f"token {SERVICE}"}, {"Cookie": f"a={WRONG}"}):
            _, shown = up.ask("GET", path, headers)
            _has_none(shown.decode(), {made["token"], SERVICE, WRONG}, path)
    assert up.ask("POST", "/hub/api/users/ada/server", token, b'{"password": "')[0] == 400
    long = {it for it in secrets | cookies if len(it) > 12}
    return long | {made["token"], PASSWORD, WRONG, SERVICE, EXTRA, QUERY}


def _environments(up: Box) -> list[dict[str, str]]:
    """Return the environment of every process of a user's server, its launcher left out."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            pairs = (process / "environ").read_text().split("\0")
            variables = dict(it.split("=", 1) for it in pairs if "=" in it)
            ours = variables.get("JUPYTERHUB_API_URL", "").endswith(f":{_hub_port(up)}/hub/api")
            if ours:
                found.append(variables)
    assert found
    return found


def _hub_port(up: Box) -> int:
    return int(json.loads((up.data / "ports.json").read_text())["hub"])


def _files(up: Box) -> str:
    """Return every file of the box but secrets, the database and homes."""
    texts = []
    for folder, names, files in os.walk(up.data):
        if Path(folder) == up.data:
            names[:] = [it for it in names if it not in {"secrets", "homes"}]
        for name in files:
            path = Path(folder, name)
            if path.is_file() and not name.startswith("perijove.sqlite"):
                texts.append(path.read_text(errors="replace"))
    return "\n".join(texts)


def _has_none(text: str, secrets: set[str], where: str) -> None:
    for secret in secrets:
        at = text.find(secret)
        shown = re.sub(r"\s+", " ", text[max(0, at - 200) : at + 60])
        assert at < 0, f"{secret[:12]}… is in {where}: {shown}"
