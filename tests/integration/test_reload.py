"""The configuration changes while people work: all of it holds, or none, and nobody is stopped."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from perijove.app import Running, running_hub
from perijove.model.server import Phase
from perijove.settings import load, read
from perijove.spawners.fake import FakeSpawner
from perijove.store.database import Database
from tests.parts import ADMIN_TOKEN, parts, user

PROFILES = [{"display_name": "Large"}, {"display_name": "Small"}]


class Box:
    """A hub that reads a file."""

    def __init__(self, file: Path, running: Running, spawner: FakeSpawner) -> None:
        self.file, self.running, self.spawner = file, running, spawner

    async def write(self, tree: dict[str, Any]) -> None:
        await asyncio.to_thread(self.file.write_text, yaml.safe_dump(tree))

    @asynccontextmanager
    async def client(self, token: str = ADMIN_TOKEN) -> AsyncIterator[httpx.AsyncClient]:
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app=self.running.app),
            base_url="http://hub/hub/api",
            headers={"authorization": f"token {token}"},
        ) as client:
            yield client

    async def reload(self, tree: dict[str, Any], status: int = 200) -> Any:
        await self.write(tree)
        async with self.client() as client:
            answer = await client.post("/reload")
        assert answer.status_code == status, answer.text
        return answer.json()


@pytest.fixture
async def box(database: Database, tmp_path: Path) -> AsyncIterator[Box]:
    file, spawner = tmp_path / "values.yaml", FakeSpawner("i")
    await asyncio.to_thread(file.write_text, "{}")
    settings = await asyncio.to_thread(load, file, {})
    given = parts(
        database,
        spawner,
        read=partial(read, file, {}),
        traits=lambda it: {"mem_limit": it.singleuser.memory.limit},
    )
    async with running_hub(settings, given) as running:
        spawner.instance = running.life.instance.id
        yield Box(file, running, spawner)


async def until(done: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not done():
            await asyncio.sleep(0.01)


async def test_what_is_in_effect_is_no_change(box: Box) -> None:
    async with box.client() as client:
        answer = await client.get("/reload")
    assert answer.json() == {"changes": [], "problems": [], "notices": [], "restored": []}


async def test_a_change_is_shown_first_and_changes_nothing_until_the_reload(box: Box) -> None:
    await box.write({"hub": {"allowNamedServers": True}})
    ada = await user(box.running)
    async with box.client() as client:
        (change,) = (await client.get("/reload")).json()["changes"]
        assert change == {
            "key": "hub.allowNamedServers", "before": False, "after": True, "effect": "now",
        }  # fmt: skip
        refused = await client.post("/users/ada/servers/lab2")
        assert (refused.status_code, refused.json()["code"]) == (400, "named-servers-off")
        assert (await client.post("/reload")).json()["changes"] == [change]
        assert (await client.post("/users/ada/servers/lab2")).status_code in {201, 202}
        assert (await client.get("/reload")).json()["changes"] == []
    (server,) = await box.running.hub.servers.of(ada)
    assert server.name == "lab2"


async def test_a_bad_one_is_refused_with_every_reason_and_nothing_changes(box: Box) -> None:
    await box.reload({"hub": {"activeServerLimit": 7}})
    bad = {"hub": {"activeServerLimit": 1, "concurrentSpawnLimit": -1}, "singleuser": {"cmdd": "x"}}
    told = await box.reload(bad, 400)
    assert told["code"] == "config.bad"
    assert "hub.concurrentSpawnLimit" in told["message"]
    assert "cmd" in told["message"]
    assert "line" in told["message"], "it says where"
    assert box.running.hub.servers.wishes.most == 7
    async with box.client() as client:
        found = (await client.get("/reload")).json()
    assert found["changes"] == []
    assert len(found["problems"]) == 2


async def test_a_file_that_has_gone_changes_nothing(box: Box) -> None:
    await box.reload({"hub": {"activeServerLimit": 7}})
    await asyncio.to_thread(box.file.unlink)
    async with box.client() as client:
        answer = await client.post("/reload")
    assert (answer.status_code, answer.json()["code"]) == (400, "config.bad")
    assert box.running.hub.servers.wishes.most == 7


async def test_roles_services_and_rules_hold_at_once(box: Box) -> None:
    tree: dict[str, Any] = {
        "hub": {
            "services": {"watch": {"api_token": "token-of-watch"}},
            "loadRoles": {"sees": {"scopes": ["list:users"], "services": ["watch"]}},
            "config": {"Authenticator": {"blocked_users": ["eve"]}},
        }
    }
    await user(box.running, "eve")
    async with box.client() as admin:
        of_eve = (await admin.post("/users/eve/tokens", json={})).json()["token"]
    async with box.client(of_eve) as eve:
        assert (await eve.get("/user")).status_code == 200
    async with box.client("token-of-watch") as watch:
        assert (await watch.get("/users")).status_code == 403
        await box.reload(tree)
        assert (await watch.get("/users")).status_code == 200
        tree["hub"]["loadRoles"]["sees"]["scopes"] = ["read:hub"]
        await box.reload(tree)
        assert (await watch.get("/users")).status_code == 403
        assert (await watch.get("/info")).status_code == 200
        await box.reload({"hub": {"config": tree["hub"]["config"]}})
        assert (await watch.get("/info")).status_code == 403, "its token is none any more"
    async with box.client(of_eve) as eve:
        assert (await eve.get("/user")).status_code == 403, "who is blocked is out at once"


async def test_services_of_a_list_and_tokens_of_the_values_hold_at_once(box: Box) -> None:
    traits: dict[str, Any] = {
        "services": [{"name": "watch", "api_token": "token-of-watch"}],
        "service_tokens": {"another-of-watch": "watch", "token-of-script": "script"},
        "api_tokens": {"token-of-ada": "Ada"},
    }
    role = {"scopes": ["list:users"], "services": ["watch", "script"]}
    tree: dict[str, Any] = {"hub": {"config": {"JupyterHub": traits}, "loadRoles": {"sees": role}}}
    names = dict.fromkeys(("token-of-watch", "another-of-watch"), "watch")
    names |= {"token-of-script": "script", "token-of-ada": "ada"}
    await box.reload(tree)
    for token, name in names.items():
        async with box.client(token) as client:
            me = (await client.get("/user")).json()
            assert (me["name"], me["kind"]) == (name, "user" if name == "ada" else "service")
            listed = await client.get("/users")
            assert listed.status_code == (403 if name == "ada" else 200)
    async with box.client() as admin:
        services = (await admin.get("/services")).json()
        assert services.keys() == {"watch", "script"}
        assert services["script"]["roles"] == ["sees"]
    async with box.client("token-of-ada") as ada:
        made = await ada.post("/users/ada/tokens", json={"note": "mine"})
        assert made.status_code == 201, "she may do with it all that she may"
    told = await box.reload({})
    assert "token-of" not in str(told)
    for token in names:
        async with box.client(token) as client:
            assert (await client.get("/user")).status_code == 403, "it is none any more"
    async with box.client() as admin:
        assert (await admin.get("/users/ada")).status_code == 200, "her account stays"


async def test_a_token_of_the_values_is_as_good_as_the_account_it_is_for(box: Box) -> None:
    tree: dict[str, Any]
    tree = {"hub": {"config": {"JupyterHub": {"api_tokens": {"token-of-ada": "ada"}}}}}
    await box.reload(tree)
    accounts = box.running.hub.accounts
    async with box.client("token-of-ada") as client:
        assert (await client.get("/user")).json()["admin"] is False
        assert (await client.get("/info")).status_code == 403
        ada = await accounts.named("ada")
        assert ada is not None
        await accounts.change(ada, admin=True)
        assert (await client.get("/info")).status_code == 200, "she is an administrator now"
        blocked = {**tree["hub"]["config"], "Authenticator": {"blocked_users": ["ada"]}}
        await box.reload({"hub": {"config": blocked}})
        assert (await client.get("/user")).status_code == 403, "who is blocked is out"
        await box.reload(tree)
        assert (await client.get("/user")).status_code == 200
        async with box.client() as admin:
            assert (await admin.delete("/users/ada")).status_code == 204
        assert (await client.get("/user")).status_code == 403, "there is no such account"


async def test_a_token_that_was_just_used_does_not_outlive_its_role(box: Box) -> None:
    """What was read a moment ago is kept for a second; a reload forgets it."""
    role = {"scopes": ["list:users"], "users": ["ada"]}
    await box.reload({"hub": {"loadRoles": {"sees": role}}})
    ada = await user(box.running)
    async with box.client() as admin:
        made = await admin.post(f"/users/{ada.name}/tokens", json={})
    async with box.client(made.json()["token"]) as client:
        assert (await client.get("/users")).status_code == 200
        await box.reload({})
        assert (await client.get("/users")).status_code == 403


async def test_people_and_groups_are_made_so(box: Box) -> None:
    tree = {"people": {"users": {"lin": {"groups": ["physics"]}}, "groups": {"physics": {}}}}
    await box.reload(tree)
    found = await box.running.hub.accounts.named("lin")
    assert found is not None
    assert found.groups == {"physics"}


async def test_a_server_that_runs_goes_on_and_the_next_one_gets_what_is_new(box: Box) -> None:
    ada, lin = await user(box.running), await user(box.running, "lin")
    hub = box.running.hub
    await hub.servers.start(ada, "", {})
    await until(lambda: box.spawner.started == ["jupyter-ada"])
    (server,) = await hub.servers.of(ada)
    told = await box.reload(
        {"singleuser": {"memory": {"limit": "1G"}, "profileList": PROFILES, "defaultUrl": "/tree"}}
    )
    assert {it["effect"] for it in told["changes"]} == {"next-start"}
    assert box.spawner.traits == {"mem_limit": "1G"}
    assert [it.slug for it in hub.profiles.items] == ["large", "small"]
    await hub.servers.start(lin, "", {"profile": "small"})
    await until(lambda: len(box.spawner.started) == 2)
    (after,) = await hub.servers.of(ada)
    assert after.incarnation == server.incarnation
    assert after.phase in {Phase.STARTING, Phase.RUNNING}


async def test_what_waits_in_the_queue_starts_when_more_may(box: Box) -> None:
    await box.reload({"hub": {"concurrentSpawnLimit": 1}})
    hub, held = box.running.hub, asyncio.Event()
    start = box.spawner.start

    async def slowly(spec: Any) -> None:
        await held.wait()
        await start(spec)

    box.spawner.start = slowly  # type: ignore[method-assign]
    for name in ("ada", "lin"):
        await hub.servers.start(await user(box.running, name), "", {}, in_line=True)
    lin = await user(box.running, "lin")
    (waits,) = await hub.servers.of(lin)
    assert waits.phase is Phase.QUEUED
    await box.reload({"hub": {"concurrentSpawnLimit": 2}})
    async with asyncio.timeout(20):
        while (await hub.servers.of(lin))[0].phase is Phase.QUEUED:
            await asyncio.sleep(0.01)
    held.set()


async def test_culling_begins_without_a_wait_for_the_next_look(box: Box) -> None:
    await box.reload({"cull": {"enabled": False, "every": 600}})
    hub = box.running.hub
    ada = await user(box.running)
    await hub.servers.start(ada, "", {})
    async with asyncio.timeout(20):
        while (await hub.servers.of(ada))[0].phase is not Phase.RUNNING:
            await asyncio.sleep(0.01)
    await box.reload({"cull": {"every": 600, "maxAge": 1}})
    async with asyncio.timeout(20):
        while (await hub.servers.of(ada))[0].phase is Phase.RUNNING:
            await asyncio.sleep(0.01)


async def test_what_needs_a_restart_is_named_each_time_and_left(box: Box) -> None:
    tree = {"hub": {"baseUrl": "/lab/"}, "cull": {"timeout": 7200}}
    first = await box.reload(tree)
    assert {it["key"]: it["effect"] for it in first["changes"]} == {
        "hub.baseUrl": "restart",
        "cull.timeout": "now",
    }
    again = await box.reload(tree)
    assert [it["key"] for it in again["changes"]] == ["hub.baseUrl"]
    assert box.running.hub.base_url == "/"


async def test_only_who_may_end_the_hub_may_reload_it(box: Box) -> None:
    ada = await user(box.running)
    async with box.client() as admin:
        made = await admin.post(f"/users/{ada.name}/tokens", json={})
    async with box.client(made.json()["token"]) as client:
        assert (await client.post("/reload")).status_code == 403
        assert (await client.get("/reload")).status_code == 403


async def test_many_at_once_are_one_after_the_other(box: Box) -> None:
    await box.write({"hub": {"activeServerLimit": 9}})
    async with box.client() as client:
        answers = await asyncio.gather(*(client.post("/reload") for _ in range(20)))
    assert [it.status_code for it in answers] == [200] * 20
    assert sorted(len(it.json()["changes"]) for it in answers) == [0] * 19 + [1]


async def test_what_lets_people_in_lives_as_long_as_the_new_values_say(box: Box) -> None:
    await user(box.running)
    traits = {
        "token_expires_in_max_seconds": 60,
        "oauth_require_pkce": True,
        "cookie_max_age_days": 1,
    }
    told = await box.reload({"hub": {"config": {"JupyterHub": traits}}})
    assert {each["effect"] for each in told["changes"]} == {"now"}
    async with box.client() as client:
        made = (await client.post("/users/ada/tokens")).json()
        assert made["expires_at"] is not None
    hub = box.running.hub
    assert hub.grants.require_proof
    _, session = await hub.sessions.begin(await user(box.running), address="", agent="")
    assert session.expires - session.created == hub.grants.lives.client == timedelta(days=1)


async def test_how_often_programs_may_call_holds_at_once(box: Box) -> None:
    await box.reload({"hub": {"apiCallsPerSecond": 3}})
    assert box.running.hub.pace.rate == 3
    told = await box.reload({"hub": {"config": {"JupyterHub": {"api_page_max_limit": 5}}}})
    effects = {it["key"].rpartition(".")[2]: it["effect"] for it in told["changes"]}
    assert effects == {"apiCallsPerSecond": "now", "api_page_max_limit": "restart"}
