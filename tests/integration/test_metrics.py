"""Metrics: the names of JupyterHub, and numbers that are true (hub.md 2.10)."""

import asyncio
import re
from datetime import timedelta

import httpx
import pytest

from perijove import __version__
from perijove.api.metrics import GAUGES, PERIODS
from perijove.api.ours import OURS, PROCESS
from perijove.app import running_hub
from perijove.core import measures
from perijove.kit.tasks import in_background
from perijove.kit.timings import KINDS, LOOP, Timings
from perijove.settings import of
from perijove.spawners.fake import FakeSpawner
from perijove.store.database import Database
from tests.browser import Browser
from tests.parts import ADMIN_TOKEN, hub, parts, user

of({})  # settings read their tables when they are first used
OPEN = {"hub": {"config": {"JupyterHub": {"authenticate_prometheus": False}}}}
SHUT = {"hub": {"config": {"JupyterHub": {"authenticate_prometheus": True}}}}


def value(text: str, line: str) -> float:
    found = re.search(rf"^jupyterhub_{re.escape(line)} (\S+)$", text, re.MULTILINE)
    assert found, f"{line} is not in\n{text}"
    return float(found[1])


async def test_starts_stops_looks_and_sign_ins_are_timed(database: Database) -> None:
    async with running_hub(of({}), parts(database)) as it:
        await it.hub.accounts.create("ada", password="a sentence works well")
        browser = Browser(it)
        for password in ("wrong", "a sentence works well"):
            shown = await browser.get("hub/login")
            xsrf = shown.text.partition('name="_xsrf" value="')[2].partition('"')[0]
            form = {"username": "ada", "password": password, "_xsrf": xsrf}
            await browser.post("hub/login", data=form)
        owner = await user(it, "ada")
        async for _ in it.hub.progress.of(await it.hub.servers.start(owner, "", {})):
            pass
        async with asyncio.timeout(20):
            text = await metrics(browser)
            assert value(text, "running_servers") == 1
            await it.hub.servers.stop(owner, "")
            while 'server_stop_seconds_count{status="success"}' not in text:
                await asyncio.sleep(0.02)
                text = await metrics(browser)
        await browser.get("hub/logout")
        text = await metrics(browser)
    assert value(text, "running_servers") == 0
    spawned = 'server_spawn_duration_seconds_count{reason="",status="success"}'
    for line in (
        spawned, 'server_stop_seconds_count{status="success"}', "logout_duration_seconds_count",
        'login_duration_seconds_count{status="success"}', "hub_startup_duration_seconds_count",
        'login_duration_seconds_count{status="failure"}',
    ):  # fmt: skip
        assert value(text, line) == 1, line
    for line in (
        'server_poll_duration_seconds_count{status="running"}', "event_loop_interval_seconds_count",
        'server_poll_duration_seconds_count{status="stopped"}', "check_routes_duration_seconds_sum",
    ):  # fmt: skip
        assert value(text, line) > 0, line
    assert value(
        text, 'server_spawn_duration_seconds_bucket{le="600.0",reason="",status="success"}'
    )
    assert 0 < value(text, spawned.replace("_count", "_sum")) < 5
    for name in (*KINDS, *GAUGES, "csp_reports_total"):
        assert f"# TYPE jupyterhub_{name} " in text
    ours(text)


async def metrics(browser: Browser) -> str:
    answer = await browser.get("hub/metrics", headers={"authorization": f"token {ADMIN_TOKEN}"})
    assert answer.status_code == 200
    return answer.text


async def test_a_start_that_fails_and_one_that_is_cancelled_say_why(database: Database) -> None:
    class Broken(FakeSpawner):
        """Nothing that it starts appears."""

        async def start(self, spec: object) -> None:
            del spec

    it = await hub(database, Broken("i"))
    async with in_background(it.life.run()):
        owner = await user(it, "ada")
        await it.hub.servers.start(owner, "", {})
        await it.hub.servers.stop(owner, "")
        line = 'server_spawn_duration_seconds_count{reason="cancelled",status="failure"}'
        async with asyncio.timeout(20):
            while line not in (text := await metrics(Browser(it))):
                await asyncio.sleep(0.02)
    assert value(text, line) == 1


async def test_a_start_over_the_limit_is_counted_as_throttled(database: Database) -> None:
    it = await hub(database, tree={"hub": {"concurrentSpawnLimit": 1}})
    root = Browser(it, authorization=f"token {ADMIN_TOKEN}")
    statuses = []
    for name in ("ada", "bob"):
        await user(it, name)
        statuses.append((await root.post(f"hub/api/users/{name}/server")).status_code)
    assert statuses == [202, 429]
    line = 'server_spawn_duration_seconds_count{reason="throttled",status="failure"}'
    assert value(await metrics(root), line) == 1


async def test_active_users_are_counted_by_period(database: Database) -> None:
    it = await hub(database)
    now = it.hub.clock()
    for name, days in (("ada", 0), ("bob", 3), ("eve", 20), ("old", 40)):
        it.hub.activity.note_user((await user(it, name)).id, now - timedelta(days=days))
    await user(it, "never")
    await it.hub.activity.flush()
    text = await metrics(Browser(it))
    counts = [value(text, f'active_users{{period="{period}"}}') for period in PERIODS]
    assert counts == [1, 2, 3]
    assert value(text, "total_users") == 5


@pytest.mark.parametrize(("tree", "status"), [(OPEN, 200), (SHUT, 403), ({}, 403)])
async def test_metrics_are_open_to_all_only_if_the_settings_say_so(
    database: Database, tree: dict[str, object], status: int
) -> None:
    stranger = Browser(await hub(database, tree=tree))
    for path in ("hub/metrics", "hub/api/metrics"):
        answer: httpx.Response = await stranger.get(path)
        assert answer.status_code == status
        assert ("jupyterhub_total_users" in answer.text) is (status == 200)
        kind = "text/html" if status == 403 else "text/plain"
        assert answer.headers["content-type"].startswith(kind)


async def test_an_event_loop_that_is_held_up_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    timings, now = Timings(), [0.0]
    monkeypatch.setattr(measures, "perf_counter", lambda: now[0])
    monkeypatch.setattr(measures, "_TURN", 0.001)
    async with in_background(measures.turns(timings)):
        await asyncio.sleep(0)
        now[0] = 3.0
        await asyncio.sleep(0.05)
    counted = timings.counted[LOOP, ()]
    assert counted.seconds == pytest.approx(3.0)


def test_strange_methods_make_no_series_of_their_own() -> None:
    timings = Timings()
    for method in ("GET", "BREW", "X" * 1000):
        timings.note(method, "/x", 200, 0.1)
    assert {labels[0] for _, labels in timings.counted} == {"GET", ""}


def ours(text: str) -> None:
    for told in OURS:
        assert f"# TYPE perijove_{told.name}{'_total' if told.counts else ''} " in text
    assert f'perijove_info{{version="{__version__}"}} 1.0' in text
    assert 'perijove_servers{phase="running"} 0.0' in text
    assert 'perijove_server_ends_total{reason="asked"} 1.0' in text
    assert "perijove_shards 64.0" in text
    for name in PROCESS:
        assert re.search(rf"^{name} [\d.e+]+$", text, re.MULTILINE), name
