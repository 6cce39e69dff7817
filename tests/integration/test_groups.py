"""Groups by the API, and people as the values say them."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from perijove.app import Running, running_hub
from perijove.core.people import Kind
from perijove.model.user import Standing
from perijove.settings import of
from perijove.spawners.fake import FakeSpawner
from perijove.store.database import Database
from perijove.store.people import Activeness, Order, Wanted
from tests.parts import ADMIN_TOKEN, parts

PROFILES = [
    {"display_name": "Large", "default": True},
    {"display_name": "Small"},
    {"display_name": "Lab"},
]
PEOPLE: dict[str, Any] = {
    "users": {
        "ada": {"displayName": "Ada L.", "admin": True, "groups": ["staff"]},
        "Grace": None,
    },
    "groups": {
        "physics": {
            "users": ["grace", "lin"],
            "properties": {"room": 7},
            "roles": ["reads"],
            "profiles": ["large"],
            "limits": {"servers": 2},
        },
        "staff": {"profiles": ["lab"]},
    },
}
ROLES = {"reads": {"scopes": ["list:users!group=physics", "read:users:name!group=physics"]}}
HUB = {"allowNamedServers": True, "namedServerLimitPerUser": 1, "loadRoles": ROLES}


@asynccontextmanager
async def served(
    database: Database, tree: Mapping[str, Any]
) -> AsyncIterator[tuple[Running, httpx.AsyncClient]]:
    spawner = FakeSpawner("i")
    settings = await asyncio.to_thread(of, tree)  # it reads files
    async with running_hub(settings, parts(database, spawner)) as running:
        spawner.instance = running.life.instance.id
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app=running.app),
            base_url="http://hub/hub/api",
            headers={"authorization": f"token {ADMIN_TOKEN}"},
        ) as client:
            yield running, client


@pytest.fixture
async def client(database: Database) -> AsyncIterator[httpx.AsyncClient]:
    async with served(database, {}) as (running, it):
        for name in ("ada", "bob", "eve"):
            await running.hub.accounts.create(name)
        yield it


@pytest.fixture
async def told(database: Database) -> AsyncIterator[tuple[Running, httpx.AsyncClient]]:
    tree = {"hub": HUB, "singleuser": {"profileList": PROFILES}, "people": PEOPLE}
    async with served(database, tree) as it:
        yield it


async def token(client: httpx.AsyncClient, user: str, *scopes: str) -> dict[str, str]:
    body = {"scopes": list(scopes)} if scopes else {}
    made = await client.post(f"/users/{user}/tokens", json=body)
    assert made.status_code == 201, made.text
    return {"authorization": f"token {made.json()['token']}"}


async def test_a_group_is_made_shown_changed_and_deleted(client: httpx.AsyncClient) -> None:
    made = await client.post("/groups/physics", json={"users": ["bob", "ada", "bob"]})
    whole = {
        "kind": "group", "name": "physics", "users": ["ada", "bob"], "roles": [], "properties": {},
    }  # fmt: skip
    assert (made.status_code, made.json()) == (201, whole)
    assert (await client.get("/users/bob")).json()["groups"] == ["physics"]
    joined = await client.post("/groups/physics/users", json={"users": ["eve", "ada"]})
    assert joined.json()["users"] == ["ada", "bob", "eve"]
    left = await client.request("DELETE", "/groups/physics/users", json={"users": ["bob"]})
    assert left.json()["users"] == ["ada", "eve"]
    put = await client.put("/groups/physics/properties", json={"room": [7, None]})
    assert put.json()["properties"] == {"room": [7, None]}
    put = await client.put("/groups/physics/properties", json={})
    assert (await client.get("/groups/physics")).json() == put.json() == {
        **whole, "users": ["ada", "eve"],
    }  # fmt: skip
    await client.delete("/users/eve")
    assert (await client.get("/groups/physics")).json()["users"] == ["ada"]
    assert (await client.delete("/groups/physics")).status_code == 204
    assert (await client.get("/groups/physics")).status_code == 404
    assert (await client.get("/users/ada")).json()["groups"] == []
    again = await client.post("/groups/physics")
    assert again.json()["users"] == []  # who was in the old one is not in the new one


async def test_many_groups_are_made_at_once_or_none(client: httpx.AsyncClient) -> None:
    made = await client.post("/groups", json={"groups": ["b", "a"], "users": ["ada"]})
    assert [(it["name"], it["users"]) for it in made.json()] == [("b", ["ada"]), ("a", ["ada"])]
    assert (await client.post("/groups", json={"groups": ["c", "a"]})).status_code == 409
    assert [it["name"] for it in (await client.get("/groups")).json()] == ["a", "b"]
    paged = {"accept": "application/jupyterhub-pagination+json"}
    first = (await client.get("/groups?limit=1", headers=paged)).json()
    assert [it["name"] for it in first["items"]] == ["a"]
    after = (await client.get(first["_pagination"]["next"]["url"], headers=paged)).json()
    assert [it["name"] for it in after["items"]] == ["b"]
    assert after["_pagination"]["next"] is None


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/groups/physics", {"users": ["nobody"]}, 400),
        ("POST", "/groups/physics", {"properties": {}}, 400),
        ("POST", "/groups/physics", {"users": "ada"}, 400),
        ("POST", "/groups/a%0Ab", {}, 400),
        ("POST", "/groups", {"groups": []}, 400),
        ("POST", "/groups", {"groups": [""]}, 400),
        ("POST", "/groups", {"groups": ["x" * 256]}, 400),
        ("POST", "/groups/known", {}, 409),
        ("DELETE", "/groups/unknown", None, 404),
        ("POST", "/groups/unknown/users", {"users": ["ada"]}, 404),
        ("POST", "/groups/known/users", {"users": ["ada", "nobody"]}, 400),
        ("POST", "/groups/known/users", {}, 400),
        ("DELETE", "/groups/known/users", {"users": ["bob", "nobody"]}, 400),
        ("PUT", "/groups/unknown/properties", {}, 404),
        ("PUT", "/groups/known/properties", [1], 400),
    ],
)
async def test_what_makes_no_sense_is_refused_and_changes_nothing(
    client: httpx.AsyncClient, method: str, path: str, body: Any, status: int
) -> None:
    before = (await client.post("/groups/known", json={"users": ["bob"]})).json()
    answer = await client.request(method, path, json=body)
    assert (answer.status_code, answer.json()["status"]) == (status, status)
    assert (await client.get("/groups")).json() == [before]


async def test_a_filtered_scope_opens_its_group_alone(client: httpx.AsyncClient) -> None:
    await client.post("/groups", json={"groups": ["a", "b"], "users": ["ada"]})
    made = await client.post("/users/eve/tokens", json={})
    assert made.status_code == 201
    nobody = {"authorization": f"token {made.json()['token']}"}
    assert (await client.get("/groups", headers=nobody)).status_code == 403
    assert (await client.get("/groups/a", headers=nobody)).status_code == 403


async def test_a_role_of_a_group_lets_its_members_see_what_it_says(
    told: tuple[Running, httpx.AsyncClient],
) -> None:
    _, client = told
    assert (await client.get("/groups/physics")).json()["roles"] == ["reads"]
    grace = await token(client, "grace")
    seen = (await client.get("/users", headers=grace)).json()
    assert [it["name"] for it in seen] == ["grace", "lin"]
    await client.request("DELETE", "/groups/physics/users", json={"users": ["grace"]})
    assert (await client.get("/users", headers=grace)).status_code == 403


async def test_ten_clients_that_move_the_same_people_lose_nothing(
    client: httpx.AsyncClient,
) -> None:
    await client.post("/groups/g")
    them = {"users": ["ada", "bob", "eve"]}
    joins = [client.post("/groups/g/users", json=them) for _ in range(10)]
    assert {it.status_code for it in await asyncio.gather(*joins)} == {200}
    assert (await client.get("/groups/g")).json()["users"] == ["ada", "bob", "eve"]


async def test_people_are_as_the_values_say(told: tuple[Running, httpx.AsyncClient]) -> None:
    running, client = told
    assert (await client.get("/people/drift")).json() == {"differences": []}
    ada = (await client.get("/users/ada")).json()
    assert (ada["admin"], ada["groups"], ada["user_info"]["display_name"]) == (
        True, ["staff"], "Ada L.",
    )  # fmt: skip
    physics = (await client.get("/groups/physics")).json()
    assert (physics["users"], physics["properties"]) == (["grace", "lin"], {"room": 7})
    # By hand, another way:
    await client.patch("/users/ada", json={"admin": False})
    await client.post("/users/bob")
    await client.post("/groups/physics/users", json={"users": ["bob"]})
    await client.request("DELETE", "/groups/physics/users", json={"users": ["lin"]})
    await client.put("/groups/physics/properties", json={})
    await client.delete("/users/grace")
    shown = (await client.get("/people/drift")).json()["differences"]
    assert [(it["kind"], it["user"], it["group"], it["applied"]) for it in shown] == [
        ("admin", "ada", "", True),
        ("absent", "grace", "", True),
        ("undeclared", "bob", "", False),
        ("no-member", "grace", "physics", True),
        ("no-member", "lin", "physics", True),
        ("member", "bob", "physics", True),
        ("properties", "", "physics", True),
    ]
    await running.hub.people.apply()
    left = await running.hub.people.drift()
    assert [(it.kind, it.user) for it in left] == [(Kind.UNDECLARED, "bob")]
    assert (await client.get("/users/bob")).status_code == 200  # nobody is deleted by it


async def test_an_account_that_a_stranger_asked_for_is_not_made_an_administrator(
    database: Database,
) -> None:
    async with served(database, {}) as (running, _):
        await running.hub.accounts.create("ada", standing=Standing.WAITING)
    async with served(database, {"people": PEOPLE | {"groups": {}}}) as (running, client):
        ada = await running.hub.accounts.named("ada")
        assert ada is not None
        assert (ada.admin, ada.standing) == (False, Standing.WAITING)
        shown = (await client.get("/people/drift")).json()["differences"]
        assert [(it["kind"], it["found"], it["applied"]) for it in shown if it["user"]] == [
            ("not-active", "waiting", False)
        ]


async def test_load_groups_adds_and_takes_nobody_away(database: Database) -> None:
    groups = {"a": ["Ada", "bob"], "b": {"users": ["ada"], "properties": {"x": 1}}, "c": {}}
    tree = {"hub": {"config": {"JupyterHub": {"load_groups": groups}}}}
    async with served(database, tree) as (_, client):
        await client.post("/users/eve")
        await client.post("/groups/a/users", json={"users": ["eve"]})
    async with served(database, tree) as (_, client):
        shown = {it["name"]: it for it in (await client.get("/groups")).json()}
        assert {name: it["users"] for name, it in shown.items()} == {
            "a": ["ada", "bob", "eve"], "b": ["ada"], "c": [],
        }  # fmt: skip
        assert shown["b"]["properties"] == {"x": 1}
        assert (await client.get("/people/drift")).json() == {"differences": []}


async def test_two_hubs_that_begin_at_once_agree(database: Database) -> None:
    tree = {"people": PEOPLE, "hub": {"loadRoles": ROLES}, "singleuser": {"profileList": PROFILES}}
    async with served(database, tree) as (one, _), served(database, tree) as (two, _):
        for user in ("grace", "lin"):
            found = await one.hub.accounts.named(user)
            assert found is not None
            await one.hub.accounts.delete(found)
        await asyncio.gather(one.hub.people.apply(), two.hub.people.apply())
        assert await one.hub.people.drift() == await two.hub.people.drift() == []


async def test_a_profile_of_a_group_is_for_its_members_alone(
    told: tuple[Running, httpx.AsyncClient],
) -> None:
    running, client = told
    grace, ada = await token(client, "grace"), await token(client, "ada")
    refused = await client.post("/users/grace/server", json={"profile": "lab"}, headers=grace)
    assert (refused.status_code, refused.json()["code"]) == (400, "profile.unknown")
    taken = await client.post("/users/ada/server", json={"profile": "lab"}, headers=ada)
    assert taken.status_code == 202
    # Whoever says nothing gets the default of theirs, never one that is not for them.
    await client.post("/users/grace/server", headers=grace)
    await client.post("/users/eve")
    await client.post("/users/eve/server")
    chosen = {}
    for name in ("grace", "eve"):
        user = await running.hub.accounts.named(name)
        assert user is not None
        server = await running.hub.servers.find(user, "")
        assert server is not None
        chosen[name] = server.user_options
    assert chosen == {"grace": {"profile": "large"}, "eve": {"profile": "small"}}


async def test_nobody_starts_anything_where_every_profile_is_for_others(
    database: Database,
) -> None:
    people = {"groups": {"g": {"users": ["ada"], "profiles": ["large", "small", "lab"]}}}
    tree = {"people": people, "singleuser": {"profileList": PROFILES}}
    async with served(database, tree) as (_, client):
        await client.post("/users/bob")
        refused = await client.post("/users/bob/server")
        assert (refused.status_code, refused.json()["code"]) == (400, "profile.none")
        assert (await client.post("/users/ada/server")).status_code == 202


async def test_a_group_has_a_limit_of_its_own(told: tuple[Running, httpx.AsyncClient]) -> None:
    _, client = told
    for user, most in (("grace", 2), ("ada", 1)):
        codes = [
            (await client.post(f"/users/{user}/servers/s{n}")).status_code for n in range(most + 1)
        ]
        assert codes == [*[202] * most, 400]


async def test_people_are_found_by_their_group_and_by_running_nothing(database: Database) -> None:
    groups = {"physics": {"users": ["grace", "lin"]}, "staff": {"users": ["ada"]}}
    async with served(database, {"people": {"groups": groups}}) as (running, _):
        accounts = running.hub.accounts

        async def found(**wanted: Any) -> list[str]:
            users, total = await accounts.page(Wanted(order=Order.NAME, **wanted), 0, 50)
            assert total == len(users)
            return [user.name for user in users]

        assert await found(group="physics") == ["grace", "lin"]
        assert await found(group="physics", name_filter="li") == ["lin"]
        assert await found(group="physics", state=Activeness.INACTIVE) == ["grace", "lin"]
        assert await found(group="physics", state=Activeness.ACTIVE) == []
        assert await found(group="phys") == []
