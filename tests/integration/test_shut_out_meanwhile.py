"""Who signs out at one hub gets nothing more of another, which may not know it for a second."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import pytest

from perijove.app import Running
from perijove.model.errors import BadGrant, Stale
from perijove.model.token import Kind
from perijove.model.user import User
from perijove.model.visitor import Visitor
from perijove.settings import of
from perijove.store import clients
from perijove.store.database import Database
from perijove.store.open import open_database
from tests import doors, oauth
from tests.browser import Browser
from tests.databases import SHARED
from tests.parts import hub, user

of({})  # settings read their tables when they are first used
ROUNDS = 12
pytestmark = pytest.mark.parametrize("database_url", SHARED, indirect=True)


@dataclass
class Two:
    """Two hubs on one database, and ada in one browser, whom both know.

    Neither goes on with a stop: where it ends, the server's client goes with it.
    """

    here: Running
    there: Running
    ada: User
    browser: Browser
    visitor: Visitor

    async def left(self) -> list[Kind]:
        """Return what can still be shown in her name, but for her server's own token."""
        tokens = await self.here.hub.tokens.of(self.ada)
        return [each.kind for each in tokens if each.kind is not Kind.SERVER]


@pytest.fixture
async def two(database: Database, database_url: str) -> AsyncIterator[Two]:
    second = await open_database(database_url)
    here, there = await hub(database), await hub(second)
    ada = await user(here)
    yield await signed_in(here, there, ada)
    await second.close()


async def signed_in(here: Running, there: Running, ada: User) -> Two:
    browser = Browser(there)
    await browser.sign_in(ada)
    visitor = await there.hub.sessions.visitor(browser.http.cookies["jupyterhub-hub-login"])
    assert visitor is not None
    return Two(here, there, ada, browser, visitor)


async def block(two: Two) -> None:
    await two.here.hub.accounts.block(two.ada)


async def sign_out(two: Two) -> None:
    await two.here.hub.sessions.end(two.visitor.session)


async def change_password(two: Two) -> None:
    await two.here.hub.accounts.set_password(two.ada, "another good sentence")


WAYS = [sign_out, change_password, block]
Way = Callable[[Two], Awaitable[None]]


@pytest.mark.parametrize("way", WAYS)
async def test_who_was_shut_out_a_moment_ago_is_given_no_code(two: Two, way: Way) -> None:
    client = await oauth.client_of(two.here)
    await way(two)
    answer = await oauth.ask(two.browser, client)
    if answer.status_code == 303:  # it had not heard yet
        answer = await two.browser.http.get(answer.headers["location"])
    assert answer.headers["location"].startswith("/hub/login?next=")


@pytest.mark.parametrize("way", WAYS)
async def test_nor_a_token_by_that_browser_or_by_a_token_of_theirs(two: Two, way: Way) -> None:
    tokens = two.there.hub.tokens
    _, secret = await tokens.make(two.ada, by=two.visitor.principal)
    of_token = await tokens.principal(secret)
    assert of_token is not None
    await way(two)
    with pytest.raises(Stale):
        await tokens.make(two.ada, by=two.visitor.principal)
    if way is not sign_out:  # which ends what this browser was given, and this was made by hand
        with pytest.raises(Stale):
            await tokens.make(two.ada, by=of_token)
        assert await two.left() == []


@pytest.mark.parametrize("way", WAYS)
async def test_whoever_swaps_a_code_at_that_moment_keeps_nothing(two: Two, way: Way) -> None:
    """Whichever of the two comes first, at every moment of the other."""
    client = doors.client_of("ada")
    await two.here.hub.accounts.database.write(*clients.put(client))
    for n in range(ROUNDS):
        two = await signed_in(two.here, two.there, two.ada)
        offer = await two.there.hub.grants.ask(two.visitor, oauth.asked(client))
        code = await two.there.hub.grants.code(two.visitor, offer)

        async def shut_out(now: Two = two, wait: float = n / ROUNDS / 100) -> None:
            await asyncio.sleep(wait)
            await way(now)

        swap = two.there.hub.grants.redeem(oauth.form(client, code))
        outcome, _ = await asyncio.gather(swap, shut_out(), return_exceptions=True)
        assert isinstance(outcome, tuple | BadGrant), outcome
        assert await two.left() == []
        await two.here.hub.accounts.approve(two.ada)
