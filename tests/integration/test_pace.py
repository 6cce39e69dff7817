"""A limit for each caller of the API, far from what any good program does."""

import asyncio
from typing import Any

import pytest

from perijove.app import Running
from perijove.core.pace import Pace
from perijove.model.errors import Busy
from perijove.model.principal import Principal
from perijove.settings import of
from perijove.store.database import Database
from tests.browser import Browser
from tests.parts import ADMIN_TOKEN, hub, services, user

TREE = services(culler=("list:users", "read:servers", "delete:servers", "read:users:activity"))
TREE["hub"]["apiCallsPerSecond"] = 1
of(TREE)  # settings read their tables when they are first used
AT_ONCE = 20


@pytest.fixture
async def running(database: Database) -> Running:
    it = await hub(database, tree=TREE)
    await user(it, "ada")
    await user(it, "bob")
    return it


async def own(running: Running, name: str = "ada") -> Browser:
    maker = await running.hub.tokens.principal(ADMIN_TOKEN)
    assert maker
    _, secret = await running.hub.tokens.make(await user(running, name), by=maker)
    return Browser(running, authorization=f"token {secret}")


async def test_who_calls_without_end_is_told_when_to_come_again(running: Running) -> None:
    running.hub.pace.clock = lambda: 1e6  # on a slow machine more may be called meanwhile
    ada, bob = await own(running), await own(running, "bob")
    answers = [await ada.get("hub/api/users/ada") for _ in range(3 * AT_ONCE)]
    statuses = [it.status_code for it in answers]
    calls = statuses.count(200)
    assert AT_ONCE <= calls <= 2 * AT_ONCE
    assert statuses == [200] * calls + [429] * (len(statuses) - calls)
    assert int(answers[-1].headers["retry-after"]) >= 1
    assert answers[-1].json()["code"] == "busy"
    again = await own(running)  # another token of the same person
    assert (await again.get("hub/api/users/ada")).status_code == 429
    assert (await again.post("hub/api/users/ada/tokens")).status_code == 429
    assert (await bob.get("hub/api/users/bob")).status_code == 200
    root = {"authorization": f"token {ADMIN_TOKEN}"}
    text = (await Browser(running).get("hub/metrics", headers=root)).text
    refused = statuses.count(429) + 2
    assert f"perijove_api_refused_total {refused}.0" in text


async def test_who_somebody_is_can_be_asked_without_end(running: Running) -> None:
    ada = await own(running)
    asked = [ada.get("hub/api/user") for _ in range(20 * AT_ONCE)]
    assert {it.status_code for it in await asyncio.gather(*asked)} == {200}
    now = {"last_activity": "2026-01-01T00:00:00Z"}
    told = [await ada.post("hub/api/users/ada/activity", json=now) for _ in range(3 * AT_ONCE)]
    assert {it.status_code for it in told} == {200}


async def test_a_culler_is_not_held_up(database: Database) -> None:
    usual: dict[str, Any] = {"hub": {**TREE["hub"], "apiCallsPerSecond": 20}}
    running = await hub(database, tree=usual)
    await user(running, "ada")
    culler = Browser(running, authorization="token culler-token")
    asked = [culler.http.delete("/hub/api/users/ada/server") for _ in range(1000)]
    assert {it.status_code for it in await asyncio.gather(*asked)} == {204}


def test_calls_are_paid_off_by_time() -> None:
    now = 0.0
    pace = Pace(rate=2.0, clock=lambda: now)
    ada = Principal(name="ada", kind="user", groups=frozenset(), scopes=frozenset())
    for _ in range(41):
        pace.take(ada)
    with pytest.raises(Busy) as busy:
        pace.take(ada)
    assert busy.value.params["retry_after"] == 1
    now = 0.5
    pace.take(ada)
    with pytest.raises(Busy):
        pace.take(ada)
    now = 1e6
    for _ in range(41):
        pace.take(ada)
    pace.rate = 0.0
    for _ in range(1000):
        pace.take(ada)


def test_callers_are_not_remembered_for_ever() -> None:
    now = 0.0
    pace = Pace(clock=lambda: now)
    for n in range(50_000):
        now = float(n)
        pace.take(Principal(name=f"u{n}", kind="user", groups=frozenset(), scopes=frozenset()))
    assert len(pace._due) <= 20_000
