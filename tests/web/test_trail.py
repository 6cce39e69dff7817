"""The audit log on pages: for administrators all of it, for everybody what concerns them."""

import asyncio
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from perijove.api.routes import ROUTES
from perijove.http import elsewhere
from perijove.http.page import Page
from perijove.http.reader import Reader
from perijove.http.route import Route
from perijove.kit.journal import Journal
from perijove.oauth import routes as oauth
from perijove.store.database import Database
from perijove.web.audited import ACTIONS, WORDS
from perijove.web.routes import PAGES
from perijove.web.trail import PAGE, line
from tests.parts import hub
from tests.web.desk import PASSWORD, Browser, Desk, Shown
from tests.web.desk import desk as open_desk

NOW = datetime(2026, 11, 21, 10, 31, tzinfo=UTC)

ALL: list[Route | Page] = [*ROUTES, *oauth.ROUTES, *PAGES, *oauth.PAGES, *elsewhere.PAGES]


def entry(**more: Any) -> dict[str, Any]:
    return {
        "at": NOW.isoformat(timespec="milliseconds"), "request": "r", "who": "chen.wei",
        "kind": "user", "by": "session", "from": "203.0.113.24", "call": "POST /stop/{user}",
        "about": {"user": "lin.xiao"}, "status": 303, **more,
    }  # fmt: skip


def rows(page: httpx.Response) -> int:
    return page.text.count("<tr><td")


def follow(page: httpx.Response, label: str) -> str:
    """Return where the button that reads `label` leads, below the hub."""
    before, _, _ = page.text.partition(f">{label}</a>")
    assert before != page.text, f"there is no {label}"
    found = before.rpartition('href="')[2].partition('"')[0]
    return found.replace("&amp;", "&").removeprefix("/hub")


async def test_administrators_see_who_did_what_to_whom_from_where_and_how_it_ended(
    chen: Browser, lin: Browser
) -> None:
    await lin.post("/account", "/account", name="Lin", language="", theme="")
    await chen.post("/admin/lin.xiao/block", "/admin/lin.xiao")
    link = follow(await chen.get("/admin/lin.xiao"), "What was done")
    text = Shown((await chen.get("/audit")).text).text
    assert "chen.wei session Block a person POST /admin/{user}/block person lin.xiao" in text
    assert "203.0.113.24 done" in text
    assert text.index("Block a person POST") < text.index("Change the own account POST")
    about = await chen.get(link)
    assert rows(about) == 1, "what Lin did is not about Lin"
    assert "Block a person" in about.text


async def test_entries_are_found_by_person_action_and_day(desk: Desk, chen: Browser) -> None:
    trail = desk.hub.trail
    trail.remember(entry(at="2026-11-19T23:30:00.000+00:00", who="lin.xiao"))
    trail.remember(entry(call="POST /block"))
    trail.remember(entry(who=None, call="POST /login", details={"name": "du.fan"}, status=403))
    chen.http.cookies.set("pj_zone", "480")
    for query, count in {
        "who=lin.xiao": 1, "who=du.fan": 1, "about=lin.xiao": 3, "action=stop": 1,
        "action=stop&about=lin.xiao": 1, "action=block": 0,
        "since=2026-11-20&until=2026-11-20": 1,  # it is 07:30 in Shanghai
        "until=2026-11-19": 0, "since=2026-11-21&until=2026-11-21": 2,
    }.items():  # fmt: skip
        assert rows(await chen.get(f"/audit?{query}")) == count, query
    for query in ("since=soon", "until=2026-02-30", "before=x", "since=0001-01-01"):
        page = await chen.get(f"/audit?{query}")
        assert rows(page) == 0
        assert "is no day, so nothing is found" in page.text, query


async def test_no_entry_is_lost_or_shown_twice_between_two_pages(desk: Desk, chen: Browser) -> None:
    """Many happen in one millisecond."""
    count = 2 * PAGE + 7
    for n in range(count):
        at = (NOW + timedelta(milliseconds=n // 70)).isoformat(timespec="milliseconds")
        desk.hub.trail.remember(entry(at=at, call=f"POST /{n}"))
    page, seen = await chen.get("/audit?who=chen.wei&action=&about=lin.xiao"), []
    while True:
        found = Shown(page.text).texts
        seen += [text for text in found if text.startswith("POST /")]
        if ">Older</a>" not in page.text:
            break
        page = await chen.get(follow(page, "Older"))
    assert seen == [f"POST /{n}" for n in reversed(range(count))]
    first = await chen.get(follow(page, "The latest"))
    assert f"POST /{count - 1}<" in first.text


async def test_a_clock_that_was_set_back_hides_no_entry_from_the_next_page(
    desk: Desk, chen: Browser
) -> None:
    count = 2 * PAGE + 7
    for n in range(count):
        at = NOW + timedelta(seconds=n) - (timedelta(hours=2) if n >= PAGE else timedelta(0))
        told = entry(at=at.isoformat(timespec="milliseconds"), request=f"r{n}", call=f"POST /{n}")
        desk.hub.trail.remember(told)
    page, seen, older = await chen.get("/audit?about=lin.xiao"), list[str](), ""
    for _ in range(3):
        seen += [text for text in Shown(page.text).texts if text.startswith("POST /")]
        if ">Older</a>" in page.text:
            older = follow(page, "Older")
            page = await chen.get(older)
    assert seen == [f"POST /{n}" for n in reversed(range(count))]
    gone = re.sub("request=r[0-9]+", "request=gone", older)
    assert gone != older
    assert rows(await chen.get(gone)) > 0, "what is older, where the entry is not known"


@pytest.mark.parametrize("path", ["/account/audit", "/audit"])
async def test_who_reads_without_end_is_told_when_to_come_again(
    database: Database, tmp_path: Path, path: str
) -> None:
    async with open_desk(database, tmp_path, apiCallsPerSecond=1) as desk:
        await desk.person("chen.wei", admin=path == "/audit")
        chen = Browser(desk)
        await chen.sign_in("chen.wei")
        desk.hub.pace.rate /= 50 if path == "/audit" else 1  # administrators may as many more
        desk.hub.pace.clock = lambda: 1e6  # on a slow machine more may be read meanwhile
        answers = [await chen.get(path) for _ in range(30)]
        codes = [it.status_code for it in answers]
        assert codes == [200] * codes.count(200) + [429] * codes.count(429)
        assert 20 <= codes.count(200) < 30
        assert int(answers[-1].headers["retry-after"]) >= 1


async def test_a_person_sees_what_concerns_them_and_of_others_no_more_than_that(
    desk: Desk, lin: Browser, chen: Browser
) -> None:
    await desk.person("gao.lin")
    await chen.post("/admin/gao.lin/block", "/admin/gao.lin")
    await chen.post("/admin/lin.xiao/change", "/admin/lin.xiao", name="Lin")
    await lin.post("/account", "/account", name="Lin", language="", theme="")
    page = await lin.get(follow(await lin.get("/account"), "What was done with my account"))
    text = Shown(page.text).text
    assert "chen.wei Change a person" in text
    assert "Change the own account" in text
    assert "gao.lin" not in text
    chens = text.partition("chen.wei Change a person")[2].partition("Sign in")[0]
    assert "203.0.113.24" not in chens, "where others are is none of their business"
    assert rows(await lin.get("/account/audit?who=gao.lin&about=gao.lin")) == rows(page)
    assert (await lin.get("/audit")).status_code == 403


async def test_who_may_less_than_administrators_does_not_see_the_whole_log(
    database: Database, tmp_path: Path
) -> None:
    roles = {"helpers": {"scopes": ["admin-ui", "admin:users"], "users": ["lin.xiao"]}}
    async with open_desk(database, tmp_path, loadRoles=roles) as desk:
        await desk.person("lin.xiao")
        lin = Browser(desk)
        await lin.sign_in("lin.xiao")
        people = await lin.get("/admin")
        assert people.status_code == 200
        assert "/hub/audit" not in people.text
        assert "/hub/audit" not in (await lin.get("/admin/lin.xiao")).text
        page = await lin.get("/audit")
        assert page.status_code == 403
        assert "Only administrators read the whole" in page.text


async def test_the_page_says_what_it_covers(database: Database, tmp_path: Path) -> None:
    journal = Journal(tmp_path / "audit.log")
    running = await hub(database, journal=journal)
    await running.hub.accounts.create("root", password=PASSWORD, admin=True)
    desk = Desk(running=running, spawner=None, first=tmp_path)  # type: ignore[arg-type]
    chen = Browser(desk)
    await chen.sign_in("root")
    text = Shown((await chen.get("/audit")).text).text
    assert "the last 140 MiB" in text
    assert "root" in text, "it is read from the file"
    await asyncio.to_thread(journal.close)


async def test_a_cluster_says_that_only_this_hubs_memory_is_shown(chen: Browser) -> None:
    text = Shown((await chen.get("/audit")).text).text
    assert "its last 5,000 entries since it started" in text
    assert "other hubs" in text


def test_what_somebody_made_up_is_cut_short() -> None:
    found = line(entry(about={"user": "x" * 300}, details={"users": ["y"] * 900}), Reader())
    assert max(len(value) for _, value in found.about) <= 120


def test_what_an_entry_does_not_say_is_said_in_no_language() -> None:
    chinese = Reader(language="zh")
    found = line(entry(by=None, who=None, call="POST /new", **{"from": None}), chinese)
    assert (found.means, found.who, found.what, found.origin) == ("", "", "", "")
    shown = [line(entry(by=it), chinese).means for it in ("session", "token a5", "ticket a5")]
    assert shown == ["登录会话", "令牌 a5", "ticket a5"]


def audited() -> Iterator[str]:
    for row in ALL:
        if row.method not in {"GET", "HEAD"} and not row.unaudited:
            yield f"{row.method} {row.path}"


def test_each_call_that_leaves_an_entry_has_words() -> None:
    assert sorted(set(audited()) - WORDS.keys()) == []
    known = {f"{it.method} {it.path}" for it in ALL}
    assert sorted(WORDS.keys() - known) == []
    assert sum(len(calls) for _, calls in ACTIONS.values()) == len(WORDS), "each in one place"
