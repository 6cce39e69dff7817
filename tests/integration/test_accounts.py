"""People: adding, finding, paging through ten thousand, changing and removing them."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from perijove.core.access import require_power
from perijove.core.newcomers import Newcomers
from perijove.core.roles import Roles
from perijove.model.errors import Conflict, Denied, Invalid, Unknown, Untimely
from perijove.model.placement import Placement
from perijove.model.principal import Principal
from perijove.model.server import Desired, Phase, Server
from perijove.model.user import Standing, User
from perijove.store import activity, servers, users
from perijove.store.database import Database
from perijove.store.people import Activeness, Only, Order, Wanted
from tests.doors import Hands, NoRooms, gate, person


def server(id: int, owner: User, phase: Phase) -> Server:
    return Server(
        id=id, user_id=owner.id, user=owner.name, name="", user_options={},
        desired=Desired.RUNNING, phase=phase, since=owner.created, incarnation=1,
        placement=Placement(workload=f"w{id}", port=id, client=f"c{id}", home="h"),
    )  # fmt: skip


async def test_who_is_added_is_found_by_name_and_by_id(database: Database) -> None:
    at = gate(database)
    ada = await at.accounts.create("Ada", display_name="Ada L.", admin=True)
    assert ada.name == "ada"
    assert await at.accounts.named("ada") == ada
    assert await at.accounts.by_id(ada.id) == ada
    assert await at.accounts.named("Ada") is None  # URLs are looked up as they are
    assert await at.accounts.by_id(1) is None


async def test_of_many_who_want_a_name_at_once_one_gets_it(database: Database) -> None:
    at = gate(database)
    tries = [at.accounts.create(name) for name in ["ada", "ADA", "\uff41da"] * 10]
    outcomes = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(isinstance(it, User) for it in outcomes) == 1
    assert sum(isinstance(it, Conflict) for it in outcomes) == 29


async def test_imported_names_may_look_alike(database: Database) -> None:
    at = gate(database)
    for name in ("ada", "\uff41da", "a/b"):
        await at.accounts.add(name)
    assert len(await at.accounts.all()) == 3


async def test_many_are_added_together_or_not_at_all(database: Database) -> None:
    at = gate(database)
    await at.accounts.create("ada")
    newcomers = Newcomers(accounts=at.accounts)
    added = await newcomers.add(["ada", "Bob", "bob", "eve"], admin=True)
    assert [(user.name, user.admin) for user in added.users] == [("bob", True), ("eve", True)]
    assert {name: it.code for name, it in added.failures.items()} == {"ada": "name.taken"}
    for names, error in (
        (["ada", "bob"], Conflict),
        (["new", "\uff41da"], Conflict),
        (["new", "a/b"], Invalid),
    ):
        with pytest.raises(error):
            await newcomers.add(names)
    assert await at.accounts.named("new") is None


async def test_a_page_is_filtered_sorted_and_counted(database: Database) -> None:
    hands = Hands()
    at = gate(database, hands)
    people = {name: await at.accounts.create(name) for name in ("c_1", "ada", "b%b", "bob")}
    await database.write(
        servers.add(server(1, people["ada"], Phase.RUNNING)),
        servers.add(server(2, people["bob"], Phase.STARTING)),
        servers.add(server(3, people["c_1"], Phase.FAILED)),
        activity.of_user(people["bob"].id, people["bob"].created + timedelta(hours=1)),
    )

    async def names(offset: int = 0, limit: int = 50, **wanted: object) -> list[str]:
        which = Wanted(**wanted)  # type: ignore[arg-type]
        found, total = await at.accounts.page(which, offset, limit)
        assert total == len((await at.accounts.page(which, 0, 200))[0])
        return [user.name for user in found]

    assert await names() == ["c_1", "ada", "b%b", "bob"]
    assert await names(order=Order.NAME) == ["ada", "b%b", "bob", "c_1"]
    assert await names(1, 2, order=Order.NAME, descending=True) == ["bob", "b%b"]
    assert (await names(order=Order.LAST_ACTIVITY, descending=True))[0] == "bob"
    assert await names(4, 10) == []
    assert await names(name_filter="B") == ["b%b", "bob"]
    assert await names(name_filter="%") == ["b%b"]
    assert await names(name_filter="_") == ["c_1"]
    assert await names(name_filter="\\") == []
    assert await names(state=Activeness.ACTIVE) == ["ada", "bob"]
    assert await names(state=Activeness.READY) == ["ada"]
    assert await names(state=Activeness.INACTIVE) == ["c_1", "b%b"]


async def test_a_page_of_people_can_be_asked_for_by_what_they_are(database: Database) -> None:
    at = gate(database)
    await at.accounts.create("ada", display_name="Ada Lovelace", admin=True)
    await at.accounts.create("bob", standing=Standing.WAITING)

    async def names(**wanted: object) -> list[str]:
        found, _ = await at.accounts.page(Wanted(**wanted), 0, 10)  # type: ignore[arg-type]
        return [user.name for user in found]

    assert await names(admin=True) == ["ada"]
    assert await names(standing=Standing.WAITING) == ["bob"]
    assert await names(name_filter="LOVE") == []
    assert await names(name_filter="LOVE", anywhere=True) == ["ada"]
    assert await names(name_filter="love", anywhere=True, standing=Standing.WAITING) == []


async def test_a_page_shows_only_those_whom_the_asking_may_see(database: Database) -> None:
    at = gate(database)
    for n in range(5):
        await at.accounts.add(f"u{n}", frozenset({"course"} if n % 2 else {"course", "staff"}))
    some = Only(names=frozenset({"u2", "u4", "nobody"}), groups=frozenset({"staff"}))
    found, total = await at.accounts.page(Wanted(only=some), 1, 1)
    assert ([user.name for user in found], total) == (["u2"], 3)


async def test_ten_thousand_people_are_paged_through_one_page_at_a_time(
    database: Database,
) -> None:
    at = gate(database)
    rows = [
        User(id=n, name=f"u{n:05}", groups=frozenset({"g", "h"}), created=at.accounts.clock())
        for n in range(1, 10_001)
    ]
    for begin in range(0, len(rows), 1000):
        await database.write(*(it for user in rows[begin : begin + 1000] for it in users.add(user)))
    found, total = await at.accounts.page(Wanted(order=Order.NAME), 9_990, 200)
    assert total == 10_000
    assert [user.name for user in found] == [f"u{n:05}" for n in range(9_991, 10_001)]
    assert found[0].groups == {"g", "h"}
    found, total = await at.accounts.page(Wanted(name_filter="u0999"), 0, 200)
    assert (len(found), total) == (10, 10)


async def test_changes_of_many_at_once_are_all_kept(database: Database) -> None:
    at = gate(database)
    ada = await person(at)
    fields: list[dict[str, object]] = [
        {"display_name": "Ada"}, {"language": "zh"}, {"note": "hi"}, {"admin": True},
    ]  # fmt: skip
    await asyncio.gather(*(at.accounts.change(ada, **field) for field in fields))
    now = await at.accounts.by_id(ada.id)
    assert now is not None
    assert (now.display_name, now.language, now.note, now.admin) == ("Ada", "zh", "hi", True)
    assert now.version == ada.version + 4


async def test_who_is_gone_cannot_be_changed(database: Database) -> None:
    at = gate(database)
    ada = await person(at)
    await at.accounts.delete(ada)
    with pytest.raises(Unknown):
        await at.accounts.change(ada, admin=True)


class Busy(NoRooms):
    """A server that takes its time to stop."""

    stops = 0

    async def forget(self, user: User) -> None:
        self.stops += 1
        if self.stops == 1:
            raise Untimely("pending-stop", server=f"{user.name}/")


async def test_who_is_removed_is_shut_out_first_and_gone_when_their_servers_are(
    database: Database,
) -> None:
    at = gate(database, rooms=Busy())
    ada = await person(at)
    with pytest.raises(Untimely):
        await at.accounts.delete(ada)
    still = await at.accounts.by_id(ada.id)
    assert still is not None
    assert still.standing is Standing.BLOCKED
    await at.accounts.delete(still)
    assert await at.accounts.by_id(ada.id) is None


def test_only_administrators_have_power_over_administrators() -> None:
    helper = Principal.of("eve", [])
    whole = Roles().of(User(id=3, name="root", admin=True))
    root = Principal(name="root", kind="user", groups=frozenset(), scopes=whole, admin=True)
    less = replace(root, scopes=frozenset(it for it in whole if it.name != "shutdown"))
    ada, other = User(id=1, name="ada"), User(id=2, name="other", admin=True)
    require_power(helper, ada)
    require_power(root, other)
    require_power(root, ada, admin=True)
    for who in (helper, less):
        for user, admin in ((other, False), (ada, True)):
            with pytest.raises(Denied):
                require_power(who, user, admin=admin)
