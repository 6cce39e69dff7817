"""Laws of rights, by Hypothesis, over HTTP: more never allows less, and nobody escalates."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from perijove.app import Running
from perijove.core.access import has_power
from perijove.core.resting import Change
from perijove.core.roles import Roles
from perijove.core.shares import With
from perijove.model.overlap import within
from perijove.model.role import Role
from perijove.model.scope import SCOPES, Kind, Scope, Target, expand, resolved
from perijove.settings import of
from perijove.store.database import Database
from perijove.store.open import open_database
from tests.bar import size
from tests.parts import ADMIN_TOKEN, hub

of({})  # settings read their tables when they are first used
QUIET = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
NAMES = sorted(SCOPES - {"(no_scope)", "inherit", "self"})
FILTERS = [
    "",
    "!user=ada",
    "!user=bob",
    "!group=physics",
    "!group=staff",
    "!server=ada/",
    "!server=ada/lab",
]
texts = st.builds(str.__add__, st.sampled_from(NAMES), st.sampled_from(FILTERS))
MOVING = {"last_activity"}
"""Asking itself changes it."""
LOOKS = [
    "/info", "/users", "/users?state=inactive", "/users/ada", "/users/bob", "/users/eve",
    "/users/nobody", "/groups", "/groups/physics", "/groups/staff", "/groups/nothing",
    "/users/ada/tokens", "/users/bob/tokens", "/users/ada/server", "/users/ada/servers/lab",
    "/users/bob/server", "/usage", "/shares/ada", "/share-codes/bob", "/users/ada/shared",
    "/groups/physics/shared", "/people/drift", "/trash", "/reload",
]  # fmt: skip


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    """Rights are decided above the database; the contract test looks at the others."""
    it = await open_database(f"{tmp_path}/hub.sqlite")
    yield it
    await it.close()


@dataclass
class World:
    """A hub. Hypothesis prints it, so it is short."""

    running: Running = field(repr=False)
    client: httpx.AsyncClient = field(repr=False)
    count: int = 0

    async def begin(self, held: Sequence[str], taught: Sequence[str] = ()) -> str:
        """Make somebody new who holds `held` beside their own; members of `staff` hold `taught`."""
        self.count += 1
        name = f"eve{self.count}"
        nothing, eve, staff = ("read:users:name!user",), frozenset({name}), frozenset({"staff"})
        roles = (
            Role(name="eves", scopes=tuple(held) or nothing, users=eve),
            Role(name="staffs", scopes=tuple(taught) or nothing, groups=staff),
        )
        self.running.hub.roles.become(Roles(roles))  # as a reload does
        self.running.hub.accounts.memory.forget()
        await self.running.hub.accounts.create(name)
        return name

    async def token(self, name: str, *scopes: str) -> dict[str, str]:
        body = {"scopes": list(scopes)} if scopes else {}
        made = await self.client.post(f"/users/{name}/tokens", json=body)
        assert made.status_code == 201, made.text
        return {"authorization": f"token {made.json()['token']}"}

    async def holds(self, name: str) -> frozenset[Scope]:
        user = await self.running.hub.accounts.named(name)
        return await self.running.hub.tokens.holds(user) if user else frozenset()


@pytest.fixture
async def world(database: Database) -> AsyncIterator[World]:
    running = await hub(database, tree={"hub": {"allowNamedServers": True}})
    accounts = running.hub.accounts
    ada, bob = await accounts.create("ada"), await accounts.create("bob")
    await accounts.create("root", admin=True)
    await running.hub.groups.create("physics", members=["ada"])
    await running.hub.groups.create("staff", members=["bob"])
    for user, name in ((ada, ""), (ada, "lab"), (bob, "")):
        await running.hub.servers.start(user, name, {})
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=running.app),
        base_url="http://hub/hub/api",
        headers={"authorization": f"token {ADMIN_TOKEN}"},
    ) as client:
        yield World(running, client)


def shows(more: Any, less: Any) -> bool:
    """Return whether `more` shows all that `less` does: every item, every field, the same."""
    if isinstance(less, dict):
        still = {k: v for k, v in less.items() if k not in MOVING}
        return less.keys() <= more.keys() and all(shows(more[k], v) for k, v in still.items())
    if isinstance(less, list) and all(isinstance(it, dict) for it in less):
        named = {str(it.get("name", it.get("id"))): it for it in more}
        keys = [str(it.get("name", it.get("id"))) for it in less]
        return all(
            key in named and shows(named[key], it) for key, it in zip(keys, less, strict=True)
        )
    return bool(more == less)


@given(few=st.sets(texts, max_size=4), more=st.sets(texts, max_size=4))
@settings(max_examples=size(19, 30, 500), deadline=None, suppress_health_check=QUIET)
async def test_more_scopes_never_allow_less(world: World, few: set[str], more: set[str]) -> None:
    root = Role(
        name="roots", scopes=tuple(sorted(SCOPES - {"self", "inherit"})), users=frozenset({"root"})
    )
    world.running.hub.roles.become(Roles([root]))
    less = await world.token("root", "read:metrics", *few)
    greater = await world.token("root", "read:metrics", *few, *more)
    for path in LOOKS:
        async with asyncio.timeout(20):
            one = await world.client.get(path, headers=less)
            other = await world.client.get(path, headers=greater)
        assert one.status_code in {200, 403, 404}, one.text
        if one.status_code == 200:
            assert other.status_code == 200, f"{path}: {few} may, {few | more} may not"
            if path != "/users/eve":
                assert shows(other.json(), one.json()), path
        if one.status_code == 404:
            assert other.status_code in {200, 404}, path


powers = st.builds(
    str.__add__,
    st.sampled_from(["groups", "admin:groups", "admin:users", "delete:users", "tokens"]),
    st.sampled_from(["", "", "!user=ada", "!group=staff"]),
)
people = st.sampled_from(["eve", "ada", "bob", "root", "new"])
groups = st.sampled_from(["physics", "staff", "staff", "fresh"])
joins = st.tuples(st.just("join"), people, groups)
admins = st.tuples(st.just("admin"), people, st.booleans())
deeds = st.one_of(
    joins,
    joins,
    admins,
    st.tuples(st.just("mint"), people, st.lists(texts, max_size=3)),
    st.tuples(st.just("password"), st.sampled_from(["ada", "bob", "root", "new"]), st.none()),
    joins,
    st.tuples(st.just("leave"), people, groups),
    st.tuples(st.just("group"), people, groups),
    st.tuples(st.just("ungroup"), people, groups),
    admins,
    st.tuples(st.just("person"), people, st.booleans()),
    st.tuples(st.just("delete"), people, st.none()),
)


async def do(world: World, eve: str, headers: dict[str, str], deed: Any) -> httpx.Response:
    kind, name, what = deed
    name = eve if name == "eve" else name
    match kind:
        case "mint":
            body = {"scopes": what} if what else {}
            return await world.client.post(f"/users/{name}/tokens", json=body, headers=headers)
        case "join":
            path, body = f"/groups/{what}/users", {"users": [name]}
            return await world.client.post(path, json=body, headers=headers)
        case "leave":
            path, body = f"/groups/{what}/users", {"users": [name]}
            return await world.client.request("DELETE", path, json=body, headers=headers)
        case "group":
            body = {"groups": [what], "users": [name]}
            return await world.client.post("/groups", json=body, headers=headers)
        case "ungroup":
            return await world.client.delete(f"/groups/{what}", headers=headers)
        case "password":
            body = {"password": "a sentence works well"}
            return await world.client.patch(f"/users/{name}", json=body, headers=headers)
        case "admin":
            body = {"admin": what}
            return await world.client.patch(f"/users/{name}", json=body, headers=headers)
        case "person":
            body = {"usernames": [name], "admin": what}
            return await world.client.post("/users", json=body, headers=headers)
        case _:
            return await world.client.delete(f"/users/{name}", headers=headers)


@given(
    held=st.lists(powers | powers | texts, min_size=1, max_size=4),
    taught=st.lists(texts, min_size=1, max_size=3),
    todo=st.lists(deeds, min_size=3, max_size=8),
)
@settings(max_examples=size(19, 50, 500), deadline=None, suppress_health_check=QUIET)
async def test_nobody_comes_to_hold_what_who_did_it_did_not_hold(
    world: World, held: list[str], taught: list[str], todo: list[Any]
) -> None:
    eve = await world.begin(held, taught)
    await restore(world)
    headers = await world.token(eve)
    everybody = ["ada", "bob", "root", "new", eve]
    powerful = has_power(
        (await world.running.hub.tokens.principal(headers["authorization"][6:])) or nobody()
    )
    for deed in todo:
        may, known = await world.holds(eve), await memberships(world)
        before = {name: await world.holds(name) for name in everybody}
        async with asyncio.timeout(20):
            answer = await do(world, eve, headers, deed)
        assert answer.status_code < 500, answer.text
        owner = eve if deed[1] == "eve" else deed[1]
        if deed[0] == "mint" and answer.status_code == 201:
            given_ = [Scope.parse(text) for text in answer.json()["scopes"]]
            assert within(given_, before[owner], known), deed
            assert powerful or within(given_, may | await reach(world, may), known), deed
        if deed[0] == "password" and answer.status_code == 200:
            assert powerful or within(before[owner], may, known), deed
        for name in everybody if answer.is_success and not powerful else ():
            user = await world.running.hub.accounts.named(name)
            assert not (user and user.admin and name != "root"), f"{name} is an administrator now"
            gained = {it for it in await world.holds(name) - before[name] if it.value != name}
            assert within(gained, may | before[name], known), f"{deed}: {name} gained {gained}"


async def reach(world: World, held: frozenset[Scope]) -> frozenset[Scope]:
    """Return what everybody may as themselves, of those whom `tokens` in `held` selects."""
    makes, found = [it for it in held if it.name == "tokens"], frozenset[Scope]()
    for user in await world.running.hub.accounts.all():
        target = Target(kind=Kind.USER, user=user.name, groups=user.groups)
        if not user.admin and any(it.covers(target) for it in makes):
            found |= expand(resolved([Scope("self")], user=user.name))
    return found


async def memberships(world: World) -> dict[str, frozenset[str]]:
    return {it.name: it.groups for it in await world.running.hub.accounts.all()}


def nobody() -> Any:
    raise AssertionError("the token is good for nobody")


async def restore(world: World) -> None:
    """Put everybody where they were."""
    hub = world.running.hub
    for name in ("ada", "bob", "root"):
        user = await hub.accounts.named(name) or await hub.accounts.create(name)
        if user.admin is not (name == "root"):
            await hub.accounts.change(user, admin=name == "root")
    new = await hub.accounts.named("new")
    if new:
        await hub.accounts.delete(new)
    for group in ("physics", "staff", "fresh"):
        if group in {it.name for it in await hub.groups.all()}:
            await hub.groups.delete(group)
    await hub.groups.create("physics", members=["ada"])
    await hub.groups.create("staff", members=["bob"])
    await share(world)


async def share(world: World) -> None:
    """Let members of `physics` open ada's server `lab`."""
    hub = world.running.hub
    ada = await hub.accounts.named("ada")
    assert ada
    lab = await hub.servers.find(ada, "lab") or await hub.resting.add(ada, "lab", Change())
    await hub.shares.grant(lab, ["access:servers"], With(group="physics"))


async def test_a_token_of_an_administrator_that_holds_less_makes_no_administrator(
    world: World,
) -> None:
    """CVE-2024-41942, and one step further: what counts is the token, not whose it is."""
    less = await world.token("root", "admin:users", "delete:users", "groups", "tokens!user=ada")
    for method, path, body in (
        ("PATCH", "/users/ada", {"admin": True}),
        ("POST", "/users", {"usernames": ["x1"], "admin": True}),
        ("POST", "/users/x2", {"admin": True}),
        ("PATCH", "/users/root", {"admin": False}),
        ("DELETE", "/users/root", None),
    ):
        answer = await world.client.request(method, path, json=body, headers=less)
        assert (answer.status_code, answer.json()["code"]) == (403, "administrators-only"), path
    whole = await world.token("root")
    made = await world.client.patch("/users/ada", json={"admin": True}, headers=whole)
    assert made.json()["admin"] is True


async def test_who_manages_groups_puts_nobody_where_more_is_allowed_than_they_may(
    world: World,
) -> None:
    eve = await world.begin(["groups", "admin:groups"], ["servers!group=physics"])
    headers, name = await world.token(eve), eve
    for path, body in (
        ("/groups/staff/users", {"users": [name]}),
        ("/groups/staff/users", {"users": ["ada", name]}),
    ):
        answer = await world.client.post(path, json=body, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "group.gives-more")
        assert "servers!group=physics" in answer.json()["message"]
    assert (
        await world.client.post("/groups/physics/users", json={"users": [name]}, headers=headers)
    ).status_code == 200
    assert (await world.client.delete("/groups/staff", headers=headers)).status_code == 204
    for made in (
        await world.client.post("/groups/staff", json={"users": [name]}, headers=headers),
        await world.client.post(
            "/groups", json={"groups": ["a", "staff"], "users": [name]}, headers=headers
        ),
    ):
        assert made.status_code == 403, made.text
    assert (await world.client.get("/groups/a")).status_code == 404
    empty = await world.client.post("/groups/staff", json={}, headers=headers)
    assert empty.status_code == 201
    allowed = await world.client.post(
        "/groups/staff/users", json={"users": [name]}
    )  # an administrator
    assert allowed.status_code == 200


@pytest.mark.parametrize("more", ["access:servers!user=ada", "access:servers!group=physics"])
async def test_who_manages_groups_gives_nobody_by_them_what_is_shared(
    world: World, more: str
) -> None:
    await share(world)
    for held, status in ((["groups"], 403), (["groups", more], 200)):
        eve = await world.begin(held)
        them, headers = {"users": [eve]}, await world.token(eve)
        answer = await world.client.post("/groups/physics/users", json=them, headers=headers)
        assert answer.status_code == status, answer.text
        if status == 403:
            assert answer.json()["code"] == "group.gives-more"
            assert "access:servers!server" in answer.json()["message"]
            assert "lab" not in answer.text
    eve = await world.begin(["groups"])
    headers, them = await world.token(eve), {"users": ["ada"]}
    for method in ("DELETE", "POST"):  # whoever may open it anyway gains nothing
        answer = await world.client.request(
            method, "/groups/physics/users", json=them, headers=headers
        )
        assert answer.status_code == 200, answer.text


OF_GROUPS = {
    "named": {"groups": ["gold"], "spawner_override": {"mem_limit": "64G"}},
    "told": {"properties": {"tier": "gold"}, "spawner_override": {"cpu_limit": 64}},
    "both": {
        "groups": ["rich"], "properties": {"paid": True}, "spawner_override": {"cpu_limit": 9},
    },
}  # fmt: skip
OVERRIDDEN = of({"hub": {"config": {"Spawner": {"group_overrides": OF_GROUPS}}}}).profiles


async def test_who_manages_groups_gives_nobody_by_them_other_servers(world: World) -> None:
    """A course lead: whoever holds `groups` for one group or all, but is no administrator."""
    eve = await world.begin(["groups", "admin:groups"])
    hub, ask = world.running.hub, world.client.request
    hub.servers.profiles = OVERRIDDEN  # as a reload does
    await hub.groups.create("gold", members=["bob"])
    await hub.groups.create("rich")
    await hub.groups.create("paying", members=["bob"])
    await hub.groups.describe("paying", {"tier": "gold"})
    headers, them = await world.token(eve), {"users": [eve]}
    for method, path, body, overrides in (
        ("POST", "/groups/gold/users", them, "named"),
        ("POST", "/groups/paying/users", them, "told"),
        ("PUT", "/groups/physics/properties", {"tier": "gold", "x": 1}, "told"),
        ("PUT", "/groups/paying/properties", {"tier": "tin"}, "told"),
        ("PUT", "/groups/rich/properties", {"paid": True, "tier": "gold"}, "both, told"),
    ):
        answer = await ask(method, path, json=body, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "group.overrides"), path
        assert f"(group_overrides: {overrides})" in answer.json()["message"]
    assert (await hub.groups.named("physics")).properties == {}
    assert (await hub.groups.named("gold")).users == ("bob",)
    for method, path, harmless in (
        ("POST", "/groups/gold/users", {"users": ["bob"]}),  # who is one already
        ("POST", "/groups/rich/users", them),
        ("PUT", "/groups/rich/properties", {"paid": 1}),  # 1 is not true
        ("PUT", "/groups/paying/properties", {"tier": "gold", "room": 3}),
        ("DELETE", "/groups/paying/users", {"users": ["bob"]}),
        ("DELETE", "/groups/gold", None),
    ):
        answer = await ask(method, path, json=harmless, headers=headers)
        assert answer.is_success, (path, answer.text)
    for path, made in (("/groups/gold", them), ("/groups", {"groups": ["a", "gold"], **them})):
        assert (await ask("POST", path, json=made, headers=headers)).status_code == 403, path
    assert (await ask("POST", "/groups/gold", json=them)).status_code == 201
    answer = await ask("PUT", "/groups/rich/properties", json={"paid": True})
    assert answer.status_code == 200, "administrators may"
