"""A body may take hours to come: what its sender may do is decided when it is there."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from urllib.parse import urlencode

from perijove.app import Running
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
