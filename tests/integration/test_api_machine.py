"""A state machine: the REST API answers as a model, whatever is asked in any order (bar 7)."""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import httpx
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from perijove.model.errors import Stale
from perijove.settings import of
from perijove.store.open import open_database
from tests.bar import size
from tests.browser import Browser
from tests.integration.test_crash import settle
from tests.parts import ADMIN_TOKEN, hub

T = TypeVar("T")
of({})  # settings read their tables when they are first used
WRITTEN = {"ada": "ada", "Ada": "ada", "bob": "bob", "eve": "eve", "EVE": "eve"}
"""How names may be written when an account is made, and what they are from then on."""
NEW = st.sampled_from(sorted(WRITTEN))
PEOPLE = st.sampled_from(["ada", "bob", "eve"])
SOME = st.lists(PEOPLE, max_size=3)
GROUPS = st.sampled_from(["lab", "course"])


class Api(RuleBasedStateMachine):
    """The hub, and a model: people with what they have, groups with whom they have."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = TemporaryDirectory()
        self.admins: dict[str, bool] = {}
        self.groups: dict[str, set[str]] = {}
        self.tokens: dict[str, dict[str, str]] = {}
        self.running: set[str] = set()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    @initialize()
    def open(self) -> None:
        self.database = self.run(open_database(str(Path(self.folder.name) / "hub.sqlite")))
        self.hub = self.run(hub(self.database))
        self.client = Browser(self.hub, authorization=f"token {ADMIN_TOKEN}")

    def teardown(self) -> None:
        if hasattr(self, "database"):
            self.run(self.database.close())
        self.loop.close()
        self.folder.cleanup()

    def ask(self, method: str, path: str, body: Any = None, token: str = "") -> httpx.Response:
        client = Browser(self.hub, authorization=f"token {token}") if token else self.client
        more = {} if body is None else {"json": body}
        answer = self.run(client.http.request(method, f"/hub/api{path}", **more))
        assert answer.status_code < 500, answer.text
        return answer

    @rule(name=NEW, admin=st.booleans())
    def create(self, name: str, *, admin: bool) -> None:
        answer = self.ask("POST", f"/users/{name}", {"admin": admin})
        who = WRITTEN[name]
        assert answer.status_code == (409 if who in self.admins else 201), answer.text
        self.admins.setdefault(who, admin)

    @rule(names=st.lists(NEW, min_size=1, max_size=3))
    def create_many(self, names: list[str]) -> None:
        wanted = {WRITTEN[name] for name in names}
        new = wanted - self.admins.keys()
        answer = self.ask("POST", "/users", {"usernames": names})
        assert answer.status_code == (201 if new else 409), answer.text
        if new:
            assert {it["name"] for it in answer.json()} == new
        self.admins |= dict.fromkeys(new, False)

    @rule(name=PEOPLE, admin=st.booleans())
    def change(self, name: str, *, admin: bool) -> None:
        answer = self.ask("PATCH", f"/users/{name}", {"admin": admin})
        who = WRITTEN[name]
        assert answer.status_code == (200 if who in self.admins else 404), answer.text
        if who in self.admins:
            self.admins[who] = admin

    @rule(name=PEOPLE)
    def delete(self, name: str) -> None:
        who = WRITTEN[name]
        answer = self.run(self._deleted(name))
        assert answer.status_code == (204 if who in self.admins else 404), answer.text
        self.admins.pop(who, None)
        self.running.discard(who)
        for members in self.groups.values():
            members.discard(who)
        for secret in self.tokens.pop(who, {}).values():
            assert self.ask("GET", "/user", token=secret).status_code == 403

    async def _deleted(self, name: str) -> httpx.Response:
        """Return the answer, which comes when nothing of theirs runs any more."""
        asked = asyncio.ensure_future(self.client.http.delete(f"/hub/api/users/{name}"))
        while not asked.done():
            with suppress(Stale):  # it was asked to go in the middle of a step
                await settle(self.hub.life.reconciler, f"jupyter-{WRITTEN[name]}")
            await asyncio.sleep(0.01)
        return await asked

    @rule(group=GROUPS, names=SOME)
    def make_group(self, group: str, names: list[str]) -> None:
        answer = self.ask("POST", f"/groups/{group}", {"users": names})
        members = {WRITTEN[name] for name in names}
        if group in self.groups:
            assert answer.status_code in ({409} if members <= self.admins.keys() else {400, 409})
        elif members <= self.admins.keys():
            assert answer.status_code == 201, answer.text
            self.groups[group] = members
        else:
            assert answer.status_code == 400, answer.text

    @rule(group=GROUPS)
    def delete_group(self, group: str) -> None:
        answer = self.ask("DELETE", f"/groups/{group}")
        assert answer.status_code == (204 if self.groups.pop(group, None) is not None else 404)

    @rule(group=GROUPS, names=SOME, method=st.sampled_from(["POST", "DELETE"]))
    def move(self, group: str, names: list[str], method: str) -> None:
        answer = self.ask(method, f"/groups/{group}/users", {"users": names})
        members = {WRITTEN[name] for name in names}
        if group not in self.groups:
            assert answer.status_code in ({404} if members <= self.admins.keys() else {400, 404})
        elif not members <= self.admins.keys():
            assert answer.status_code in {200, 400}
            if answer.status_code == 200:  # whoever is not there cannot stay
                assert method == "DELETE"
                self.groups[group] -= members
        else:
            assert answer.status_code == 200, answer.text
            if method == "POST":
                self.groups[group] |= members
            else:
                self.groups[group] -= members

    @rule(name=PEOPLE)
    def make_token(self, name: str) -> None:
        who = WRITTEN[name]
        answer = self.ask("POST", f"/users/{name}/tokens", {})
        assert answer.status_code == (201 if who in self.admins else 403), answer.text
        if who in self.admins:
            made = answer.json()
            self.tokens.setdefault(who, {})[made["id"]] = made["token"]

    @rule(name=PEOPLE, which=st.integers(0, 5))
    def revoke(self, name: str, which: int) -> None:
        who = WRITTEN[name]
        held = self.tokens.get(who, {})
        id = sorted(held)[which % len(held)] if held else "a1"
        answer = self.ask("DELETE", f"/users/{name}/tokens/{id}")
        assert answer.status_code == (204 if held else 404), answer.text
        if held:
            secret = held.pop(id)
            assert self.ask("GET", "/user", token=secret).status_code == 403

    @rule(name=PEOPLE)
    def start(self, name: str) -> None:
        who = WRITTEN[name]
        answer = self.ask("POST", f"/users/{name}/server")
        known, runs = who in self.admins, who in self.running
        assert answer.status_code == (404 if not known else 400 if runs else 202), answer.text
        if known and not runs:
            self.run(settle(self.hub.life.reconciler, f"jupyter-{who}"))
            self.running.add(who)

    @rule(name=PEOPLE)
    def stop(self, name: str) -> None:
        who = WRITTEN[name]
        answer = self.ask("DELETE", f"/users/{name}/server")
        known, runs = who in self.admins, who in self.running
        assert answer.status_code == (404 if not known else 202 if runs else 204), answer.text
        if runs:
            self.run(settle(self.hub.life.reconciler, f"jupyter-{who}"))
            self.running.discard(who)

    @rule(limit=st.integers(1, 3), offset=st.integers(0, 3))
    def page(self, limit: int, offset: int) -> None:
        names = [it["name"] for it in self.ask("GET", "/users").json()]
        found = self.ask("GET", f"/users?limit={limit}&offset={offset}").json()
        assert [it["name"] for it in found] == names[offset : offset + limit]

    @invariant()
    def all_is_as_it_should_be(self) -> None:
        if not hasattr(self, "client"):
            return
        shown = {it["name"]: it for it in self.ask("GET", "/users").json()}
        assert shown.keys() == self.admins.keys()
        for name, it in shown.items():
            assert it["admin"] is self.admins[name]
            assert set(it["groups"]) == {g for g, who in self.groups.items() if name in who}
            assert bool(it["servers"]) is (name in self.running), it
        groups = {it["name"]: set(it["users"]) for it in self.ask("GET", "/groups").json()}
        assert groups == self.groups
        for name, held in self.tokens.items():
            for secret in held.values():
                assert self.ask("GET", "/user", token=secret).json()["name"] == name


TestApi = Api.TestCase
TestApi.settings = settings(
    max_examples=size(7, 20, 2000),
    stateful_step_count=size(7, 25, 50),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=True,
    report_multiple_bugs=False,
)
