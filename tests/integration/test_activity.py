"""Last activity: only forward, in batches, and never lost in the wrong direction."""

from datetime import timedelta

import pytest

from perijove.core.routes import prefix
from perijove.model.errors import Invalid
from perijove.model.idle import Use
from perijove.store import users
from perijove.store.database import Database
from tests.integration.test_crash import settle
from tests.integration.test_feed import following, start, until
from tests.life import hub, row, user

MINUTE = timedelta(minutes=1)


async def test_a_report_is_shown_at_once_and_written_later(database: Database) -> None:
    life = await hub(database)
    ada = await user(life)
    server = await life.servers.start(ada, "", {})
    now = life.transitions.clock()
    await life.activity.report(ada, now, {"": now})
    assert life.activity.of_server(server) == now
    assert life.activity.of_user(ada) == now
    assert (await row(database)).last_activity is None
    await life.activity.flush()
    assert (await row(database)).last_activity == now
    found = await database.read(users.named("ada"))
    assert found is not None
    assert found.last_activity == now


async def test_what_is_older_than_known_is_ignored_also_across_restarts(
    database: Database,
) -> None:
    life = await hub(database)
    ada = await user(life)
    await life.servers.start(ada, "", {})
    now = life.transitions.clock()
    await life.activity.report(ada, None, {"": now})
    await life.activity.report(ada, None, {"": now - MINUTE})
    await life.activity.flush()
    again = await hub(database)
    await again.activity.report(ada, None, {"": now - MINUTE})
    await again.activity.flush()
    assert (await row(database)).last_activity == now


async def test_what_cannot_be_is_refused_and_nothing_of_it_is_kept(database: Database) -> None:
    life = await hub(database)
    ada = await user(life)
    server = await life.servers.start(ada, "", {})
    now = life.transitions.clock()
    with pytest.raises(Invalid, match="no-such-server"):
        await life.activity.report(ada, now, {"": now, "gpu": now})
    with pytest.raises(Invalid, match="in-the-future"):
        await life.activity.report(ada, now, {"": now + 60 * MINUTE})
    with pytest.raises(Invalid, match="bad-body"):
        await life.activity.report(ada, None, {})
    assert life.activity.of_server(server) is None
    assert life.activity.of_user(ada) is None
    await life.activity.report(ada, now + 58 * MINUTE, {})


async def test_names_that_somebody_makes_up_are_kept_nowhere(database: Database) -> None:
    life = await hub(database)
    ada = await user(life)
    now = life.transitions.clock()
    before = prefix.cache_info().currsize
    for made_up in ({"é" * 100_000: now}, {str(n): now for n in range(1000)}):
        with pytest.raises(Invalid, match="no-such-server"):
            await life.activity.report(ada, None, made_up)
    assert prefix.cache_info().currsize == before


async def test_what_the_proxy_counts_reaches_server_and_owner(database: Database) -> None:
    life = await hub(database)
    async with following(life) as proxy:
        await start(life, "ada")
        await until(proxy, "/user/ada/")
        now = life.transitions.clock()
        life.activity.on_routes({"/user/ada/": now, "/user/gone/": now, "/": now})
        assert life.activity.of_user(await user(life)) == now
        assert life.activity.of_server(await row(database)) == now
        with pytest.raises(Invalid, match="in-the-future"):
            life.activity.on_routes({"/user/ada/": now + timedelta(days=1)})


async def test_what_a_kill_has_lost_is_told_again_or_asked_for(
    database: Database,
) -> None:
    life = await hub(database)
    server = await life.servers.start(await user(life), "", {})
    await settle(life.reconciler)
    life.activity.note_use(server.id, life.transitions.clock())  # never written
    again = await hub(database)
    found = await row(database)
    assert found.used is None
    assert again.activity.use(found) == Use()
    again.activity.note_use(server.id, again.transitions.clock())
    assert again.activity.use(found).used


async def test_many_are_written_in_few_commits(database: Database) -> None:
    life = await hub(database)
    people = [await user(life, f"u{n}") for n in range(250)]
    for person in people:
        life.activity.note_user(person.id)
    await life.activity.flush()
    assert all(it.last_activity for it in await database.read(users.every()))
    assert not life.activity._users
