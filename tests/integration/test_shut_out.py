"""Who is shut out keeps nothing: no session, no token, no server; whenever a kill comes."""

import pytest

from perijove.app import Running
from perijove.model.server import Desired
from perijove.model.user import Standing, User
from perijove.settings import of
from perijove.spawners.fake import FakeSpawner
from perijove.store.database import Database
from tests.parts import hub, row, user

of({})  # settings read their tables when they are first used


async def settled(database: Database) -> tuple[Running, User, str, str]:
    """Return a hub at which ada has a session, a token and a server."""
    running = await hub(database, FakeSpawner("i"))
    ada = await user(running)
    cookie, _ = await running.hub.sessions.begin(ada, address="", agent="")
    visitor = await running.hub.sessions.visitor(cookie)
    assert visitor is not None
    _, token = await running.hub.tokens.make(ada, by=visitor.principal)
    await running.hub.servers.start(ada, "", {})
    return running, ada, cookie, token


@pytest.mark.parametrize("no", ["block", "decline"])
async def test_who_was_let_in_and_is_not_any_more_gets_nothing_back_with_the_account(
    database: Database, no: str
) -> None:
    running, ada, cookie, token = await settled(database)
    await getattr(running.hub.accounts, no)(ada)
    assert (await row(database)).desired is Desired.STOPPED
    await running.hub.accounts.approve(ada)
    assert await running.hub.sessions.visitor(cookie) is None
    assert await running.hub.tokens.principal(token) is None


@pytest.mark.parametrize("standing", [Standing.BLOCKED, Standing.DECLINED])
async def test_a_kill_before_their_servers_are_asked_to_stop_is_made_good_at_the_next_start(
    database: Database, standing: Standing
) -> None:
    running, ada, *_ = await settled(database)
    await running.hub.servers.start(await user(running, "bob"), "", {})
    await running.hub.accounts.change(ada, standing=standing)  # and here the hub is killed
    await hub(database, FakeSpawner("i"))
    assert (await row(database)).desired is Desired.STOPPED
    assert (await row(database, "jupyter-bob")).desired is Desired.RUNNING
