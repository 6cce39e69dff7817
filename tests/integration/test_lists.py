"""Lists by pages: those that follow what a page names, and those that count, lose nobody."""

import asyncio
import base64
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

import pytest

from perijove.app import Running
from perijove.kit.tasks import in_background
from perijove.model.user import User
from perijove.settings import of
from perijove.store import users
from perijove.store.database import Database
from perijove.store.statement import Row, Statement, T
from perijove.store.tables import micros
from tests.browser import SITE, Browser
from tests.parts import ADMIN_TOKEN, hub, services

ODD = "\U0001f600 'a' \"b\" \\ %s"
SOME = services(
    names=("list:users", "read:users:name"),
    course=("list:users!group=course", "list:groups!group=course", "read:groups:name"),
    some=(
        *(f"list:users!user={name}" for name in ("u01", "u02", "u05", ODD, "nobody")),
        *(f"list:{kind}!group={name}" for kind in ("users", "groups") for name in ("course", ODD)),
        *("read:users:name", "read:groups:name"),
    ),
    nobody=("list:users!group=none", "list:groups!group=none", "list:users!server=u01/"),
)
TREE = {"hub": {**SOME["hub"], "allowNamedServers": True, "apiCallsPerSecond": 0}}
of(TREE)  # settings read their tables when they are first used
PAGED = {"accept": "application/jupyterhub-pagination+json"}
NAMES = [f"u{n:02}" for n in range(12)]


@pytest.fixture
async def running(database: Database) -> AsyncIterator[Running]:
    it = await hub(database, tree=TREE)
    await it.hub.newcomers.add(NAMES)
    async with in_background(it.life.run()):
        yield it


async def ask(running: Running, method: str, path: str, by: str = "", **more: Any) -> Any:
    token = f"{by}-token" if by else ADMIN_TOKEN
    browser = Browser(running, authorization=f"token {token}")
    path = path if path.startswith("http") else f"/hub/api{path}"
    return await browser.http.request(method, path, headers=PAGED, **more)


async def page(running: Running, path: str, by: str = "") -> tuple[list[str], str, dict[str, Any]]:
    """Return who is on it, where the next one is, and what it says of its place."""
    answer = await ask(running, "GET", path, by)
    assert answer.status_code == 200, answer.text
    found, place = answer.json()["items"], answer.json()["_pagination"]
    told = place["next"] or {}
    return list(map(_called, found)), told.get("url", ""), place


def _called(item: Any) -> str:
    if isinstance(item, str):
        return item  # a route, by its prefix
    shared = item.get("user") or item.get("group")
    return str(item.get("name") or item.get("id") or shared["name"])


async def follow(running: Running, path: str, by: str = "") -> list[list[str]]:
    """Return every page, as jupyterhub-idle-culler reads them: each names the next."""
    pages = []
    while path:
        names, path, _ = await page(running, path, by)
        pages.append(names)
    return pages


@pytest.mark.parametrize("sort", ["id", "-id", "name", "-name", "last_activity", "-last_activity"])
async def test_who_comes_or_goes_between_pages_hides_nobody_and_doubles_nobody(
    running: Running, sort: str
) -> None:
    whole = [
        name for names in await follow(running, f"/users?limit=5&sort={sort}") for name in names
    ]
    assert sorted(whole) == NAMES
    first, url, _ = await page(running, f"/users?limit=5&sort={sort}")
    assert first == whole[:5]
    for name in first[1:4]:
        assert (await ask(running, "DELETE", f"/users/{name}")).status_code == 204
    second, url, place = await page(running, url)
    assert second == whole[5:10]
    assert (place["offset"], place["total"]) == (5, 9)
    new = "a00" if sort == "name" else "zzz"  # in front of what is still to come
    assert (await ask(running, "POST", f"/users/{new}")).status_code == 201
    (gone,) = second[-1:]  # what the next page begins after is itself no more
    assert (await ask(running, "DELETE", f"/users/{gone}")).status_code == 204
    third, url, _ = await page(running, url)
    assert [name for name in third if name != new] == whole[10:]
    assert not url


async def test_when_people_were_last_here_is_a_key_as_well(running: Running) -> None:
    for name in NAMES[::-1][:7]:
        said = {"last_activity": f"2026-01-01T00:00:{int(name[1:]):02}Z"}
        assert (await ask(running, "POST", f"/users/{name}/activity", json=said)).is_success
    await running.hub.activity.flush()
    pages = await follow(running, "/users?limit=2&sort=-last_activity")
    seen = [name for names in pages for name in names]
    assert seen[:7] == NAMES[::-1][:7]
    assert sorted(seen) == NAMES
    assert max(map(len, pages)) == 2


async def test_who_counts_by_themselves_is_answered_as_jupyterhub_answers(running: Running) -> None:
    """Some clients follow no link: they ask again with a larger offset."""
    seen, offset = list[str](), 0
    while True:
        answer = await ask(running, "GET", f"/users?limit=5&offset={offset}")
        items, place = answer.json()["items"], answer.json()["_pagination"]
        seen += [it["name"] for it in items]
        assert (place["offset"], place["limit"], place["total"]) == (offset, 5, 12)
        if not place["next"]:
            break
        assert place["next"].keys() == {"offset", "limit", "url"}
        assert place["next"]["offset"] == offset + 5
        query = parse_qs(urlsplit(place["next"]["url"]).query)
        assert (query["offset"], query["limit"]) == ([str(offset + 5)], ["5"])
        offset = place["next"]["offset"]
    assert seen == NAMES


async def test_what_follows_is_at_the_host_that_was_asked(database: Database) -> None:
    """A culler beside the hub may not reach the address that browsers know."""
    public = {"JupyterHub": {"public_url": "https://hub.example/"}}
    running = await hub(database, tree={"hub": {**TREE["hub"], "config": public}})
    await running.hub.newcomers.add(NAMES)
    _, url, _ = await page(running, "/users?limit=2")
    assert url.startswith(f"{SITE}/hub/api/users?")


async def test_who_sees_a_part_pages_through_that_part(running: Running) -> None:
    await ask(running, "POST", "/groups/course", json={"users": NAMES[::2]})
    await ask(running, "POST", "/groups/other")
    assert await follow(running, "/users?limit=4", "course") == [NAMES[0:8:2], NAMES[8::2]]
    _, url, place = await page(running, "/users?limit=2", "course")
    assert place["total"] == 6
    await ask(running, "DELETE", f"/users/{NAMES[0]}")
    assert (await page(running, url, "course"))[0] == [NAMES[4], NAMES[6]]
    assert (await page(running, "/users?limit=2&offset=2", "course"))[0] == [NAMES[6], NAMES[8]]
    assert await follow(running, "/groups?limit=1", "course") == [["course"]]


@pytest.mark.parametrize("sort", ["id", "-id", "name", "-name", "-last_activity"])
async def test_who_sees_some_by_name_and_some_by_group_sees_each_once(
    running: Running, sort: str
) -> None:
    await running.hub.accounts.add(ODD)
    groups = {"course": ["u00", "u02", "u04"], ODD: ["u02", ODD, "u11"], "other": NAMES}
    for name, members in groups.items():
        made = await ask(running, "POST", "/groups", json={"groups": [name], "users": members})
        assert made.status_code == 201, made.text
    there = ["u00", "u01", "u02", "u04", "u05", "u11", ODD]
    pages = await follow(running, f"/users?limit=3&sort={sort}", "some")
    assert list(map(len, pages)) == [3, 3, 1]
    assert sorted(name for names in pages for name in names) == there
    _, url, place = await page(running, f"/users?limit=3&sort={sort}", "some")
    assert (place["total"], (await page(running, url, "some"))[2]["total"]) == (7, 7)
    assert (await page(running, "/users?limit=2&offset=6&sort=name", "some"))[0] == [ODD]
    assert (await page(running, "/users?name_filter=u0&limit=1", "some"))[2]["total"] == 5
    assert await follow(running, "/groups?limit=1", "some") == [["course"], [ODD]]
    totals = [(await page(running, path, "nobody"))[2]["total"] for path in ("/users", "/groups")]
    assert totals == [0, 0]


class Read:
    """A database that counts the rows it gives."""

    def __init__(self, inner: Database) -> None:
        self.inner, self.rows = inner, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    async def read(self, statement: Statement[T]) -> T:
        def result(rows: Sequence[Row]) -> T:
            self.rows += len(rows)
            return statement.result(rows)

        return await self.inner.read(replace(statement, result=result))


async def test_a_page_of_those_whom_somebody_sees_reads_no_more_than_it_shows(
    database: Database,
) -> None:
    read = Read(database)
    it = await hub(cast("Database", read), tree=TREE)
    crowd = [
        User(id=it.hub.accounts.ids(), name=f"v{n}", created=it.hub.clock()) for n in range(600)
    ]
    await database.write(*(part for each in crowd for part in users.add(each)))
    await it.hub.groups.create("course", members=[each.name for each in crowd[::30]])
    await it.hub.groups.create(*(f"g{n}" for n in range(100)))
    _, following, _ = await page(it, "/users?limit=5", "course")
    for path in ("/users?limit=5", following, "/users?limit=5&state=inactive&sort=-name"):
        read.rows = 0
        names, _, place = await page(it, path, "course")
        assert (len(names), place["total"]) == (5, 20)
        assert read.rows <= 6, "those, and one more to see whether there is another page"
    read.rows = 0
    assert (await page(it, "/groups?limit=5", "course"))[0] == ["course"]
    assert read.rows <= 20 + 2, "its members, and how many groups there are"


async def test_groups_are_found_by_their_names(running: Running) -> None:
    names = [f"g{n}" for n in range(7)]
    await ask(running, "POST", "/groups", json={"groups": names, "users": NAMES[:3]})
    assert await follow(running, "/groups?limit=3") == [names[:3], names[3:6], names[6:]]
    _, url, place = await page(running, "/groups?limit=3")
    assert place["total"] == 7
    await ask(running, "DELETE", "/groups/g0")
    await ask(running, "POST", "/groups/a")
    answer = (await ask(running, "GET", url)).json()
    assert [it["name"] for it in answer["items"]] == names[3:6]
    assert answer["items"][0]["users"] == NAMES[:3]  # members count for no page
    assert (await page(running, "/groups?limit=3&offset=3"))[0] == names[3:6]


@pytest.mark.parametrize("kind", ["shares", "share-codes"])
async def test_shares_and_their_links_are_found_by_their_ids(running: Running, kind: str) -> None:
    assert (await ask(running, "PUT", "/users/u00/servers/lab", json={})).status_code == 201
    ids = list[str]()
    for name in NAMES[1:6]:
        body = {"user": name} if kind == "shares" else {}
        made = (await ask(running, "POST", f"/{kind}/u00/lab", json=body)).json()
        ids.append(name if kind == "shares" else made["id"])
    for path in (f"/{kind}/u00/lab", f"/{kind}/u00"):
        assert await follow(running, f"{path}?limit=2") == [ids[:2], ids[2:4], ids[4:]]
        assert (await page(running, f"{path}?limit=2&offset=1"))[0] == ids[1:3]
    _, url, _ = await page(running, f"/{kind}/u00/lab?limit=2")
    if kind == "shares":
        await ask(running, "PATCH", "/shares/u00/lab", json={"user": ids[0]})
    else:
        await ask(running, "DELETE", f"/share-codes/u00/lab?id={ids[0]}")
    assert (await page(running, url))[0] == ids[2:4]


async def test_what_is_shared_with_somebody_comes_by_pages_too(running: Running) -> None:
    for name in NAMES[:3]:
        await ask(running, "PUT", f"/users/{name}/servers/lab", json={})
        await ask(running, "POST", f"/shares/{name}/lab", json={"user": "u09"})
    first = (await ask(running, "GET", "/users/u09/shared?limit=2")).json()
    await ask(running, "DELETE", "/users/u09/shared/u00/lab")
    second = (await ask(running, "GET", first["_pagination"]["next"]["url"])).json()
    owners = [it["server"]["user"]["name"] for it in first["items"] + second["items"]]
    assert owners == NAMES[:3]
    assert second["_pagination"]["next"] is None


async def test_routes_are_found_by_their_prefix(running: Running) -> None:
    for name in NAMES[:3]:
        await ask(running, "POST", f"/users/{name}/server")
    paths = ["/", *(f"/user/{name}/" for name in NAMES[:3])]
    async with asyncio.timeout(20):
        while (await page(running, "/proxy"))[0] != paths:
            await running.hub.feed.refresh()
            await asyncio.sleep(0.05)
    assert await follow(running, "/proxy?limit=3") == [paths[:3], paths[3:]]


async def test_the_end_of_a_page_is_good_for_its_own_list_alone(running: Running) -> None:
    _, url, _ = await page(running, "/users?limit=2")
    after = parse_qs(urlsplit(url).query)["after"][0]
    await ask(running, "POST", "/groups", json={"groups": ["a", "b", "c"]})
    changed = ("B" if after[4] == "A" else "A").join((after[:4], after[5:]))
    for path in (
        f"/users?sort=name&after={after}",
        f"/groups?after={after}",
        f"/users?after={changed}",
        f"/users?after={after[:-6]}",
        "/users?after=W251bGxd",
        "/users?after=x",
        "/users?after=%00%ff",
        "/users?after=%F0%9F%98%80",
    ):
        answer = await ask(running, "GET", path)
        assert answer.status_code == 400, path
    assert (await ask(running, "GET", f"/users?limit=2&after={after}")).status_code == 200


async def test_the_end_of_a_page_tells_nothing_that_may_not_be_seen(running: Running) -> None:
    """Who may see names alone learns neither when an account was made nor when it was used."""
    said = {"last_activity": "2026-01-01T00:00:00.123456Z"}
    await ask(running, "POST", "/users/u00/activity", json=said)
    await running.hub.activity.flush()
    user = await running.hub.accounts.named("u00")
    assert user is not None
    assert user.last_activity is not None
    used = micros(user.last_activity)
    assert str(used).endswith("123456")
    for sort, stored in (("id", user.id), ("-last_activity", used)):
        names, url, _ = await page(running, f"/users?limit=1&sort={sort}", "names")
        assert names == ["u00"], "the page ends with whom it may tell nothing of"
        after = parse_qs(urlsplit(url).query)["after"][0]
        raw = base64.urlsafe_b64decode(after + "=" * (-len(after) % 4))
        for number in (user.id, stored):
            assert str(number).encode() not in raw
            assert number.to_bytes(8, "big").lstrip(b"\0") not in raw
