"""Who may call what: every URL with scopes, each of its scopes, each filter, against the contract.

The model is hub.md 2.1 and 3.3 written down once more, on its own: it asks nothing of the code
that it judges. What is allowed must answer as it answers an administrator.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from perijove.api.routes import ROUTES
from perijove.app import Running
from perijove.core.roles import DEFAULTS
from perijove.http.route import Route
from perijove.kit.tasks import in_background
from perijove.model.scope import Kind
from perijove.model.server import Desired, Phase
from perijove.settings import of
from perijove.store import servers
from perijove.store.database import Database
from perijove.store.open import open_database
from tests.parts import ADMIN_TOKEN, hub

ALLOWED, DENIED, HIDDEN = "allowed", 403, 404
TREE = {
    "hub": {
        "allowNamedServers": True,
        "services": {"robot": {"api_token": "the-token-of-the-robot"}},
        "config": {"Authenticator": {"allow_all": True}},
    }
}
of(TREE)  # settings read their tables when they are first used
OPEN = [it for it in ROUTES if it.any_of and not it.path.endswith("/admin-access")]
"""All of them but the one that refuses everybody, as JupyterHub's does."""
LISTED = {"list:users": {"user", "group"}, "list:groups": {"group"}, "list:services": {"service"}}
BODIES: dict[tuple[str, str], Any] = {
    ("POST", "/users"): {"usernames": ["n-{n}"]},
    ("PATCH", "/users/{user}"): {"admin": False},
    ("POST", "/users/{user}/activity"): {"last_activity": "2026-11-30T10:00:00Z"},
    ("POST", "/groups"): {"groups": ["n-{n}"]},
    ("POST", "/groups/{group}/users"): {"users": ["o{n}"]},
    ("DELETE", "/groups/{group}/users"): {"users": ["t{n}"]},
    ("PUT", "/groups/{group}/properties"): {"room": 7},
    ("PATCH", "/users/{user}/servers/{server}"): {"display_name": "Mine"},
    ("PATCH", "/users/{user}/server"): {"display_name": "Mine"},
    ("POST", "/shares/{user}/{server}"): {"user": "o{n}"},
    ("PATCH", "/shares/{user}/{server}"): {"user": "o{n}"},
}
BESIDE = {
    ("POST", "/shares/{user}/{server}"): ("read:users:name",),
    ("GET", "/audit"): tuple(it for it in DEFAULTS[1].scopes if it != "admin:users"),
}
"""What else is needed: for a name in the body, and to be an administrator."""
NOT_THERE = {
    ("POST", "/users/{user}"), ("POST", "/groups/{group}"), ("POST", "/services/{service}"),
    ("POST", "/users/{user}/server"), ("POST", "/users/{user}/servers/{server}"),
    ("PUT", "/users/{user}/server"), ("PUT", "/users/{user}/servers/{server}"),
}  # fmt: skip
"""What they make must not be there before."""
NOT_ALONE = {("GET", "/users/{user}/audit")}
"""What a scope does not open of others: see test_trail."""
RESTING = {("PATCH", "/users/{user}/server"), ("PATCH", "/users/{user}/servers/{server}")}


def model(route: Route, scope: str, kind: str, fits: bool) -> str | int:  # noqa: FBT001
    """Return what hub.md says of a caller who holds `scope` alone, with a filter of that kind."""
    if not kind:
        return ALLOWED
    if kind == "server" and scope.startswith("read:users"):
        return DENIED  # a server is not a user: nothing is left of it
    if route.listing:
        return ALLOWED if kind in LISTED[scope] else DENIED
    if route.target is Kind.NONE:
        return DENIED  # what has no target needs the scope without a filter
    return ALLOWED if fits else HIDDEN


@dataclass
class World:
    """A hub, and for each case people, groups and servers that nobody has touched."""

    running: Running
    client: httpx.AsyncClient
    count: int = 0
    known: dict[str, dict[str, str]] = field(default_factory=dict[str, dict[str, str]])

    async def token(self, *scopes: str) -> dict[str, str]:
        """Return what shows a token that holds `scopes` and no more."""
        if not scopes:
            return {"authorization": f"token {ADMIN_TOKEN}"}
        made = await self.client.post("/users/root/tokens", json={"scopes": list(scopes)})
        assert made.status_code == 201, made.text
        return {"authorization": f"token {made.json()['token']}"}

    async def case(self, route: Route) -> "Case":
        """Return `route` about something new."""
        self.count += 1
        n, hub = self.count, self.running.hub
        there = (route.method, route.path) not in NOT_THERE
        makes_person = route.new and route.target is Kind.USER
        other = await hub.accounts.create(f"o{n}")
        params = {"user": f"t{n}", "group": f"g{n}", "server": "lab", "key": "nothing"}
        params |= {"owner": other.name, "service": "robot" if there else f"s{n}"}
        target = None if makes_person else await hub.accounts.create(f"t{n}")
        makes_group = (route.method, route.path) == ("POST", "/groups/{group}")
        if not makes_group:
            await hub.groups.create(f"g{n}", members=[target.name] if target else [])
        await hub.groups.create(f"h{n}", members=[other.name])
        case = Case(self, route, n, params, server="lab" if "{server}" in route.path else "")
        if target and there and route.target is Kind.SERVER:
            await self._runs(target.name, case.server, at_rest=case.key in RESTING)
        if "{owner}" in route.path:
            await self._runs(other.name, "lab")
            to = {"group": f"g{n}"} if route.target is Kind.GROUP else {"user": f"t{n}"}
            shared = await self.client.post(f"/shares/{other.name}/lab", json=to)
            assert shared.status_code == 200, shared.text
        if "{token}" in route.path:
            made = await self.client.post(f"/users/t{n}/tokens", json={"note": "x"})
            params["token"] = made.json()["id"]
        return case

    async def _runs(self, name: str, server: str, *, at_rest: bool = False) -> None:
        hub = self.running.hub
        user = await hub.accounts.named(name)
        assert user
        row = await hub.servers.start(user, server, {})
        phase, desired = Phase.RUNNING, Desired.RUNNING
        if at_rest:
            phase, desired = Phase.STOPPED, Desired.STOPPED
        new = replace(
            row, phase=phase, desired=desired, address="http://127.0.0.1:9", version=row.version + 1
        )
        await hub.accounts.database.write(servers.change(row, new))


@dataclass
class Case:
    world: World
    route: Route
    n: int
    params: dict[str, str]
    server: str

    @property
    def key(self) -> tuple[str, str]:
        return self.route.method, self.route.path

    def filters(self) -> Iterator[tuple[str, str, bool]]:
        """Yield every filter: its text, its kind, whether it selects what the request is about."""
        n, target = self.n, self.route.target
        about_user = target in {Kind.USER, Kind.SERVER}
        other = "" if self.server else "lab"
        yield "", "", True
        # who is only being made is in no group yet
        yield f"!group=g{n}", "group", target is Kind.GROUP or (about_user and not self.route.new)
        yield f"!group=h{n}", "group", False
        yield f"!user=t{n}", "user", about_user
        yield f"!user=o{n}", "user", False
        yield f"!server=t{n}/{self.server}", "server", target is Kind.SERVER
        yield f"!server=t{n}/{other}", "server", False
        yield f"!server=o{n}/{self.server}", "server", False
        yield f"!service={self.params['service']}", "service", target is Kind.SERVICE
        yield "!service=another", "service", False

    async def ask(self, token: dict[str, str], **instead: str) -> httpx.Response:
        path = self.route.path
        for name, value in {**self.params, **instead}.items():
            path = path.replace(f"{{{name}}}", quote(value, safe=""))
        body = self._filled(BODIES.get(self.key, {} if self.route.body else None))
        async with asyncio.timeout(20):
            return await self.world.client.request(
                self.route.method, path, json=body, headers=token
            )

    def _filled(self, body: Any) -> Any:
        if isinstance(body, str):
            return body.replace("{n}", str(self.n))
        if isinstance(body, dict):
            return {key: self._filled(it) for key, it in body.items()}
        return [self._filled(it) for it in body] if isinstance(body, list) else body


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    """Rights are decided above the database; the contract test looks at the others."""
    it = await open_database(f"{tmp_path}/hub.sqlite")
    yield it
    await it.close()


@pytest.fixture
async def world(database: Database) -> AsyncIterator[World]:
    running = await hub(database, tree=TREE)
    root = await running.hub.accounts.create("root", admin=True)
    assert root.admin
    async with (
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app=running.app),
            base_url="http://hub/hub/api",
            headers={"authorization": f"token {ADMIN_TOKEN}"},
        ) as client,
        in_background(running.life.feed.run()),
    ):
        yield World(running, client)


@pytest.mark.parametrize("route", OPEN, ids=lambda it: f"{it.method} {it.path}")
async def test_every_scope_with_every_filter_lets_in_whom_the_contract_says(
    world: World, route: Route
) -> None:
    usual = await (await world.case(route)).ask(await world.token())
    assert usual.status_code != DENIED, usual.text
    wrong: list[str] = []
    filters = [text for text, *_ in (await world.case(route)).filters()]
    for scope in route.any_of:
        for at in range(len(filters)):
            case = await world.case(route)
            text, kind, fits = list(case.filters())[at]
            answer = await case.ask(await world.token(f"{scope}{text}", *BESIDE.get(case.key, ())))
            expected = model(route, scope, kind, fits)
            if expected == ALLOWED and case.key in NOT_ALONE:
                expected = DENIED
            found: str | int = answer.status_code
            if expected == ALLOWED and answer.status_code == usual.status_code:
                found = ALLOWED
            if found != expected:
                wrong.append(f"{scope}{text}: {found}, not {expected}: {answer.text[:200]}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("route", OPEN, ids=lambda it: f"{it.method} {it.path}")
async def test_without_the_scope_it_is_403_whatever_is_there(world: World, route: Route) -> None:
    case = await world.case(route)
    for token in (await world.token("read:metrics"), {"authorization": "token wrong"}):
        for instead in ({}, {"user": "nobody", "group": "nothing", "server": "none"}):
            answer = await case.ask(token, **instead)
            assert (answer.status_code, answer.json()["status"]) == (DENIED, DENIED)


@pytest.mark.parametrize(
    "route",
    [it for it in OPEN if it.target in {Kind.USER, Kind.SERVER, Kind.GROUP}],
    ids=lambda it: f"{it.method} {it.path}",
)
async def test_a_scope_for_another_does_not_tell_what_is_there(world: World, route: Route) -> None:
    case = await world.case(route)
    kind = "group=h" if route.target is Kind.GROUP else "user=o"
    token = await world.token(*(f"{scope}!{kind}{case.n}" for scope in route.any_of))
    there = await case.ask(token)
    absent = await case.ask(token, user="nobody", group="nothing")
    assert (there.status_code, absent.status_code) == (HIDDEN, HIDDEN)
    ignored = {"instance", "request_id", "params"}
    shown = [{k: v for k, v in it.json().items() if k not in ignored} for it in (there, absent)]
    assert shown[0] == shown[1]


def test_most_of_what_an_administrator_asks_here_works() -> None:
    """The table would prove little if every answer were an error."""
    assert len(OPEN) > 50
    assert {it.target for it in OPEN} >= {Kind.NONE, Kind.USER, Kind.SERVER, Kind.GROUP}
