"""Shares and share codes by the API: who may, what it gives, and when that ends."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from perijove.app import Running, running_hub
from perijove.kit.clock import Clock
from perijove.model.errors import Unknown
from perijove.model.user import User
from perijove.settings import of
from perijove.spawners.fake import FakeSpawner
from perijove.store.database import Database
from tests.parts import ADMIN_TOKEN, parts

SHARER = {"name": "user", "scopes": ["self", "shares!user", "read:users:name", "read:groups:name"]}
TREE: dict[str, Any] = {"hub": {"loadRoles": {"user": SHARER}, "allowNamedServers": True}}
ALICES = "access:servers!server=alice/"
BAD_SCOPES = (
    "access:servers!server=bob/", "access:servers!server", "access:servers!user=alice", "shares",
    "access:servers!group=g", "admin:users", "inherit", "self", "nonsense", "", "read:users",
    "tokens", "admin:server_state", "access:servers!server=alice", "access:servers!server=alice/x",
)  # fmt: skip


class Stepped:
    """Moments of a clock that a test moves."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return 1_900_000_000 + self.seconds


@asynccontextmanager
async def served(
    database: Database, tree: Mapping[str, Any] = TREE, **more: Any
) -> AsyncIterator[tuple[Running, httpx.AsyncClient]]:
    spawner = FakeSpawner("i")
    settings = await asyncio.to_thread(of, tree)  # it reads files
    async with running_hub(settings, parts(database, spawner, **more)) as running:
        spawner.instance = running.life.instance.id
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app=running.app),
            base_url="http://hub/hub/api",
            headers={"authorization": f"token {ADMIN_TOKEN}"},
        ) as client:
            yield running, client


@pytest.fixture
async def at(database: Database) -> AsyncIterator[tuple[Running, httpx.AsyncClient]]:
    async with served(database) as (running, client):
        await populate(client)
        yield running, client


@pytest.fixture
def client(at: tuple[Running, httpx.AsyncClient]) -> httpx.AsyncClient:
    return at[1]


async def populate(client: httpx.AsyncClient) -> None:
    """Make alice with two servers, and bob, carol and eve, of whom two are in a group."""
    for name in ("alice", "bob", "carol", "eve"):
        assert (await client.post(f"/users/{name}")).status_code == 201
    for path in ("/users/alice/server", "/users/alice/servers/gpu", "/users/bob/server"):
        assert (await client.post(path)).status_code == 202
    assert (await client.post("/groups/g", json={"users": ["bob", "carol"]})).status_code == 201


async def token(client: httpx.AsyncClient, user: str, *scopes: str) -> dict[str, str]:
    body = {"scopes": list(scopes)} if scopes else {}
    made = await client.post(f"/users/{user}/tokens", json=body)
    assert made.status_code == 201, made.text
    return {"authorization": f"token {made.json()['token']}"}


async def held(client: httpx.AsyncClient, who: dict[str, str]) -> set[str]:
    """Return what a token may do on servers that are not its owner's."""
    me = (await client.get("/user", headers=who)).json()
    return {it for it in me["scopes"] if "!server=" in it}


async def share(
    client: httpx.AsyncClient, server: str = "alice/", *scopes: str, **them: str
) -> httpx.Response:
    body = {**them, **({"scopes": list(scopes)} if scopes else {})}
    return await client.post(f"/shares/{server}", json=body)


async def test_a_share_is_made_shown_and_taken_back(client: httpx.AsyncClient) -> None:
    alice, bob = await token(client, "alice"), await token(client, "bob")
    made = await client.post("/shares/alice/", json={"user": "bob"}, headers=alice)
    assert made.status_code == 200, made.text
    one = made.json()
    created = one.pop("created_at")
    assert created.endswith("Z")
    assert one == {
        "server": {
            "user": {"name": "alice"}, "name": "", "url": "/user/alice/", "full_url": None,
            "ready": one["server"]["ready"],
        },
        "scopes": [ALICES], "user": {"name": "bob"}, "group": None, "kind": "user",
    }  # fmt: skip
    for path, who in (
        ("/shares/alice/", alice), ("/shares/alice", alice), ("/users/bob/shared", bob)
    ):  # fmt: skip
        listed = (await client.get(path, headers=who)).json()
        assert [it["user"] for it in listed["items"]] == [{"name": "bob"}], path
        assert listed["_pagination"] == {"offset": 0, "limit": 50, "total": 1, "next": None}
    assert (await client.get("/users/bob/shared/alice/", headers=bob)).json()["scopes"] == [ALICES]
    assert await held(client, bob) == {ALICES}
    left = await client.patch("/shares/alice/", json={"user": "bob"}, headers=alice)
    assert (left.status_code, left.json()) == (200, {})
    assert await held(client, bob) == set()
    assert (await client.get("/users/bob/shared/alice/", headers=bob)).status_code == 404


async def test_what_is_shared_grows_and_is_taken_by_pieces(client: httpx.AsyncClient) -> None:
    bob = await token(client, "bob")
    await share(client, "alice/", user="bob")
    grown = await share(client, "alice/", "servers", "access:servers!server=alice/", user="bob")
    assert grown.json()["scopes"] == [ALICES, "servers!server=alice/"]
    assert await held(client, bob) == {ALICES} | {
        f"{name}!server=alice/"
        for name in ("servers", "read:servers", "start:servers", "delete:servers")
    }
    body = {"user": "bob", "scopes": ["start:servers"]}
    left = (await client.patch("/shares/alice/", json=body)).json()["scopes"]
    assert left == [ALICES, "delete:servers!server=alice/", "read:servers!server=alice/"]
    body = {"user": "bob", "scopes": ["servers"]}  # what nobody holds any more changes nothing
    assert (await client.patch("/shares/alice/", json=body)).json()["scopes"] == left
    body = {"user": "bob", "scopes": left}
    assert (await client.patch("/shares/alice/", json=body)).json() == {}
    assert await held(client, bob) == set()


async def test_a_group_shares_with_whoever_is_in_it_now(client: httpx.AsyncClient) -> None:
    who = {name: await token(client, name) for name in ("bob", "carol", "eve")}
    made = (await share(client, "alice/gpu", group="g")).json()
    assert (made["kind"], made["group"], made["user"]) == ("group", {"name": "g"}, None)
    gpu = {"access:servers!server=alice/gpu"}
    assert [await held(client, it) for it in who.values()] == [gpu, gpu, set()]
    await client.request("DELETE", "/groups/g/users", json={"users": ["bob"]})
    await client.post("/groups/g/users", json={"users": ["eve"]})
    assert [await held(client, it) for it in who.values()] == [set(), gpu, gpu]
    listed = (await client.get("/users/carol/shared", headers=who["carol"])).json()["items"]
    assert [it["group"] for it in listed] == [{"name": "g"}]
    # A member gives up their own shares, not the group's.
    gone = await client.delete("/users/carol/shared/alice/gpu", headers=who["carol"])
    assert gone.status_code == 404
    assert (await client.get("/groups/g/shared")).json()["_pagination"]["total"] == 1
    assert (await client.get("/groups/g/shared/alice/gpu")).json()["kind"] == "group"
    assert (await client.delete("/groups/g/shared/alice/gpu")).status_code == 204
    assert (await client.delete("/groups/g/shared/alice/gpu")).status_code == 404
    assert await held(client, who["carol"]) == set()


async def test_a_person_may_always_give_a_share_up(client: httpx.AsyncClient) -> None:
    bob = await token(client, "bob")
    await share(client, "alice/", user="bob")
    assert (await client.delete("/users/bob/shared/alice/", headers=bob)).status_code == 204
    assert await held(client, bob) == set()
    assert (await client.delete("/users/bob/shared/alice/", headers=bob)).status_code == 404


async def test_all_shares_of_a_server_end_at_once_and_no_others(client: httpx.AsyncClient) -> None:
    for server in ("alice/", "alice/gpu"):
        for them in ({"user": "bob"}, {"group": "g"}, {"user": "eve"}):
            assert (await share(client, server, **them)).status_code == 200
    assert (await client.delete("/shares/alice/gpu")).status_code == 204
    assert (await client.get("/shares/alice/gpu")).json()["items"] == []
    assert (await client.get("/shares/alice")).json()["_pagination"]["total"] == 3


async def test_what_makes_no_sense_is_refused_and_shares_nothing(
    client: httpx.AsyncClient,
) -> None:
    bodies: list[Any] = [
        {}, {"user": "bob", "group": "g"}, {"user": ""}, {"user": None, "group": None},
        {"user": 7}, {"user": "bob", "more": 1}, {"user": "bob", "scopes": "access:servers"},
        {"user": "bob", "scopes": [None]}, [], "bob", {"user": "nobody"}, {"group": "none"},
        {"user": "bo\x00b"}, {"group": "\ud800"}, {"user": "b" * 2000}, {"user": "alice"},
        *({"user": "bob", "scopes": [it]} for it in BAD_SCOPES),
    ]  # fmt: skip
    for body in bodies:
        answer = await client.post("/shares/alice/", content=json.dumps(body))
        assert (answer.status_code, answer.json()["status"]) == (400, 400), body
    assert (await client.get("/shares/alice")).json()["items"] == []


async def test_what_is_not_there_is_said_so(client: httpx.AsyncClient) -> None:
    for method, path, status in (
        ("GET", "/shares/nobody", 404), ("GET", "/shares/alice/none", 404),
        ("POST", "/shares/alice/none", 404), ("PATCH", "/shares/nobody/", 404),
        ("DELETE", "/shares/carol/", 404),  # never started
        ("POST", "/shares/alice", 405), ("DELETE", "/shares/alice", 405),
        ("GET", "/users/nobody/shared", 404), ("GET", "/groups/none/shared", 404),
        ("GET", "/users/bob/shared/nobody/", 404), ("GET", "/groups/g/shared/alice/", 404),
        ("GET", "/share-codes/nobody", 404), ("POST", "/share-codes/alice/none", 404),
        ("DELETE", "/share-codes/alice/?id=sc_1", 404), ("POST", "/share-codes/alice", 405),
        ("DELETE", "/share-codes/alice/?id=1", 404), ("DELETE", "/share-codes/alice/?code=x", 404),
        ("DELETE", "/share-codes/alice/?id=sc_99999999999999999999", 404),
        ("GET", "/shares/alice?limit=x", 400),
    ):  # fmt: skip
        body = {"user": "bob"} if "/shares" in path else {}
        answer = await client.request(method, path, json=body)
        assert answer.status_code == status, path


async def test_whoever_is_unknown_needs_nothing_taken(client: httpx.AsyncClient) -> None:
    for them in ({"user": "nobody"}, {"group": "none"}, {"user": "carol"}):
        answer = await client.patch("/shares/alice/", json=them)
        assert (answer.status_code, answer.json()) == (200, {})


async def test_nobody_shares_what_is_not_theirs_or_what_they_do_not_hold(
    client: httpx.AsyncClient,
) -> None:
    bob, narrow = await token(client, "bob"), await token(client, "alice", "shares!server=alice/")
    bodies = {"/shares": {"user": "carol"}, "/share-codes": {}}
    for table, them in bodies.items():
        # Not even what was shared with them.
        await share(client, "alice/", "servers", "access:servers", user="bob")
        answer = await client.post(f"{table}/alice/", json=them, headers=bob)
        assert answer.status_code == 404
        # A token of the owner's shares what it holds itself, and the names it may know.
        body = them | {"scopes": ["servers"]}
        answer = await client.post(f"{table}/alice/", json=body, headers=narrow)
        assert (answer.status_code, answer.json()["code"]) == (403, "share.not-held")
        answer = await client.post(f"{table}/alice/gpu", json=them, headers=narrow)
        assert answer.status_code == 404
    for them in ({"user": "carol"}, {"user": "nobody"}, {"group": "g"}, {"group": "none"}):
        answer = await client.post("/shares/alice/", json=them, headers=narrow)
        assert (answer.status_code, answer.json()["code"]) == (403, "share.no-names")
    assert (await client.post("/share-codes/alice/", headers=narrow)).status_code == 200


async def test_by_default_people_share_nothing(database: Database) -> None:
    async with served(database, {}) as (_, client):
        for name in ("alice", "bob"):
            await client.post(f"/users/{name}")
        await client.post("/users/alice/server")
        alice = await token(client, "alice")
        for table, body in (("shares", {"user": "bob"}), ("share-codes", {})):
            answer = await client.post(f"/{table}/alice/", json=body, headers=alice)
            assert answer.status_code == 403
            assert (await client.get(f"/{table}/alice/", headers=alice)).status_code == 200


async def test_a_token_made_of_a_share_ends_with_it(client: httpx.AsyncClient) -> None:
    await share(client, "alice/", user="bob")
    made = await token(client, "bob", ALICES)
    assert await held(client, made) == {ALICES}
    await client.patch("/shares/alice/", json={"user": "bob"})
    assert await held(client, made) == set()
    refused = await client.post("/users/bob/tokens", json={"scopes": [ALICES]})
    assert refused.status_code == 400


async def test_a_shared_server_is_started_and_stopped_by_whom_that_is_shared_with(
    client: httpx.AsyncClient,
) -> None:
    bob = await token(client, "bob")
    for path in ("/users/alice/server", "/users/alice/servers/gpu"):
        assert (await client.get(path, headers=bob)).status_code == 404
    await share(client, "alice/gpu", "servers", user="bob")
    assert (await client.get("/users/alice/servers/gpu", headers=bob)).status_code == 200
    assert (await client.get("/users/alice/server", headers=bob)).status_code == 404
    stopped = await client.delete("/users/alice/servers/gpu", headers=bob)
    assert stopped.status_code in {202, 204}
    # It tells of the server that is shared, not of the others.
    alice = (await client.get("/users/alice?include_stopped_servers", headers=bob)).json()
    assert set(alice["servers"]) == {"gpu"}
    assert "groups" not in alice


async def test_a_code_is_made_shown_once_and_revoked(client: httpx.AsyncClient) -> None:
    alice = await token(client, "alice")
    made = await client.post("/share-codes/alice/", headers=alice)
    assert made.status_code == 200
    one = made.json()
    code = one.pop("code")
    assert one.pop("accept_url") == f"/hub/accept-share?code={code}"
    assert one.pop("full_accept_url") is None
    assert len(code) == 32
    assert set(one) == {
        "server", "scopes", "id", "created_at", "expires_at", "exchange_count", "last_exchanged_at",
    }  # fmt: skip
    assert one["scopes"] == [ALICES]
    assert (one["exchange_count"], one["last_exchanged_at"]) == (0, None)
    for path in ("/share-codes/alice", "/share-codes/alice/"):
        shown = await client.get(path, headers=alice)
        assert shown.json()["items"] == [one]
        assert code not in shown.text
    assert (await client.get("/share-codes/alice/gpu", headers=alice)).json()["items"] == []
    wrong = await client.delete(f"/share-codes/alice/gpu?id={one['id']}", headers=alice)
    assert wrong.status_code == 404  # another server's
    gone = await client.delete(f"/share-codes/alice/?code={code}", headers=alice)
    assert gone.status_code == 204
    assert (await client.get("/share-codes/alice", headers=alice)).json()["items"] == []


async def test_the_whole_address_of_a_link_is_told_where_the_hub_knows_its_own(
    database: Database,
) -> None:
    config = {"JupyterHub": {"public_url": "https://hub.example.edu"}}
    async with served(database, {"hub": {"config": config, **TREE["hub"]}}) as (_, client):
        await populate(client)
        made = (await client.post("/share-codes/alice/")).json()
        assert made["full_accept_url"] == f"https://hub.example.edu{made['accept_url']}"
        assert made["server"]["full_url"] == "https://hub.example.edu/user/alice/"


async def test_codes_are_revoked_by_id_or_all_at_once(client: httpx.AsyncClient) -> None:
    ids = [(await client.post("/share-codes/alice/")).json()["id"] for _ in range(3)]
    assert (await client.delete(f"/share-codes/alice/?id={ids[1]}")).status_code == 204
    listed = (await client.get("/share-codes/alice/?limit=1")).json()
    assert [it["id"] for it in listed["items"]] == ids[:1]
    after = (await client.get(listed["_pagination"]["next"]["url"])).json()
    assert [it["id"] for it in after["items"]] == ids[2:]
    assert (await client.delete("/share-codes/alice/")).status_code == 204
    assert (await client.get("/share-codes/alice")).json()["_pagination"]["total"] == 0


async def test_a_code_that_makes_no_sense_is_not_made(client: httpx.AsyncClient) -> None:
    bodies: list[Any] = [
        {"expires_in": 59}, {"expires_in": 31_536_001}, {"expires_in": 0}, {"expires_in": -1},
        {"expires_in": "3600"}, {"expires_in": True}, {"expires_in": 1e99}, {"more": 1}, [],
        *({"scopes": [it]} for it in BAD_SCOPES),
    ]  # fmt: skip
    for body in bodies:
        assert (await client.post("/share-codes/alice/", json=body)).status_code == 400, body
    assert (await client.get("/share-codes/alice")).json()["items"] == []


async def test_a_code_expires(database: Database) -> None:
    steady = Stepped()
    async with served(database, clock=Clock(steady, steady)) as (running, client):
        await populate(client)
        made = await client.post("/share-codes/alice/", json={"expires_in": 60})
        bob = await running.hub.accounts.named("bob")
        assert bob is not None
        code = await running.hub.share_codes.offered(made.json()["code"], bob)
        assert (code.expires - code.created).total_seconds() == 60
        steady.seconds = 60
        assert (await client.get("/share-codes/alice")).json()["items"] == []
        with pytest.raises(Unknown):
            await running.hub.share_codes.exchange(made.json()["code"], bob)
        assert (await client.get("/shares/alice")).json()["items"] == []


async def test_what_became_of_a_code_is_counted(at: tuple[Running, httpx.AsyncClient]) -> None:
    running, client = at
    code = (await client.post("/share-codes/alice/")).json()["code"]
    for name in ("bob", "bob", "carol"):
        user = await running.hub.accounts.named(name)
        assert user is not None
        await running.hub.share_codes.exchange(code, user)
    (one,) = (await client.get("/share-codes/alice")).json()["items"]
    assert one["exchange_count"] == 3
    assert one["last_exchanged_at"] >= one["created_at"]
    names = [it["user"]["name"] for it in (await client.get("/shares/alice")).json()["items"]]
    assert names == ["bob", "carol"]
    # Who has come with it keeps the share when it is revoked.
    await client.delete("/share-codes/alice/")
    assert await held(client, await token(client, "bob")) == {ALICES}


async def test_whom_it_was_shared_with_is_gone_and_comes_back_with_nothing(
    client: httpx.AsyncClient,
) -> None:
    await share(client, "alice/gpu", user="bob")
    await share(client, "alice/gpu", group="g")
    await client.delete("/users/bob")
    await client.delete("/groups/g")
    assert (await client.get("/shares/alice")).json()["items"] == []
    await client.post("/users/bob")
    await client.post("/groups/g", json={"users": ["bob"]})
    assert await held(client, await token(client, "bob")) == set()


async def test_what_was_shared_is_gone_and_comes_back_shared_with_nobody(
    client: httpx.AsyncClient,
) -> None:
    bob = await token(client, "bob")
    await share(client, "alice/gpu", user="bob")
    code = (await client.post("/share-codes/alice/gpu")).json()["id"]
    await client.request("DELETE", "/users/alice/servers/gpu", json={"remove": True})
    async with asyncio.timeout(20):
        while (await client.get("/shares/alice/gpu")).status_code != 404:
            await asyncio.sleep(0.01)
    assert await held(client, bob) == set()
    assert (await client.post("/users/alice/servers/gpu")).status_code == 202
    assert await held(client, bob) == set()
    assert (await client.get("/share-codes/alice")).json()["items"] == []
    assert (await client.delete(f"/share-codes/alice/gpu?id={code}")).status_code == 404


async def test_an_owner_who_is_gone_or_shut_out_shares_nothing(
    at: tuple[Running, httpx.AsyncClient],
) -> None:
    running, client = at
    bob = await token(client, "bob")
    for server in ("alice/", "alice/gpu"):
        await share(client, server, "servers", "access:servers", user="bob")
    alice = await running.hub.accounts.named("alice")
    assert alice is not None
    await running.hub.accounts.block(alice)
    assert await held(client, bob) == set()
    await running.hub.accounts.approve(alice)
    assert ALICES in await held(client, bob)
    await client.delete("/users/alice")
    await client.post("/users/alice")
    await client.post("/users/alice/server")
    assert await held(client, bob) == set()
    assert (await client.get("/users/bob/shared", headers=bob)).json()["items"] == []


async def test_a_share_that_is_revoked_at_one_hub_is_refused_by_another_within_a_second(
    database: Database,
) -> None:
    steady = Stepped()
    more: dict[str, Any] = {"clock": Clock(steady, steady)}
    async with served(database, **more) as (_, one), served(database, **more) as (_, two):
        await populate(one)
        bob = await token(one, "bob")
        await share(one, "alice/", user="bob")
        assert await held(two, bob) == {ALICES}
        await one.delete("/shares/alice/")
        assert await held(one, bob) == set()
        steady.seconds = 1
        assert await held(two, bob) == set()


async def test_of_many_who_give_take_and_accept_at_once_nothing_is_lost(
    at: tuple[Running, httpx.AsyncClient],
) -> None:
    running, client = at
    bob = await running.hub.accounts.named("bob")
    assert bob is not None
    code = (await client.post("/share-codes/alice/", json={"scopes": ["servers"]})).json()["code"]
    gives = [share(client, "alice/", name, user="bob") for name in ("read:servers", "servers") * 5]
    accepts = [running.hub.share_codes.exchange(code, bob) for _ in range(10)]
    answers = await asyncio.gather(*gives, *accepts)
    assert {it.status_code for it in answers if isinstance(it, httpx.Response)} == {200}
    (one,) = (await client.get("/shares/alice/")).json()["items"]
    assert one["scopes"] == ["read:servers!server=alice/", "servers!server=alice/"]
    (code_now,) = (await client.get("/share-codes/alice/")).json()["items"]
    assert code_now["exchange_count"] == 10
    takes = [client.patch("/shares/alice/", json={"user": "bob"}) for _ in range(10)]
    assert {it.status_code for it in await asyncio.gather(*takes)} == {200}
    assert (await client.get("/shares/alice/")).json()["items"] == []


async def test_a_code_that_is_revoked_while_people_accept_it_gives_nothing_after_that(
    at: tuple[Running, httpx.AsyncClient],
) -> None:
    running, client = at
    users = [it for it in await running.hub.accounts.all() if it.name != "alice"]
    for turn in range(10):
        code = (await client.post("/share-codes/alice/")).json()["code"]

        async def exchange(user: User, code: str = code) -> str:
            try:
                return str((await running.hub.share_codes.exchange(code, user)).user)
            except Unknown:
                return ""

        async def revoke(code: str = code, wait: int = turn) -> str:
            for _ in range(wait):
                await asyncio.sleep(0)
            await client.delete(f"/share-codes/alice/?code={code}")
            return ""

        async with asyncio.timeout(20):
            got = await asyncio.gather(*map(exchange, users), revoke())
        shares = (await client.get("/shares/alice/")).json()["items"]
        assert sorted(it["user"]["name"] for it in shares) == sorted(filter(None, got))
        assert await exchange(users[0]) == ""
        await client.delete("/shares/alice/")


async def test_a_share_with_somebody_who_is_deleted_meanwhile_is_refused_or_gone(
    client: httpx.AsyncClient,
) -> None:
    for turn in range(5):
        await client.post(f"/users/u{turn}")
        async with asyncio.timeout(20):
            answer, gone = await asyncio.gather(
                share(client, "alice/", user=f"u{turn}"), client.delete(f"/users/u{turn}")
            )
        assert answer.status_code in {200, 400}, answer.text
        assert gone.status_code == 204
    assert (await client.get("/shares/alice/")).json()["items"] == []
