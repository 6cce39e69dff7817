"""`perijove support`: what somebody needs to help is in it, and no secret is."""

import json
import sqlite3
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import pytest

from perijove.cli.support.scrub import HIDDEN, Scrubber
from tests.e2e.box import Up

KEY = "5a" * 32
SERVICE, EXTRA = "s3rvice/token+of=a%program", "hunter2-of-the-object-store"


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    box = Up(
        tmp_path,
        hub={"services": {"cull": {"apiToken": SERVICE}}},
        singleuser={"extraEnv": {"AWS_SECRET_KEY": EXTRA}},
    )
    yield box
    if box.process is not None:
        box.stop()


@pytest.fixture
def sealing(tmp_path: Path) -> Iterator[Up]:
    config = {"Authenticator": {"enable_auth_state": True}, "CryptKeeper": {"keys": [KEY]}}
    box = Up(tmp_path, hub={"config": config})
    yield box
    if box.process is not None:
        box.stop()


def support(up: Up, target: Path, *more: str) -> dict[str, str]:
    command = [sys.executable, "-m", "perijove", "support", str(target), "--data", str(up.data)]
    done = subprocess.run(
        [*command, *more], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert target.stat().st_mode & 0o777 == 0o600
    with tarfile.open(target) as tar:
        found = {}
        for member in tar:
            file = tar.extractfile(member)
            assert file is not None
            found[member.name.removeprefix("perijove-support/")] = file.read().decode()
    return found


def test_it_holds_what_is_needed_and_no_secret(up: Up, tmp_path: Path) -> None:
    up.start()
    secrets = {it.read_text().strip() for it in (up.data / "secrets").iterdir()}
    headers = {"Authorization": f"token {(up.data / 'secrets' / 'cli-token').read_text().strip()}"}
    assert up.ask("POST", "/hub/api/users/ada", headers)[0] == 201
    status, body = up.ask("POST", "/hub/api/users/ada/tokens", headers, b"{}")
    assert status == 201
    secrets |= {json.loads(body)["token"], SERVICE, EXTRA}
    (up.data / "homes" / "ada").mkdir(parents=True)
    (up.data / "homes" / "ada" / "diary.txt").write_text("a private thought")
    with (up.data / "log" / "hub.log").open("a") as log:
        log.write(f"GET http://x/?token={quote(SERVICE, safe='')} with {EXTRA}\n")
    found = support(up, tmp_path / "a.tar.gz")
    whole = "\n".join(found.values())
    for secret in secrets:
        assert secret not in whole
        assert quote(secret, safe="") not in whole
    assert HIDDEN in found["log/hub.log"]
    assert "diary" not in whole
    assert "a private thought" not in whole
    assert json.loads(found["machine.json"])["packages"]["starlette"]
    assert json.loads(found["settings.json"])["file"] == str(up.file)  # nobody has named it
    assert json.loads(found["settings.json"])["settings"]["proxy"]["port"] == up.public
    assert '"well": true' in found["status.json"]
    assert '"findings"' in found["doctor.json"]
    assert "exit code 0" in found["database.json"]
    assert "perijove.sqlite" in found["files.txt"]
    assert "homes: 1 entries" in found["files.txt"]
    assert '"call": "POST /users/{user}/tokens"' in found["log/audit.log"]
    assert "proxy" in " ".join(found)


def test_it_holds_nothing_of_an_auth_state_neither_plain_nor_sealed(
    tmp_path: Path, sealing: Up
) -> None:
    up, secret = sealing, "gho_nobody_may_read_this"
    up.start()
    headers = {"Authorization": f"token {(up.data / 'secrets' / 'cli-token').read_text().strip()}"}
    assert up.ask("POST", "/hub/api/users/ada", headers)[0] == 201
    body = json.dumps({"auth_state": {"access_token": secret}}).encode()
    status, answer = up.ask("PATCH", "/hub/api/users/ada", headers, body)
    assert (status, json.loads(answer)["auth_state"]) == (200, {"access_token": secret})
    with closing(sqlite3.connect(up.data / "perijove.sqlite")) as database:
        [(sealed,)] = database.execute("SELECT sealed FROM pj_auth_states").fetchall()
    found = support(up, tmp_path / "a.tar.gz")
    whole = "\n".join(found.values())
    assert "perijove.sqlite" in found["files.txt"]
    for text in (secret, sealed, sealed[8:60], KEY):
        assert text not in whole


def test_it_is_written_where_everything_is_broken(up: Up, tmp_path: Path) -> None:
    up.start()
    up.stop()
    up.file.write_text("proxy: {port: nonsense, \x00")
    (up.data / "perijove.sqlite").write_bytes(b"no database at all" * 100)
    found = support(up, tmp_path / "b.tar.gz")
    assert json.loads(found["settings.json"])["problems"]
    assert '"well": false' in found["status.json"]
    assert found["log/hub.log"]
    nothing = subprocess.run(
        [sys.executable, "-m", "perijove", "support", "--data", str(tmp_path / "none")],
        capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert nothing.returncode == 1
    assert "There is no directory" in nothing.stderr
    assert not list(tmp_path.glob("perijove-support-*"))


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Authorization: token abcdef0123456789", "Authorization: (secret)"),
        ("Cookie: jupyterhub-hub-login=xyz; a=b", "Cookie: (secret)"),
        ("connecting to postgresql://hub:pa:ss@db/x", "connecting to postgresql://hub:(secret)@db/x"),
        ("GET /hub/login?token=deadbeef01&x=1", "GET /hub/login?token=(secret)&x=1"),
        ('{"password": "long enough"}', '{"password": "(secret)"}'),
        ("bearer eyJhbGciOi.eyJzdWIi.c2ln", "bearer (secret)"),
        ("the known one is swordfish%2Fx", "the known one is (secret)"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END", "(secret)"),
        ('{"code": "data.full", "path": "/x"}', '{"code": "data.full", "path": "/x"}'),
        ("token 12 of ada; the code is denied", "token 12 of ada; the code is denied"),
        ("server ada/lab: starting -> running", "server ada/lab: starting -> running"),
    ],
)  # fmt: skip
def test_what_looks_like_a_secret_goes_and_the_rest_stays(text: str, kept: str) -> None:
    assert Scrubber(["swordfish/x", "ada"])(text) == kept


def test_keys_in_the_environment_of_servers_stay_here(up: Up, tmp_path: Path) -> None:
    tree = json.loads(up.file.read_text())
    tree["singleuser"]["extraEnv"] = {"OPENAI_KEY": "sk-1234567890abcdef", "MYSQL_PWD": "hush-hush"}
    up.file.write_text(json.dumps(tree))
    (up.data / "log").mkdir(parents=True)
    found = support(up, tmp_path / "c.tar.gz", "-f", str(up.file))
    assert "OPENAI_KEY" in found["settings.json"]
    assert "sk-1234567890abcdef" not in "".join(found.values())
    assert "hush-hush" not in "".join(found.values())
