"""An authenticator that manages groups and roles, and changes them between two sign-ins."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from perijove.app import Running, running_hub
from perijove.kit.clock import Clock
from perijove.kit.journal import Journal
from perijove.settings import of
from perijove.spawners.fake import FakeSpawner
from perijove.store.database import Database
from perijove.store.roles import every as every_role
from tests.directory import PASSWORD, Directory, role
from tests.parts import ADMIN_TOKEN, parts
from tests.web.desk import Browser, Desk

MANAGES = {
    "allow_all": True, "manage_groups": True, "manage_roles": True,
}  # fmt: skip
TUTOR = role("tutor", "list:users!group=physics", "read:users!group=physics")


@dataclass
class Place:
    """Hubs on one database, and the directory that they ask."""

    database: Database
    directory: Directory = field(default_factory=Directory)
    clock: Clock | None = None
    journal: Journal | None = None
    stack: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def hub(self, tree: Mapping[str, Any] | None = None, **traits: Any) -> "At":
        return await self.stack.enter_async_context(self.briefly(tree, **traits))

    @asynccontextmanager
    async def briefly(
        self, tree: Mapping[str, Any] | None = None, **traits: Any
    ) -> AsyncIterator["At"]:
        more = tree or {}
        config = {"Authenticator": {**MANAGES, **traits}, **more.get("config", {})}
        given = {"hub": {"config": config, **more.get("hub", {})}}
        settings = await asyncio.to_thread(of, given)
        spawner = FakeSpawner("i")
        made = parts(
            self.database, spawner, self.clock, authenticator=self.directory, journal=self.journal
        )
        async with running_hub(settings, made) as running:
            transport = httpx.ASGITransport(app=running.app)
            async with httpx.AsyncClient(
                transport=transport,
                base_url="http://hub/hub/api",
                headers={"authorization": f"token {ADMIN_TOKEN}"},
            ) as client:
                yield At(running, client)


@dataclass
class At:
    running: Running
    client: httpx.AsyncClient

    async def enter(self, name: str) -> dict[str, str]:
        """Sign in on the page; return what shows a token of whoever that is."""
        entered = await self.signed_in(name)
        assert entered.url.path != "/hub/login", entered.text
        made = await self.client.post(f"/users/{name}/tokens")
        assert made.status_code == 201, made.text
        return {"authorization": f"token {made.json()['token']}"}

    async def signed_in(self, name: str) -> httpx.Response:
        return await self.browser().sign_in(name, PASSWORD)

    def browser(self, language: str = "en") -> Browser:
        return Browser(Desk(running=self.running, spawner=FakeSpawner("i"), first=Path()), language)

    async def of(self, name: str) -> dict[str, Any]:
        answer = await self.client.get(f"/users/{name}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def scopes(self, token: dict[str, str]) -> set[str]:
        answer = await self.client.get("/user", headers=token)
        assert answer.status_code == 200, answer.text
        return set(answer.json()["scopes"])


@pytest.fixture
async def place(database: Database) -> AsyncIterator[Place]:
    it = Place(database)
    async with it.stack:
        yield it


async def test_groups_are_those_of_the_last_sign_in(place: Place) -> None:
    at, directory = await place.hub(), place.directory
    await at.client.post("/groups/staff", json={"users": []})
    directory.put("ada", groups=frozenset({"physics", "staff"}))
    await at.enter("ada")
    assert (await at.of("ada"))["groups"] == ["physics", "staff"]
    directory.put("ada", groups=frozenset({"staff", "天文"}))
    assert (await at.of("ada"))["groups"] == ["physics", "staff"]  # until they come again
    await at.enter("ada")
    assert (await at.of("ada"))["groups"] == ["staff", "天文"]
    assert (await at.client.get("/groups/physics")).json()["users"] == []  # it stays, empty
    directory.put("ada", groups=None)  # it says nothing, so nothing is changed
    await at.enter("ada")
    assert (await at.of("ada"))["groups"] == ["staff", "天文"]
    directory.put("ada", groups=frozenset())
    await at.enter("ada")
    assert (await at.of("ada"))["groups"] == []


async def test_a_group_gives_its_role_at_the_sign_in_and_takes_it(place: Place) -> None:
    tree = {"hub": {"loadRoles": {"looks": {"scopes": ["read:hub"], "groups": ["staff"]}}}}
    at, directory = await place.hub(tree), place.directory
    directory.put("ada", groups=frozenset({"staff"}))
    token = await at.enter("ada")
    assert (await at.client.get("/info", headers=token)).status_code == 200
    directory.put("ada", groups=frozenset())
    await at.enter("ada")
    assert (await at.client.get("/info", headers=token)).status_code == 403


async def test_the_group_api_works_beside_it_until_the_next_sign_in(place: Place) -> None:
    at, directory = await place.hub(), place.directory
    directory.put("ada", groups=frozenset({"physics"}))
    await at.enter("ada")
    made = await at.client.post("/groups/club", json={"users": ["ada"]})
    assert made.status_code == 201
    put = await at.client.put("/groups/physics/properties", json={"room": 7})
    assert put.status_code == 200
    assert (await at.of("ada"))["groups"] == ["club", "physics"]
    await at.enter("ada")
    assert (await at.of("ada"))["groups"] == ["physics"]
    assert (await at.client.get("/groups/physics")).json()["properties"] == {"room": 7}
    gone = await at.client.delete("/groups/physics")
    assert gone.status_code == 204
    await at.enter("ada")
    assert (await at.of("ada"))["groups"] == ["physics"]


async def test_roles_are_those_of_the_last_sign_in_beside_those_of_the_configuration(
    place: Place,
) -> None:
    tree = {"hub": {"loadRoles": {"looks": {"scopes": ["read:hub"], "users": ["ada"]}}}}
    at, directory = await place.hub(tree), place.directory
    directory.put("ada", groups=frozenset({"physics"}), roles=(TUTOR,))
    token = await at.enter("ada")
    assert (await at.of("ada"))["roles"] == ["looks", "tutor", "user"]
    assert await at.scopes(token) >= {"read:hub", *TUTOR.scopes}
    listed = await at.client.get("/users", headers=token)
    assert [it["name"] for it in listed.json()] == ["ada"]
    directory.put("ada", roles=(role("marker", "read:users:name!group=physics"),))
    await at.enter("ada")
    assert (await at.of("ada"))["roles"] == ["looks", "marker", "user"]
    now = await at.scopes(token)  # the token that inherits, of before
    assert "list:users!group=physics" not in now
    assert {"read:hub", "read:users:name!group=physics"} <= now
    directory.put("ada", roles=())
    await at.enter("ada")
    assert (await at.of("ada"))["roles"] == ["looks", "user"]


async def test_a_role_that_means_something_else_now_does_so_for_all_who_have_it(
    place: Place,
) -> None:
    at, directory = await place.hub(), place.directory
    for name in ("ada", "bob"):
        directory.put(name, roles=(TUTOR,))
    ada, _ = await at.enter("ada"), await at.enter("bob")
    directory.put("bob", roles=(role("tutor", "read:hub"),))
    await at.enter("bob")
    now = await at.scopes(ada)
    assert "read:hub" in now
    assert "list:users!group=physics" not in now


async def test_whom_the_directory_makes_an_administrator_it_can_unmake(place: Place) -> None:
    at, directory = await place.hub(), place.directory
    directory.put("ada", roles=(role("admin"),))
    token = await at.enter("ada")
    assert (await at.of("ada"))["admin"] is True
    assert (await at.client.post("/users/x1", headers=token)).status_code == 201
    directory.put("ada", roles=())
    await at.enter("ada")
    assert (await at.of("ada"))["admin"] is False
    assert (await at.client.post("/users/x2", headers=token)).status_code == 403
    # whom an administrator has made one stays one
    await at.client.patch("/users/ada", json={"admin": True})
    await at.enter("ada")
    assert (await at.of("ada"))["admin"] is True


async def test_what_the_administrator_says_is_not_what_the_directory_says(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    tree = {"hub": {"loadRoles": {"tutor": {"scopes": ["read:hub"]}}}}
    at, directory = await place.hub(tree), place.directory
    directory.put("ada", roles=(TUTOR, role("admin", "proxy"), role("user", "shutdown")))
    scopes = await at.scopes(await at.enter("ada"))
    assert "read:hub" in scopes
    assert "list:users!group=physics" not in scopes
    assert "the role tutor is what the configuration says" in caplog.text
    directory.put("ada", roles=(role("user", "shutdown"),))
    assert "shutdown" not in await at.scopes(await at.enter("ada"))


NASTY_GROUPS = frozenset(
    {"", "a\0b", "x" * 256, "line\nbreak", "\ud800", "ok", "O'Brien; --", "<b>"}
)
NASTY_ROLES = (
    role("x"), role("Tutor", "read:hub"), role("a\0b"), role("../../etc"), role("y" * 300),
    role("wrong", "everything"), role("half", "read:hub", "users!user="), role("tutor", "read:hub"),
    role("tutor", "proxy"), role("\ud800ab"),
)  # fmt: skip


async def test_what_makes_no_sense_is_left_out_and_lets_the_rest_through(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    at, directory = await place.hub(), place.directory
    directory.put("ada", groups=NASTY_GROUPS, roles=NASTY_ROLES)
    token = await at.enter("ada")
    found = await at.of("ada")
    assert found["groups"] == ["<b>", "O'Brien; --", "ok"]
    assert found["roles"] == ["tutor", "user"]
    held = await at.scopes(token)
    assert "proxy" in held  # the last of one name counts
    assert "read:hub" not in held
    assert "bad-scope" in caplog.text


async def test_of_a_flood_of_groups_the_first_thousand_count(place: Place) -> None:
    at, directory = await place.hub(), place.directory
    directory.put("ada", groups=frozenset(f"g{n:05}" for n in range(1100)))
    await at.enter("ada")
    assert len((await at.of("ada"))["groups"]) == 1000


async def test_unmanaged_nothing_of_it_counts(place: Place) -> None:
    at, directory = await place.hub(manage_groups=False, manage_roles=False), place.directory
    directory.put("ada", groups=frozenset({"physics"}), roles=(TUTOR, role("admin")))
    await at.enter("ada")
    found = await at.of("ada")
    assert (found["groups"], found["roles"], found["admin"]) == ([], ["user"], False)


async def test_roles_are_kept_over_a_restart_unless_they_are_reset(place: Place) -> None:
    directory = place.directory
    directory.put("ada", groups=frozenset({"physics"}), roles=(TUTOR, role("admin")))
    directory.put("bob", roles=(role("admin"),))
    async with place.briefly() as at:
        token, _ = await at.enter("ada"), await at.enter("bob")
    async with place.briefly() as at:
        assert (await at.of("ada"))["roles"] == ["admin", "tutor", "user"]
        assert await at.scopes(token) >= {*TUTOR.scopes, "admin:users"}
        await at.client.patch("/users/bob", json={"admin": False})
    async with place.briefly(reset_managed_roles_on_startup=True) as at:
        found = await at.of("ada")
        assert (found["roles"], found["admin"]) == (["user"], False)
        assert found["groups"] == ["physics"]
        assert not await at.scopes(token) & {*TUTOR.scopes, "admin:users"}
        await at.enter("ada")
        assert await at.scopes(token) >= {*TUTOR.scopes, "admin:users"}


async def test_a_reset_takes_what_the_authenticator_gave_and_nothing_that_others_gave(
    place: Place,
) -> None:
    tree = {"hub": {"loadRoles": {"looks": {"scopes": ["read:hub"], "users": ["ada", "bob"]}}}}
    directory = place.directory
    directory.put("ada", roles=(TUTOR, role("admin")))
    directory.put("bob", roles=(TUTOR,))
    async with place.briefly(tree) as at:
        token, _ = await at.enter("ada"), await at.enter("bob")
        await at.client.patch("/users/bob", json={"admin": True})  # by hand
        directory.put("ada", roles=(TUTOR,))
        await at.enter("ada")
        found = await at.of("ada")  # taken at the next sign-in, the rest stays
        assert (found["roles"], found["admin"]) == (["looks", "tutor", "user"], False)
        assert {it.name for it in await place.database.read(every_role())} == {"tutor"}
    async with place.briefly(tree, reset_managed_roles_on_startup=True) as at:
        assert await place.database.read(every_role()) == []
        ada, bob = await at.of("ada"), await at.of("bob")
        assert (ada["roles"], ada["admin"]) == (["looks", "user"], False)
        assert (bob["roles"], bob["admin"]) == (["admin", "looks", "user"], True)
        held = await at.scopes(token)
        assert "read:hub" in held
        assert not held & {*TUTOR.scopes}


async def test_hubs_of_one_database_say_the_same(place: Place) -> None:
    one, other, directory = await place.hub(), await place.hub(), place.directory
    directory.put("ada", roles=(TUTOR,))
    token = await one.enter("ada")
    assert await other.scopes(token) >= {*TUTOR.scopes}  # it has never heard of that role
    directory.put("bob", roles=(role("tutor", "read:hub"),))
    await one.enter("bob")
    async with asyncio.timeout(20):
        while "read:hub" not in await other.scopes(token):
            await asyncio.sleep(0.1)
    assert not await other.scopes(token) & {*TUTOR.scopes}


async def test_many_who_come_at_once_to_several_hubs_agree(place: Place) -> None:
    hubs, directory = [await place.hub() for _ in range(3)], place.directory
    names = [f"u{n}" for n in range(12)]
    for name in names:
        directory.put(
            name, groups=frozenset({"physics", "staff"}), roles=(TUTOR, role("new", "proxy"))
        )
    async with asyncio.timeout(60):
        await asyncio.gather(*(hubs[n % 3].enter(name) for n, name in enumerate([*names, *names])))
    for at in hubs:
        for name in names:
            found = await at.of(name)
            assert found["groups"] == ["physics", "staff"]
            assert found["roles"] == ["new", "tutor", "user"]
        members = (await at.client.get("/groups/physics")).json()["users"]
        assert members == sorted(names)


async def test_who_may_not_enter_changes_nothing(place: Place) -> None:
    at, directory = await place.hub(allow_all=False, allowed_users=["ada"]), place.directory
    directory.put("eve", groups=frozenset({"physics"}), roles=(TUTOR, role("admin")))
    assert (await at.signed_in("eve")).status_code == 403
    assert (await at.client.get("/users/eve")).status_code == 404
    assert (await at.client.get("/groups/physics")).status_code == 404


@pytest.mark.parametrize("manages", [True, False])
async def test_whom_it_says_to_be_no_administrator_is_none_any_more(
    place: Place, *, manages: bool
) -> None:
    at = await place.hub(manage_roles=manages, admin_users=["bob"])
    directory = place.directory
    roles = () if manages else None
    for name in ("ada", "bob"):
        directory.put(name, admin=True, roles=roles)
    token = await at.enter("ada")
    assert (await at.client.post("/users/x1", headers=token)).status_code == 201
    directory.put("ada", admin=None)  # it says nothing, so that stays
    await at.enter("ada")
    assert (await at.of("ada"))["admin"] is True
    for name in ("ada", "bob"):
        directory.put(name, admin=False)
        await at.enter(name)
    assert (await at.of("ada"))["admin"] is False
    assert (await at.client.post("/users/x2", headers=token)).status_code == 403
    assert (await at.of("bob"))["admin"] is True  # the configuration says so
    await at.client.patch("/users/ada", json={"admin": True})
    await at.enter("ada")
    assert (await at.of("ada"))["admin"] is False


async def test_a_role_makes_an_administrator_of_whom_it_else_says_to_be_none(place: Place) -> None:
    at, directory = await place.hub(), place.directory
    directory.put("ada", admin=False, roles=(role("admin"),))
    await at.enter("ada")
    await at.enter("ada")
    assert (await at.of("ada"))["admin"] is True
    directory.put("ada", roles=None)  # no word of roles, but of this one
    await at.enter("ada")
    found = await at.of("ada")
    assert (found["admin"], found["roles"]) == (False, ["user"])
