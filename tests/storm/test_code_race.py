"""A code of OAuth that fifty swap at once, at three hubs on one database: one gets a token."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Connection, update

from perijove.kit.secret import digest
from perijove.store import once
from perijove.store.access_tables import clients
from tests.bar import size
from tests.databases import SOME
from tests.singleuser.browser import Browser, query
from tests.storm.three import Three

AT_ONCE = 50
ROUNDS = size(20, 15, 1000)
ID, SECRET = "jupyterhub-user-u0", "its-secret"
TOKENS = "SELECT count(*) FROM pj_tokens WHERE kind = 'oauth'"
CODES = "SELECT count(*) FROM pj_codes WHERE token_id IS NOT NULL"
TRAITS = {
    "JupyterHub": {"authenticator_class": "dummy"},
    "Authenticator": {"allow_all": True},
}


@pytest.fixture
def three(tmp_path: Path, emptied: str) -> Iterator[Three]:
    """Return three hubs at which u0 has a server, whose secret is SECRET."""
    it = Three(tmp_path, emptied, 1, config=TRAITS)
    try:
        it.begin()
        assert it.box.status("POST", "/u0/server") == 202
        it.box.until(lambda: it.box.ready("/u0/server"), "the server is ready")
        once.writing(emptied, know_its_secret)
        yield it
    finally:
        it.end()


def know_its_secret(connection: Connection) -> None:
    of_it = update(clients).where(clients.c.id == ID)
    connection.execute(of_it.values(secret=digest(SECRET)))


def hub(three: Three, n: int) -> str:
    return f"http://127.0.0.1:{three.ports[n % 3]}/hub"


def code(browser: Browser) -> str:
    asked = {"client_id": ID, "response_type": "code", "redirect_uri": "/user/u0/oauth_callback"}
    answer = browser.client.get("/hub/api/oauth2/authorize", params=asked)
    assert answer.status_code == 302, answer.text
    return query(answer.headers["location"])["code"]


async def swap(three: Three, crowd: list[httpx.AsyncClient], code: str) -> list[httpx.Response]:
    """Swap it at all three at once."""
    form = {"grant_type": "authorization_code", "client_id": ID, "client_secret": SECRET}
    return await asyncio.gather(*(
        each.post(f"{hub(three, n)}/api/oauth2/token", data={**form, "code": code})
        for n, each in enumerate(crowd)
    ))  # fmt: skip


@pytest.mark.parametrize("server_url", SOME, indirect=True)
def test_one_of_fifty_gets_a_token_and_even_that_is_taken_back(three: Three) -> None:
    browsers = [Browser(hub(three, n).removesuffix("/hub")) for n in range(3)]
    for browser in browsers:
        assert browser.sign_in("u0").status_code == 302

    async def race() -> str:
        token, crowd = "", [httpx.AsyncClient(timeout=60) for _ in range(AT_ONCE)]
        for n in range(ROUNDS):
            answers = await swap(three, crowd, await asyncio.to_thread(code, browsers[n % 3]))
            statuses = Counter(answer.status_code for answer in answers)
            assert statuses == {200: 1, 400: AT_ONCE - 1}, (n, statuses)
            refused = {it.json()["error"] for it in answers if it.status_code == 400}
            assert refused == {"invalid_grant"}
            (token,) = [it.json()["access_token"] for it in answers if it.status_code == 200]
        for each in crowd:
            await each.aclose()
        return token

    last = asyncio.run(race())
    assert three.box.ask(CODES) == [(ROUNDS,)]
    assert three.box.ask(TOKENS) == [(0,)]
    time.sleep(1.0)
    shown = {"authorization": f"token {last}"}
    for n in range(3):
        assert httpx.get(f"{hub(three, n)}/api/user", headers=shown).status_code == 403
    for browser in browsers:
        browser.client.close()
