"""A body may be long on its way: it costs little, and what its sender may do is decided then."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from urllib.parse import urlencode

import pytest

from perijove.app import Running
from perijove.http.asked import LARGEST_OF_ANYBODY
from perijove.model.token import Kind
from perijove.settings import of
from perijove.spawners.fake import FakeSpawner
from perijove.store.database import Database
from tests.browser import Browser
from tests.parts import hub, user

FORM = {"content-type": "application/x-www-form-urlencoded"}
JSON = {"content-type": "application/json"}
of({})  # settings read their tables when they are first used


async def dribble(text: bytes, meanwhile: Awaitable[object]) -> AsyncIterator[bytes]:
    """Send a body of which the end comes after something has happened."""
    yield text[:1]
    await asyncio.sleep(0.1)
    await meanwhile
    yield text[1:]


async def signed_in(database: Database) -> tuple[Running, Browser, str]:
    running = await hub(database, FakeSpawner("i"))
    browser = Browser(running)
    await browser.sign_in(await user(running))
    return running, browser, await browser.xsrf()


async def test_a_page_posted_by_who_is_signed_out_meanwhile_makes_no_token(
    database: Database,
) -> None:
    running, browser, xsrf = await signed_in(database)
    ada = await user(running)
    form = urlencode({"_xsrf": xsrf, "note": "x", "scopes": "inherit"}).encode()
    body = dribble(form, running.hub.sessions.end_all(ada))
    answer = await browser.post("hub/token", content=body, headers=FORM)
    assert answer.status_code == 403
    assert [it for it in await running.hub.tokens.of(ada) if it.kind is Kind.API] == []


async def test_who_is_blocked_while_they_ask_for_a_start_gets_none(database: Database) -> None:
    running, browser, xsrf = await signed_in(database)
    ada = await user(running)
    body = dribble(b"{}", running.hub.accounts.block(ada))
    path = f"hub/api/users/ada/server?_xsrf={xsrf}"
    answer = await browser.post(path, content=body, headers=JSON)
    assert answer.status_code == 403
    assert await running.hub.servers.of(ada) == []


async def test_who_is_no_administrator_any_more_when_the_body_is_there_changes_nobody(
    database: Database,
) -> None:
    running = await hub(database, FakeSpawner("i"))
    ada, bob = await user(running, admin=True), await user(running, "bob")
    browser = Browser(running)
    await browser.sign_in(ada)
    path = f"/hub/api/users/bob?_xsrf={await browser.xsrf()}"
    body = dribble(b'{"admin":true}', running.hub.accounts.change(ada, admin=False))
    answer = await browser.http.patch(path, content=body, headers=JSON)
    assert answer.status_code == 403
    found = await running.hub.accounts.by_id(bob.id)
    assert found is not None
    assert not found.admin


async def test_a_slow_line_alone_is_no_reason_to_refuse(database: Database) -> None:
    running, browser, xsrf = await signed_in(database)
    path = f"hub/api/users/ada/server?_xsrf={xsrf}"
    body = dribble(b"{}", asyncio.sleep(0))
    answer = await browser.post(path, content=body, headers=JSON)
    assert answer.status_code == 202
    assert len(await running.hub.servers.of(await user(running))) == 1


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("hub/login", FORM),
        ("hub/signup", FORM),
        ("hub/api/oauth2/token", FORM),
        ("hub/api/users/ada/tokens", JSON),
        ("hub/security/csp-report", JSON),
    ],
)
async def test_of_who_is_unknown_little_is_read(
    database: Database, path: str, kind: dict[str, str]
) -> None:
    running = await hub(database, FakeSpawner("i"))
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        for _ in range(64):
            read += 16_384
            yield b"a" * 16_384

    answer = await Browser(running).post(path, content=endless(), headers=kind)
    assert answer.status_code in {400, 413}
    assert read <= LARGEST_OF_ANYBODY + 16_384


async def test_a_body_that_does_not_come_is_not_waited_for(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("perijove.http.asked._PATIENCE", 0.05)
    running = await hub(database, FakeSpawner("i"))

    async def stuck() -> AsyncIterator[bytes]:
        yield b"username=ada"
        await asyncio.sleep(60)

    async with asyncio.timeout(20):
        answer = await Browser(running).post("hub/login", content=stuck(), headers=FORM)
    assert answer.status_code == 400


async def test_a_flood_of_reports_is_counted_and_washes_no_log_away(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    running = await hub(database, FakeSpawner("i"))
    browser = Browser(running)
    for _ in range(600):
        await browser.post("hub/security/csp-report", content=b"x")
    assert running.hub.timings.reports == 600
    told = [record for record in caplog.records if "broke its policy" in record.getMessage()]
    assert len(told) == 103  # the first hundred, and the 128th, 256th and 512th
