"""PATCH /users/{name} with another name: all that is somebody's stays theirs, under the new one."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from perijove.app import Running
from perijove.core.shares import With
from perijove.kit.tasks import in_background
from perijove.model.errors import HubError
from perijove.model.route import Whole
from perijove.model.scope import SELF, renamed
from perijove.model.server import Phase
from perijove.model.user import User
from perijove.settings import of
from perijove.spawners.fake import FakeSpawner
from perijove.store.database import Database
from tests.browser import Browser
from tests.parts import ADMIN_TOKEN, hub, services, user

PASSWORD = "a sentence works well"
TREE = services(
    people=("admin:users",),
    teacher=("servers!user=ada", "tokens!user=ada"),
    equal=("admin:users", *(f"{scope}!user=kim" for scope in SELF)),
)
TREE["hub"] |= {"allowNamedServers": True}
TREE["hub"]["config"] = {"Authenticator": {"admin_users": ["olga"]}}
TREE["people"] = {"users": {"known": {}}}
TREE["hub"]["loadRoles"]["staff"] = {"scopes": ["read:users"], "groups": ["staff"]}
TREE["hub"]["loadRoles"]["graders"] = {"scopes": ["read:users"], "users": ["grader"]}
of(TREE)  # settings read their tables when they are first used


def by_pod(user: str, server: str, _id: int, attempt: int) -> tuple[str, str]:
    """Name workloads and claims as a cluster does, by the names of people alone."""
    more = f"---{attempt}" if attempt > 1 else ""
    return f"jupyter-{user}-{server}{more}".rstrip("-"), f"claim-{user}{more}"


@pytest.fixture
async def running(database: Database) -> AsyncIterator[Running]:
    it = await hub(database, tree=TREE)
    await it.hub.accounts.create("ada", password=PASSWORD)
    await it.hub.groups.create("course", members=["ada"])
    await user(it, "bob")
    async with in_background(it.life.run()):
        yield it


async def patch(running: Running, who: str, by: str = "", **body: Any) -> Any:
    token = f"{by}-token" if by else ADMIN_TOKEN
    client = Browser(running, authorization=f"token {token}").http
    return await client.patch(f"/hub/api/users/{who}", json=body)


async def at_rest(running: Running, name: str) -> None:
    owner = await user(running, name)
    async with asyncio.timeout(20):
        while any(not it.at_rest for it in await running.hub.servers.of(owner)):
            await asyncio.sleep(0.02)


async def test_all_that_is_theirs_stays_theirs(running: Running) -> None:
    ada = await user(running, "ada")
    browser = Browser(running)
    await browser.sign_in(ada)
    owner = await running.hub.tokens.principal(ADMIN_TOKEN)
    assert owner
    _, secret = await running.hub.tokens.make(ada, by=owner, scopes=["servers!user=ada"])
    await running.hub.servers.start(ada, "", {})
    await running.hub.servers.start(ada, "lab", {})
    for name in ("", "lab"):
        await running.hub.servers.stop(ada, name)
    await at_rest(running, "ada")
    homes = [it.placement for it in await running.hub.servers.of(ada)]

    answer = await patch(running, "ada", name="Éve")
    assert (answer.status_code, answer.json()["name"]) == (200, "éve")
    assert answer.json()["groups"] == ["course"]
    eve = await user(running, "éve")
    assert eve.id == ada.id
    assert await running.hub.accounts.named("ada") is None
    assert [it.placement for it in await running.hub.servers.of(eve)] == homes
    assert (await browser.get("hub/home")).status_code == 200
    own = Browser(running, authorization=f"token {secret}")
    me = (await own.get("hub/api/user")).json()
    assert me["name"] == "éve"
    assert "servers!user=éve" in me["scopes"]
    assert "servers!user=ada" not in me["scopes"]
    await starts_under_the_new_name(running, own)
    kept = await running.hub.accounts.password("éve")
    assert kept
    assert await running.hub.accounts.passwords.verify(kept, PASSWORD)


async def starts_under_the_new_name(running: Running, own: Browser) -> None:
    (group,) = (await own_admin(running).get("hub/api/groups")).json()
    assert group["users"] == ["éve"]
    assert (await own.post("hub/api/users/%C3%A9ve/server")).status_code == 202
    async with asyncio.timeout(20):
        while not (await own.get("hub/api/users/%C3%A9ve/server")).json()["ready"]:
            await asyncio.sleep(0.02)
    assert (await own.get("hub/api/users/%C3%A9ve/server")).json()["url"] == "/user/%C3%A9ve/"
    routes = (await own_admin(running).get("hub/api/proxy")).json()
    assert [path for path in routes if path != "/"] == ["/user/%C3%A9ve/"]


def own_admin(running: Running) -> Browser:
    return Browser(running, authorization=f"token {ADMIN_TOKEN}")


async def test_whoever_gets_the_old_name_next_inherits_nothing(running: Running) -> None:
    ada = await user(running, "ada")
    owner = await running.hub.tokens.principal(ADMIN_TOKEN)
    assert owner
    root = await user(running, "root", admin=True)
    _, secret = await running.hub.tokens.make(root, by=owner, scopes=["servers!user=ada"])
    await running.hub.servers.start(ada, "", {})
    await running.hub.servers.stop(ada, "")
    await at_rest(running, "ada")
    assert (await patch(running, "ada", name="eve")).status_code == 200
    other = await user(running, "ada")
    old, new = await running.hub.servers.home(await user(running, "eve")), await (
        running.hub.servers.home(other)
    )  # fmt: skip
    assert old != new
    held = Browser(running, authorization=f"token {secret}")
    assert (await held.post("hub/api/users/ada/server")).status_code == 404
    assert (await held.post("hub/api/users/eve/server")).status_code == 202


@pytest.mark.parametrize("ran", [True, False])
async def test_a_claim_is_named_by_people_and_stays_with_the_person(
    database: Database, *, ran: bool
) -> None:
    it = await hub(database, FakeSpawner("i"), tree=TREE, names=by_pod)
    ada = await user(it, "ada")
    async with in_background(it.life.run()):
        if ran:
            await it.hub.servers.start(ada, "", {})
            await it.hub.servers.stop(ada, "")
            await at_rest(it, "ada")
        eve = await it.hub.renaming.rename(ada, "eve")
        assert await it.hub.servers.home(eve) == "claim-ada"
        await it.hub.servers.start(eve, "lab", {})
        other = await user(it, "ada")
        assert await it.hub.servers.home(other) == "claim-ada---2"
        await it.hub.servers.start(other, "lab", {})
        assert {one.placement.home for one in await it.hub.servers.of(eve)} == {"claim-ada"}
        assert {one.placement.home for one in await it.hub.servers.of(other)} == {"claim-ada---2"}
        again = await it.hub.renaming.rename(await user(it, "bob"), "bob2")
        assert await it.hub.servers.home(again) == "claim-bob"


@pytest.mark.parametrize("name", ["", "..", "a/b", "a\nb", "x" * 256, "p\u0430ypal", "a\u200bb"])
async def test_nobody_gets_a_name_that_nobody_may_have(running: Running, name: str) -> None:
    answer = await patch(running, "ada", name=name)
    assert (answer.status_code, bool(answer.json()["message"])) == (400, True)
    assert await running.hub.accounts.named("ada")


async def test_nobody_gets_the_name_of_another(running: Running) -> None:
    for name, code in (
        ("bob", "name.taken"),
        ("BOB", "name.taken"),
        ("\N{FULLWIDTH LATIN SMALL LETTER B}ob", "name.look-alike"),
    ):
        answer = await patch(running, "ada", name=name)
        assert (answer.status_code, answer.json()["code"]) == (400, code)
    same = await patch(running, "ada", name="ADA")
    assert (same.status_code, same.json()["name"]) == (200, "ada")
    assert (await patch(running, "nobody", name="x")).status_code == 404


async def test_nobody_is_renamed_whose_server_runs(running: Running) -> None:
    await running.hub.servers.start(await user(running, "ada"), "", {})
    answer = await patch(running, "ada", name="eve")
    assert (answer.status_code, answer.json()["code"]) == (400, "server-active")


async def test_a_name_that_gives_rights_is_given_by_administrators_alone(running: Running) -> None:
    answer = await patch(running, "ada", "people", name="grader")
    assert (answer.status_code, answer.json()["code"]) == (403, "administrators-only")
    assert (await patch(running, "ada", "people", name="eve")).status_code == 200
    await user(running, "root", admin=True)
    assert (await patch(running, "root", "people", name="toor")).status_code == 403
    assert (await patch(running, "eve", name="grader")).json()["roles"] == ["graders", "user"]


async def test_nobody_enters_as_somebody_who_may_more_than_they(running: Running) -> None:
    it, found = running.hub, {}
    for name in ("grader", "olga", "kim", "member"):
        await user(running, name)
    await it.groups.create("staff", members=["member"])
    for name in ("grader", "olga", "kim", "member", "ada"):
        for body in ({"password": PASSWORD}, {"standing": "active"}):
            found[name, *body] = (await patch(running, name, "people", **body)).status_code
    refused = {"grader", "olga", "member"}  # by a role, the rules, and a group
    assert found == {
        key: 403 if key[0] in refused or key[1] == "password" else 200 for key in found
    }
    assert (await patch(running, "olga", password=PASSWORD)).status_code == 200


async def test_who_chooses_a_password_may_all_that_whose_it_is_may(running: Running) -> None:
    kim, server = await user(running, "kim"), await running.hub.servers.start(
        await user(running, "bob"), "", {}
    )  # fmt: skip
    refused = await patch(running, "kim", "people", password=PASSWORD)
    assert (refused.status_code, refused.json()["code"]) == (403, "password.gives-more")
    assert "servers!user=kim" in refused.json()["message"]
    assert await running.hub.accounts.password("kim") is None
    assert (await patch(running, "kim", "equal", password=PASSWORD)).status_code == 200
    assert (await patch(running, "ada", "equal", password=PASSWORD)).status_code == 403
    await running.hub.shares.grant(server, ["access:servers"], With(user=kim))
    refused = await patch(running, "kim", "equal", password=PASSWORD)
    assert (refused.status_code, "bob" in refused.text) == (403, False)
    assert (await patch(running, "kim", password=PASSWORD)).status_code == 200, "administrators may"


@pytest.mark.parametrize(
    ("by", "body", "code"),
    [
        ("", {"password": "x"}, "password.short"),
        ("", {"auth_state": {"a": 1}}, "auth-state.off"),
        ("people", {"password": PASSWORD}, "password.gives-more"),
    ],
)
async def test_of_what_is_refused_nothing_is_done(
    running: Running, by: str, body: dict[str, Any], code: str
) -> None:
    before = await user(running, "ada")
    wanted = {"name": "eve", "standing": "blocked", **body}
    refused = await patch(running, "ada", by, **wanted)
    assert refused.json()["code"] == code
    assert await running.hub.accounts.named("eve") is None
    assert await running.hub.accounts.by_id(before.id) == before


async def test_of_whom_the_configuration_knows_nobody_takes_the_name(running: Running) -> None:
    await user(running, "known")
    assert (await patch(running, "known", name="gone")).status_code == 200
    assert (await patch(running, "ada", "people", name="known")).status_code == 403
    assert (await patch(running, "ada", name="known")).status_code == 200


async def test_of_two_who_want_one_name_one_gets_it(running: Running) -> None:
    people = [await user(running, f"u{n}") for n in range(6)]
    tries = [running.hub.renaming.rename(it, "eve") for it in people]
    done = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(not isinstance(it, BaseException) for it in done) == 1
    assert all(isinstance(it, HubError) for it in done if isinstance(it, BaseException))


async def test_a_start_at_the_same_moment_leaves_nothing_under_the_old_name(
    running: Running,
) -> None:
    for n in range(10):
        who = await user(running, f"p{n}")
        await asyncio.gather(
            running.hub.servers.start(who, "", {}),
            running.hub.renaming.rename(who, f"q{n}"),
            return_exceptions=True,
        )
        now = await running.hub.accounts.by_id(who.id)
        assert now
        async with asyncio.timeout(20):
            while await routes(running, f"p{n}", f"q{n}") != await owed(running, now):
                await asyncio.sleep(0.02)


async def routes(running: Running, *names: str) -> set[str]:
    whole = await running.hub.feed.after(None)
    assert isinstance(whole, Whole)
    return {path for path in whole.routes if path in {f"/user/{name}/" for name in names}}


async def owed(running: Running, who: User) -> set[str] | None:
    """Return the routes that there must be when all is at rest or runs; None: it does not yet."""
    servers = await running.hub.servers.of(who)
    if any(it.phase in {Phase.STARTING, Phase.STOPPING} for it in servers):
        return None
    return {f"/user/{who.name}/" for it in servers if not it.at_rest}


@pytest.mark.parametrize(
    ("text", "becomes"),
    [
        ("servers!user=ada", "servers!user=eve"),
        ("servers!server=ada/", "servers!server=eve/"),
        ("servers!server=ada/lab", "servers!server=eve/lab"),
        ("servers!user=ada2", "servers!user=ada2"),
        ("servers!server=b/ada", "servers!server=b/ada"),
        ("servers!group=ada", "servers!group=ada"),
        ("servers!user", "servers!user"),
        ("inherit", "inherit"),
    ],
)
def test_scopes_follow_a_person(text: str, becomes: str) -> None:
    assert renamed(text, "ada", "eve") == becomes
