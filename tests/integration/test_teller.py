"""What tells a proxy its routes, against proxies that are ill, and beside another hub's."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from perijove.core.activity import Activity
from perijove.core.chp import Chp, Declined
from perijove.core.feed import Feed
from perijove.core.leases import Alone
from perijove.core.teller import Teller, TellerSettings
from perijove.kit.clock import Clock
from perijove.kit.tasks import in_background
from perijove.model.route import Route
from perijove.settings import of
from perijove.store.open import open_database
from tests.browser import Browser
from tests.parts import ADMIN_TOKEN, hub, services

HUB = "http://127.0.0.1:8081"
PATIENCE = 20
EDGE = services(edge=("proxy",))
of(EDGE)  # settings read their tables when they are first used


@dataclass
class Proxy:
    """A proxy in memory; `ill` may answer in its place: a status, and what it says."""

    ill: Callable[[str, str], tuple[int, bytes] | None] = lambda *_: None
    routes: dict[str, Any] = field(default_factory=dict[str, Any])
    calls: list[str] = field(default_factory=list[str])
    port: int = 0

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["Proxy"]:
        async with await asyncio.start_server(self._serve, "127.0.0.1", self.port) as server:
            self.port = server.sockets[0].getsockname()[1]
            yield self

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            method, path, _ = head.split(" ", 2)
            fields = dict(it.lower().split(": ", 1) for it in head.splitlines()[1:] if it)
            body = await reader.readexactly(int(fields.get("content-length", 0)))
            key = unquote(path.removeprefix("/api/routes")) or ""
            self.calls.append(f"{method} {key}")
            status, said = self.ill(method, key) or self._answer(method, key, body)
            answer = f"HTTP/1.1 {status} X\r\nContent-Length: {len(said)}\r\n"
            writer.write(f"{answer}Connection: close\r\n\r\n".encode() + said)
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def _answer(self, method: str, key: str, body: bytes) -> tuple[int, bytes]:
        if method == "POST":
            self.routes[key] = json.loads(body)
            return 201, b""
        if method == "DELETE":
            return (204 if self.routes.pop(key, None) else 404), b""
        if not key:
            return 200, json.dumps(self.routes).encode()
        found = self.routes.get(key)
        return (200, json.dumps(found).encode()) if found else (404, b"")

    def chp(self) -> Chp:
        return Chp(f"http://127.0.0.1:{self.port}", "secret")


class Lease(Alone):
    """Held or not, as the test says."""

    held = True

    def holds(self, key: str) -> bool:
        del key
        return self.held


@pytest.fixture
async def feed(tmp_path: Path) -> AsyncIterator[Feed]:
    database = await open_database(f"sqlite:///{tmp_path}/hub.sqlite")
    it = Feed(database=database, hub=HUB, look=0.05)
    async with in_background(it.run()):
        yield it
    await database.close()


def telling(feed: Feed, proxy: Proxy, lease: Lease | None = None) -> Teller:
    return Teller(
        feed=feed,
        activity=Activity(database=feed.database, clock=Clock(), feed=feed),
        leases=lease or Lease(),
        settings=TellerSettings(
            url=f"http://127.0.0.1:{proxy.port}", token="secret", every=0.3, look=0.05
        ),
    )


async def until(done: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not done():
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (200, b"no json"),
        (200, b"[1, 2]"),
        (200, b"[" * 100_000),
        (200, b"\xff\xfe"),
        (403, b""),
        (500, b"{}"),
        (302, b""),
    ],
)
async def test_a_proxy_that_answers_nonsense_is_told_all_once_it_is_well(
    feed: Feed, status: int, said: bytes
) -> None:
    ill = True
    async with Proxy(ill=lambda *_: (status, said) if ill else None).serving() as proxy:
        async with in_background(telling(feed, proxy).run()):
            await until(lambda: len(proxy.calls) > 1)
            assert not proxy.routes
            ill = False
            await until(lambda: proxy.routes)
        assert proxy.routes["/"] == {"target": HUB, "hub": True, "jupyterhub": True}


async def test_routes_that_make_no_sense_are_none_of_ours(feed: Feed) -> None:
    odd: dict[str, Any] = {"/a": 1, "/b": None, "/c": ["jupyterhub"], "/d": {}, "": "x"}
    marked = {"jupyterhub": True, "target": None, "last_activity": "the day before"}
    async with Proxy(routes={**odd, "/e f/%2f": marked}).serving() as proxy:
        async with in_background(telling(feed, proxy).run()):
            await until(lambda: "/" in proxy.routes and "/e f/%2f" not in proxy.routes)
        assert odd.items() <= proxy.routes.items()


async def test_one_route_that_is_declined_keeps_no_other(feed: Feed) -> None:
    stale = {f"/user/{name}": {"target": "x", "jupyterhub": True} for name in "abc"}

    def ill(method: str, key: str) -> tuple[int, bytes] | None:
        return (400, b"") if (method, key) == ("DELETE", "/user/b") else None

    async with (
        Proxy(ill=ill, routes=stale).serving() as proxy,
        in_background(telling(feed, proxy).run()),
    ):
        await until(lambda: proxy.routes.keys() == {"/", "/user/b"})


async def test_what_is_declined_says_so(feed: Feed) -> None:
    del feed
    async with Proxy(ill=lambda *_: (400, b"")).serving() as proxy:
        chp = proxy.chp()
        with pytest.raises(Declined, match="400 to POST /api/routes/user/zo%C3%AB@x"):
            await chp.add(Route(prefix="/user/zo%C3%AB@x/", target=HUB))
        await chp.close()


async def test_a_proxy_that_is_not_there_yet_is_told_when_it_comes(feed: Feed) -> None:
    async with Proxy().serving() as proxy:
        pass
    async with in_background(telling(feed, proxy).run()):
        await asyncio.sleep(0.5)
        async with proxy.serving():
            await until(lambda: proxy.routes)


async def test_of_two_hubs_one_tells_and_when_it_dies_the_other(feed: Feed) -> None:
    one, other = Lease(), Lease()
    other.held = False
    stale = {"target": "x", "jupyterhub": True}
    async with Proxy().serving() as proxy, in_background(telling(feed, proxy, other).run()):
        await asyncio.sleep(0.5)
        assert not proxy.calls, "it is not its business"
        async with in_background(telling(feed, proxy, one).run()):
            await until(lambda: proxy.routes)
        proxy.routes["/user/gone"] = stale
        await asyncio.sleep(0.5)
        assert "/user/gone" in proxy.routes
        other.held = True
        await until(lambda: "/user/gone" not in proxy.routes)


async def test_a_hub_that_tells_no_more_is_not_late(feed: Feed) -> None:
    lease = Lease()
    async with Proxy().serving() as proxy:
        teller = telling(feed, proxy, lease)
        async with in_background(teller.run()):
            await until(lambda: teller.since_compared() >= 0)
            lease.held = False
            await until(lambda: teller.since_compared() == -1)
            lease.held = True
            await until(lambda: teller.since_compared() >= 0)


@pytest.mark.parametrize("how", ["asked", "by itself"])
async def test_what_another_hub_tells_while_the_table_is_compared_stays(
    tmp_path: Path, how: str
) -> None:
    """Another hub has told a route a moment before the table is read; this one does not know."""
    database = await open_database(f"sqlite:///{tmp_path}/hub.sqlite")
    new = Route(prefix="/services/new/", target="http://127.0.0.1:9")
    known = dict[str, Route]()

    async def beside() -> dict[str, Route]:
        return dict(known)

    def tells(method: str, key: str) -> None:
        if (method, key) == ("GET", "") and not known:
            known[new.prefix] = new
            proxy.routes["/services/new"] = {"target": new.target, "jupyterhub": True}

    feed = Feed(database=database, hub=HUB, beside=beside)
    async with Proxy(ill=tells).serving() as proxy:
        it = telling(feed, proxy)
        await feed.refresh()
        if how == "asked":
            await it.check()
        else:
            async with in_background(it.run()):
                await until(lambda: it.since_compared() >= 0)
        assert proxy.routes.keys() == {"/", "/services/new"}
        assert "DELETE /services/new" not in proxy.calls, "people were sent away meanwhile"
        await it.chp.close()
    await database.close()


async def test_what_is_told_and_declined_is_counted(tmp_path: Path) -> None:
    database = await open_database(f"sqlite:///{tmp_path}/hub.sqlite")
    stale = {f"/user/{name}": {"target": "x", "jupyterhub": True} for name in "abc"}

    def ill(method: str, key: str) -> tuple[int, bytes] | None:
        return (400, b"") if (method, key) == ("DELETE", "/user/b") else None

    async with Proxy(ill=ill, routes=stale).serving() as proxy:
        tells = TellerSettings(url=f"http://127.0.0.1:{proxy.port}", token="secret")
        it = await hub(database, tree=EDGE, tells=tells)
        edge = Browser(it, authorization=f"token {ADMIN_TOKEN}").http
        assert it.hub.teller is not None

        async def numbers() -> dict[str, float]:
            text = (await edge.get("/hub/metrics")).text
            lines = (line.split() for line in text.splitlines() if line.startswith("perijove_"))
            return {words[0]: float(words[1]) for words in lines}

        before = await numbers()
        assert before["perijove_compared_seconds"] == -1
        assert before["perijove_routes_told_total"] == 0
        await it.hub.teller.check()
        after = await numbers()
        assert 0 <= after["perijove_compared_seconds"] < PATIENCE
        assert after["perijove_routes_told_total"] == 3, "of two that are gone, and of the hub"
        assert after["perijove_routes_declined_total"] == 1
        await it.hub.teller.chp.close()
    await database.close()


async def test_it_moves_to_another_proxy_and_tells_it_all_at_once(feed: Feed) -> None:
    async with Proxy().serving() as old, Proxy().serving() as new:
        teller = telling(feed, old)
        async with in_background(teller.run()):
            await until(lambda: old.routes)
            await teller.move(f"http://127.0.0.1:{new.port}", "other")
            assert new.routes == old.routes


async def test_the_token_of_the_proxy_is_told_to_no_other_address(tmp_path: Path) -> None:
    database = await open_database(f"sqlite:///{tmp_path}/hub.sqlite")
    async with Proxy().serving() as ours, Proxy().serving() as strange:
        tells = TellerSettings(url=f"http://127.0.0.1:{ours.port}", token="secret")
        it = await hub(database, tree=EDGE, tells=tells)
        edge = Browser(it, authorization="token edge-token").http
        place = f"http://127.0.0.1:{strange.port}"
        answer = await edge.patch("/hub/api/proxy", json={"api_url": place})
        assert (answer.status_code, answer.json()["code"]) == (403, "proxy-token")
        assert not strange.calls
        told = {"api_url": place, "auth_token": "another"}
        assert (await edge.patch("/hub/api/proxy", json=told)).status_code == 200
        assert strange.routes
        assert it.hub.teller is not None
        await it.hub.teller.chp.close()
    await database.close()
