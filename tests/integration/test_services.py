"""Services by the API, their tokens, their routes and their OAuth clients."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from perijove.app import Running, running_hub
from perijove.kit.secret import digest
from perijove.model.errors import HubError
from perijove.model.route import Whole
from perijove.model.token import Kind, Token
from perijove.settings import of
from perijove.spawners.fake import FakeSpawner
from perijove.store import tokens
from perijove.store.database import Database
from tests.parts import ADMIN_TOKEN, parts

SERVICES: dict[str, Any] = {
    "grades": {
        "url": "http://127.0.0.1:9001/below",
        "api_token": "the-token-of-grades",
        "oauth_no_confirm": True,
        "oauth_client_allowed_scopes": ["read:servers!user"],
        "info": {"contact": "ada"},
    },
    "cull": {"api_token": "the-token-of-cull", "display": False},
    "root": {"apiToken": "the-token-of-root", "admin": True},
}
FURTHER = of({"hub": {"config": {"JupyterHub": {"service_tokens": {"b" * 20: "late"}}}}}).services
ROLES: dict[str, Any] = {
    "cullers": {"scopes": ["list:users", "delete:servers"], "services": ["cull"]},
    "future": {"scopes": ["list:users"], "services": ["later"]},
    "see-one": {"scopes": ["list:services!service=cull", "read:services!service=cull"]},
}


@asynccontextmanager
async def served(
    database: Database, services: Mapping[str, Any] = SERVICES
) -> AsyncIterator[tuple[Running, httpx.AsyncClient]]:
    tree = {"hub": {"services": services, "loadRoles": ROLES}}
    spawner = FakeSpawner("i")
    settings = await asyncio.to_thread(of, tree)  # it reads files
    async with running_hub(settings, parts(database, spawner)) as running:
        spawner.instance = running.life.instance.id
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app=running.app),
            base_url="http://hub/hub/api",
            headers=shown(ADMIN_TOKEN),
        ) as client:
            yield running, client


@pytest.fixture
async def there(database: Database) -> AsyncIterator[tuple[Running, httpx.AsyncClient]]:
    async with served(database) as it:
        yield it


@pytest.fixture
async def client(there: tuple[Running, httpx.AsyncClient]) -> httpx.AsyncClient:
    return there[1]


def shown(token: str) -> dict[str, str]:
    return {"authorization": f"token {token}"}


async def holder(running: Running, *scopes: str, name: str = "ada") -> dict[str, str]:
    """Return the header of a person who holds `scopes` by a role, and nothing else of note."""
    hub = running.hub
    accounts, role = hub.accounts, f"role-of-{name}"
    user = await accounts.named(name) or await accounts.create(name)
    made = of({"hub": {"loadRoles": {**ROLES, role: {"scopes": list(scopes), "users": [name]}}}})
    hub.roles.become(made.roles)
    accounts.memory.forget()
    _, secret = await hub.tokens.make(user, by=(await _admin(running)))
    return shown(secret)


async def _admin(running: Running) -> Any:
    principal = await running.hub.tokens.principal(ADMIN_TOKEN)
    assert principal is not None
    return principal


async def routes(running: Running) -> dict[str, str]:
    found = await running.hub.feed.after(None)
    assert isinstance(found, Whole)
    return {path: it.target for path, it in found.routes.items()}


async def until_routed(running: Running, path: str, target: str | None) -> None:
    async with asyncio.timeout(20):
        while (await routes(running)).get(path) != target:
            await asyncio.sleep(0.01)


async def test_the_services_of_the_configuration_are_shown(client: httpx.AsyncClient) -> None:
    whole = (await client.get("/services")).json()
    assert list(whole) == ["cull", "grades", "root"]
    assert whole["grades"] == (await client.get("/services/grades")).json() == {
        "kind": "service", "name": "grades", "admin": False, "roles": [],
        "url": "http://127.0.0.1:9001/below", "prefix": "/services/grades/", "command": [],
        "pid": 0, "info": {"contact": "ada"}, "display": True,
    }  # fmt: skip
    assert (whole["cull"]["roles"], whole["root"]["roles"]) == (["cullers"], ["admin"])
    assert (await client.get("/services/none")).status_code == 404


@pytest.mark.parametrize(
    ("scopes", "fields"),
    [
        (("list:services",), {"kind", "name", "admin"}),
        (("list:services", "read:roles:services"), {"kind", "name", "admin", "roles"}),
        (
            ("list:services", "read:services"),
            {"kind", "name", "admin", "url", "prefix", "command", "pid", "info", "display"},
        ),
    ],
)
async def test_a_field_is_shown_to_whoever_may_see_it(
    there: tuple[Running, httpx.AsyncClient], scopes: tuple[str, ...], fields: set[str]
) -> None:
    running, client = there
    seen = (await client.get("/services", headers=await holder(running, *scopes))).json()
    assert {frozenset(it) for it in seen.values()} == {frozenset(fields)}


async def test_a_filtered_scope_shows_its_service_alone(
    there: tuple[Running, httpx.AsyncClient],
) -> None:
    running, client = there
    scopes = ("list:services!service=cull", "read:services!service=cull")
    mine = await holder(running, *scopes)
    assert list((await client.get("/services", headers=mine)).json()) == ["cull"]
    assert (await client.get("/services/cull", headers=mine)).status_code == 200
    for name in ("grades", "none"):
        assert (await client.get(f"/services/{name}", headers=mine)).status_code == 404
    nobody = await holder(running, name="bob")
    for path in ("/services", "/services/cull"):
        assert (await client.get(path, headers=nobody)).status_code == 403


async def test_a_service_learns_at_user_who_it_is(client: httpx.AsyncClient) -> None:
    me = (await client.get("/user", headers=shown("the-token-of-cull"))).json()
    assert me == {
        "kind": "service", "name": "cull", "admin": False, "token_id": None, "session_id": None,
        "scopes": ["delete:servers", "list:users", "read:users:name"],
    }  # fmt: skip
    assert (await client.get("/users", headers=shown("the-token-of-cull"))).status_code == 200
    root = (await client.get("/user", headers=shown("the-token-of-root"))).json()
    assert root["admin"]
    assert "admin:users" in root["scopes"]


async def test_a_service_is_made_used_and_deleted(
    there: tuple[Running, httpx.AsyncClient],
) -> None:
    running, client = there
    spec = {"url": "http://10.0.0.7:8000", "api_token": "t" * 64, "info": {"n": [1, None]}}
    made = await client.post("/services/later", json=spec)
    assert made.status_code == 201
    assert made.json() == (await client.get("/services/later")).json()
    assert (made.json()["prefix"], made.json()["roles"]) == ("/services/later/", ["future"])
    await until_routed(running, "/services/later/", "http://10.0.0.7:8000")
    me = await client.get("/user", headers=shown("t" * 64))
    assert (me.json()["name"], me.json()["scopes"]) == ("later", ["list:users", "read:users:name"])
    assert (await client.post("/services/later", json=spec)).status_code == 409
    assert (await client.delete("/services/later")).status_code == 200
    assert (await client.get("/user", headers=shown("t" * 64))).status_code == 403
    await until_routed(running, "/services/later/", None)
    assert (await client.delete("/services/later")).status_code == 404
    gone = await client.delete("/services/grades")
    assert gone.status_code == 405
    assert "not modifiable at runtime" in gone.json()["message"]


async def test_what_was_made_is_there_after_a_restart(database: Database) -> None:
    async with served(database) as (_, client):
        spec = {"oauth_redirect_uri": "https://x.test/back", "api_token": "a-good-token"}
        assert (await client.post("/services/later", json=spec)).status_code == 201
    async with served(database) as (running, client):
        assert (await client.get("/services/later")).status_code == 200
        found = await running.hub.services.client("service-later")
        assert found is not None
        assert (found.redirect_uri, found.secret) == ("https://x.test/back", digest("a-good-token"))
    async with served(database, {"later": {"api_token": "another-token"}}) as (_, client):
        assert (await client.delete("/services/later")).status_code == 405  # it hides the other
        assert (await client.get("/user", headers=shown("a-good-token"))).status_code == 403


@pytest.mark.parametrize(
    ("name", "spec", "status"),
    [
        ("new", {}, 400),
        ("new", None, 400),
        ("new", [], 400),
        ("new", {"unknown": 1}, 400),
        ("new", {"name": "other", "api_token": "a-good-token"}, 400),
        ("new", {"command": ["sleep", "1"]}, 400),
        ("new", {"cwd": "/"}, 400),
        ("new", {"api_token": "short"}, 400),
        ("new", {"api_token": "t" * 65}, 400),
        ("new", {"url": "ftp://x"}, 400),
        ("new", {"url": "http://"}, 400),
        ("new", {"url": "http://x:99999"}, 400),
        ("new", {"url": "http://u:p@x"}, 400),
        ("new", {"url": "http://x\r\ny: z"}, 400),
        ("new", {"oauth_client_id": "jupyterhub-user-ada", "url": "http://x"}, 400),
        ("new", {"oauth_client_id": "service-grades", "url": "http://x"}, 409),
        ("new", {"api_token": "the-token-of-grades"}, 409),
        ("new", {"oauth_redirect_uri": "javascript:alert(1)"}, 400),
        ("new", {"oauth_redirect_uri": "//evil.test/x"}, 400),
        ("new", {"oauth_redirect_uri": "/\\evil.test"}, 400),
        ("new", {"oauth_redirect_uri": "https://x.test/#f"}, 400),
        ("new", {"oauth_no_confirm": True}, 400),
        ("new", {"oauth_client_allowed_scopes": ["none"], "url": "http://x"}, 400),
        ("new", {"oauth_roles": ["none"], "url": "http://x"}, 400),
        ("new", {"info": {"x": "\ud800"}}, 400),
        ("new", {"timeout": 0}, 400),
        ("new", {"admin": "yes"}, 400),
        ("grades", {"api_token": "a-good-token"}, 409),
        ("perijove-cli", {"api_token": "a-good-token"}, 400),
        ("%20x", {"api_token": "a-good-token"}, 400),
        ("%252F", {"api_token": "a-good-token"}, 400),
        ("a%2Fb", {"api_token": "a-good-token"}, 400),
        ("a%00", {"api_token": "a-good-token"}, 400),
        ("%E2%80%AE", {"api_token": "a-good-token"}, 400),
        ("x" * 256, {"api_token": "a-good-token"}, 400),
    ],
)
async def test_what_makes_no_sense_is_refused_and_makes_nothing(
    there: tuple[Running, httpx.AsyncClient], name: str, spec: Any, status: int
) -> None:
    running, client = there
    answer = await client.post(f"/services/{name}", content=json.dumps(spec))
    assert (answer.status_code, answer.json()["status"]) == (status, status), answer.text
    assert list(await running.hub.services.all()) == ["cull", "grades", "root"]


@pytest.mark.parametrize(
    ("spec", "status"),
    [
        ({"admin": True, "api_token": "a-good-token"}, 403),
        ({"url": "http://x", "oauth_no_confirm": True}, 403),
        ({"url": "http://x", "oauth_client_allowed_scopes": ["inherit"]}, 403),
        ({"url": "http://x", "oauth_client_allowed_scopes": ["admin:users"]}, 400),
        ({"url": "http://x", "oauth_client_allowed_scopes": ["list:services"]}, 201),
    ],
)
async def test_nobody_makes_a_service_that_may_do_more_than_they(
    there: tuple[Running, httpx.AsyncClient], spec: dict[str, Any], status: int
) -> None:
    running, client = there
    mine = await holder(running, "admin:services")
    answer = await client.post("/services/new", json=spec, headers=mine)
    assert answer.status_code == status, answer.text


async def test_nor_does_a_token_of_an_administrator_that_may_less(
    there: tuple[Running, httpx.AsyncClient],
) -> None:
    running, client = there
    root = await running.hub.accounts.create("root", admin=True)
    maker = await _admin(running)
    _, secret = await running.hub.tokens.make(root, by=maker, scopes=["admin:services"])
    more: tuple[dict[str, Any], ...] = (
        {"oauth_client_allowed_scopes": ["inherit"]}, {"oauth_no_confirm": True}, {"admin": True},
    )  # fmt: skip
    for one in more:
        spec = {"url": "http://x", **one}
        answer = await client.post("/services/new", json=spec, headers=shown(secret))
        assert answer.status_code == 403, one


async def test_nobody_gets_a_role_by_making_the_service_that_it_waits_for(
    there: tuple[Running, httpx.AsyncClient],
) -> None:
    running, client = there
    mine = await holder(running, "admin:services")
    spec = {"api_token": "chosen-by-ada"}
    refused = await client.post("/services/later", json=spec, headers=mine)
    assert (refused.status_code, refused.json()["code"]) == (400, "token-scopes")


async def test_tokens_of_the_configuration_are_further_ones_of_what_was_made(
    database: Database,
) -> None:
    made = {
        "url": "http://127.0.0.1:9009",
        "oauth_client_id": "service-late",
        "api_token": "a" * 20,
        "admin": True,
    }
    async with served(database) as (_, client):
        assert (await client.post("/services/late", json=made)).status_code == 201
    async with served(database) as (running, client):
        services = running.hub.services
        services.configured = {**services.configured, **FURTHER}
        services.memory.forget()
        await services.settle()
        there = (await client.get("/services/late")).json()
        assert there["url"] == made["url"], "it is still what was made"
        assert (await services.client("service-late")) is not None
        me, also = [(await client.get("/user", headers=shown(it * 20))).json() for it in ("a", "b")]
        assert (me["name"], me["admin"]) == ("late", True)
        assert also == me
        assert (await client.delete("/services/late")).status_code == 200
        assert (await services.named("late")).configured, "the tokens stay, as configured"


async def test_of_twenty_who_make_one_service_one_does(client: httpx.AsyncClient) -> None:
    asked = [
        client.post("/services/new", json={"api_token": f"a-good-token-{n}"}) for n in range(20)
    ]
    statuses = sorted(it.status_code for it in await asyncio.gather(*asked))
    assert statuses == [201] + [409] * 19


async def test_routes_lead_to_services_and_follow_a_reload(
    there: tuple[Running, httpx.AsyncClient],
) -> None:
    running, client = there
    await until_routed(running, "/services/grades/", "http://127.0.0.1:9001")
    told = (await client.get("/proxy")).json()["/services/grades/"]
    assert told["data"]["service"] == "grades"
    services = running.hub.services
    services.configured = {}
    await services.settle()
    await until_routed(running, "/services/grades/", None)


async def test_what_people_gave_dies_with_the_service(database: Database) -> None:
    async with served(database) as (running, client):
        ada = await running.hub.accounts.create("ada")
        for n, name in enumerate(["service-grades", "service-gone", "jupyterhub-user-ada"]):
            given = Token(
                id=running.hub.tokens.ids(), kind=Kind.OAUTH, user_id=ada.id, user="ada",
                note="", scopes=("read:users:name!user=ada",), created=ada.created, client=name,
            )  # fmt: skip
            await database.write(tokens.add(given, digest(f"given-{n}")))
        assert (await client.get("/user", headers=shown("given-1"))).status_code == 200
    async with served(database) as (_, client):
        answers = [await client.get("/user", headers=shown(f"given-{n}")) for n in range(3)]
        assert [it.status_code for it in answers] == [200, 403, 200]
    async with served(database, {}) as (_, client):
        assert (await client.get("/user", headers=shown("given-0"))).status_code == 403


@pytest.mark.parametrize(
    ("services", "words"),
    [
        ({"a/b": {}}, "cannot be called"),
        ({"..": {}}, "cannot be called"),
        ({"perijove-cli": {}}, "cannot be called"),
        ({"a": {"url": "x"}}, "url must be"),
        ({"a": {"oauth_client_id": "a", "url": "http://x"}}, "must begin with service-"),
        ({"a": {"oauth_client_id": "service-a"}}, "oauth_redirect_uri must say"),
        ({"a": {"cwd": "/"}}, "only if it has a command"),
        ({"a": {"kind": "managed"}}, "by its command"),
        ({"a": {"environment": {"A=B": "x"}, "command": ["x"]}}, "environment variable"),
        ({"a": {"name": "b"}, "b": {}}, "the same name"),
        ({"a": {"api_token": "same-token"}, "b": {"api_token": "same-token"}}, "the same token"),
        ({"a": {"oauth_roles": ["none"], "url": "http://x"}}, "none"),
        ({"a": {"oauth_client_allowed_scopes": ["none"], "url": "http://x"}}, "does not exist"),
    ],
)
def test_a_service_that_cannot_be_is_refused_in_words(services: Any, words: str) -> None:
    with pytest.raises((ValueError, HubError, Exception), match=words) as bad:
        of({"hub": {"services": services}}).roles  # noqa: B018
    assert "same-token" not in str(bad.value)
