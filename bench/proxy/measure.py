"""What is measured of each proxy, and how."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from bench.proc import cpu_seconds, rss_mib
from bench.proxy import heads
from bench.proxy.behind import HUGE, KB, LARGE, Echo, Kilobyte, Many, Server, Sink, VeryMany
from bench.proxy.contenders import Contender
from bench.proxy.http2 import Two, blocks
from bench.proxy.secure import Greeter, Secure
from bench.proxy.visitors import (
    Newcomer,
    Opener,
    Reader,
    Sitter,
    Talker,
    Tally,
    Teller,
    Uploader,
    Visitor,
)
from bench.proxy.wheel import Wheel

Found = dict[str, float]
"""Figures by the names of their rows."""
SMALL, LARGEST, SENT, SPOKEN, MANY = (f"/user/{it}/" for it in ("ada", "big", "up", "ws", "huge"))
_MICRO, _GIGA = 1e6, 1e9
_FEW_ROUTES = 10
_AT_ONCE = 64
_WARMING = 100
_KB = 1024 / 1000
"""kB in a KiB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How much of each."""

    seconds: float = 2.0
    warm: float = 0.7
    sitters: int = 2000
    routes: int = 10_000


QUICK = Sizes(seconds=0.5, warm=0.2, sitters=200, routes=1000)
"""To see that it works."""


class Bench:
    """The load, what stands behind the proxies, and what went wrong."""

    def __init__(self, sizes: Sizes) -> None:
        self.sizes = sizes
        self.wheel = Wheel()
        kinds = {SMALL: Kilobyte, LARGEST: Many, MANY: VeryMany, SENT: Sink, SPOKEN: Echo}
        self.places = {place: Server(self.wheel, kind).port for place, kind in kinds.items()}
        self.failures: list[str] = []

    def cost(
        self, proxy: Contender, name: str, visitors: Sequence[Visitor], tally: Tally
    ) -> "Spent":
        """Return what `visitors` cost a proxy that is warm."""
        for visitor in visitors:
            visitor.begin()
        self.wheel.turn(self.sizes.warm)
        pids, done, size = proxy.pids(), tally.done, tally.size
        tally.waits.clear()
        cpu, began = cpu_seconds(*pids), time.perf_counter()
        self.wheel.turn(self.sizes.seconds)
        spent, took = cpu_seconds(*pids) - cpu, time.perf_counter() - began
        done, size = tally.done - done, tally.size - size
        for visitor in visitors:
            visitor.leave()
        self.wheel.turn(0.1)
        self.check(proxy, name, tally, done or size)
        busy = f"{spent / took * 100:.0f} % of its core"
        print(f"{proxy.name:8} {name:24} {done / took:9,.0f}/s {busy}", flush=True)
        return Spent(done=max(done, 1), size=max(size, 1), cpu=spent, waits=sorted(tally.waits))

    def check(self, proxy: Contender, name: str, tally: Tally, done: int) -> None:
        """Say loudly what failed."""
        if tally.failed or not done:
            why = ", ".join(f"{it} ({number})" for it, number in tally.failed.items())
            self.failures.append(f"{proxy.name}, {name}: {why or 'nothing was done'}")
            print(f"FAILED: {self.failures[-1]}", flush=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What it was, and its CPU seconds."""

    done: int
    size: int
    cpu: float
    waits: list[float] = field(repr=False)

    @property
    def each(self) -> float:
        """Return µs for an operation."""
        return self.cpu / self.done * _MICRO

    @property
    def gigabyte(self) -> float:
        """Return seconds for 10^9 bytes."""
        return self.cpu / self.size * _GIGA

    @property
    def p99(self) -> float:
        """Return within how many ms all but one in a hundred were answered."""
        return self.waits[len(self.waits) * 99 // 100] * 1e3 if self.waits else 0.0


@dataclass(frozen=True, slots=True)
class Look:
    """One thing to measure of a proxy that is run as `kind` and offers what it `needs`."""

    name: str
    act: Callable[[Bench, Contender], Found]
    kind: str = "plain"
    needs: str = "plain"

    def suits(self, proxy: Contender) -> bool:
        """Return whether it can be measured there."""
        return {self.kind, self.needs} <= proxy.offers


def memory(bench: Bench, proxy: Contender) -> Found:
    """Look at one that nobody has asked yet."""
    bench.wheel.turn(1.0)
    return {"memory": rss_mib(*proxy.pids())}


def sitting(bench: Bench, proxy: Contender) -> Found:
    """Open WebSockets on which nobody says anything; the first ones only warm it up."""
    tally, asks, crowd = Tally(), heads.upgrades(SPOKEN), list[Sitter]()

    def seated(number: int) -> float:
        for _ in range(number):
            crowd.append(Sitter(bench.wheel, proxy.port, tally, asks))
            crowd[-1].begin()
            bench.wheel.turn(1.0, lambda: tally.done >= len(crowd) or bool(tally.failed))
        bench.wheel.turn(1.0)
        return rss_mib(*proxy.pids())

    before = seated(_WARMING)
    more = seated(bench.sizes.sitters) - before
    bench.check(proxy, "idle-websocket", tally, tally.done if tally.done == len(crowd) else 0)
    for sitter in crowd:
        sitter.leave()
    bench.wheel.turn(1.0)
    return {"idle-websocket": more * 1024 * _KB / bench.sizes.sitters}


def routing(bench: Bench, proxy: Contender) -> Found:
    """Ask for any of ten routes, add many by the API, ask for any of them."""

    def ask(users: int) -> float:
        tally, asked = Tally(), heads.scattered(users)
        crowd = [Visitor(bench.wheel, proxy.port, tally, asked) for _ in range(_AT_ONCE)]
        return bench.cost(proxy, f"routes-{users:,}", crowd, tally).each

    def tell(users: int) -> float:
        tally, pids = Tally(), proxy.pids()
        told = heads.routes(users, f"http://127.0.0.1:{bench.places[SMALL]}")
        crowd = [Teller(bench.wheel, proxy.api, tally, told) for _ in range(4)]
        cpu = cpu_seconds(*pids)
        for teller in crowd:
            teller.begin()
        bench.wheel.turn(60, lambda: tally.done == users or bool(tally.failed))
        spent = cpu_seconds(*pids) - cpu
        for teller in crowd:
            teller.leave()
        bench.check(proxy, "route-add", tally, tally.done if tally.done == users else 0)
        return spent / users * _MICRO

    tell(_FEW_ROUTES)
    few = ask(_FEW_ROUTES)
    added = tell(bench.sizes.routes)
    return {"route-add": added, "routes-few": few, "routes-many": ask(bench.sizes.routes)}


def _visits(
    name: str,
    make: Callable[[Wheel, int, Tally], Callable[[], Visitor]],
    at_once: int,
    read: Callable[[Spent], float] = lambda spent: spent.each,
    *,
    kind: str = "plain",
) -> Look:
    """Return what so many visitors at once, who share what they ask, cost for each operation."""

    def act(bench: Bench, proxy: Contender) -> Found:
        tally = Tally()
        visitor = make(bench.wheel, proxy.port, tally)
        spent = bench.cost(proxy, name, [visitor() for _ in range(at_once)], tally)
        return {name: read(spent), f"{name}-p99": spent.p99}

    return Look(name, act, kind)


def _asking(
    kind: type[Visitor], asked: Callable[[], heads.Heads], size: int = KB
) -> Callable[[Wheel, int, Tally], Callable[[], Visitor]]:
    return lambda wheel, port, tally: partial(kind, wheel, port, tally, asked(), size)


def _opening(kind: type[Opener]) -> Callable[[Wheel, int, Tally], Callable[[], Visitor]]:
    return lambda wheel, port, tally: partial(kind, wheel, port, tally, heads.upgrades(SPOKEN))


def _gigabyte(spent: Spent) -> float:
    return spent.gigabyte


_few = partial(heads.few, SMALL)
LOOKS = [
    Look("memory", memory),
    Look("idle-websocket", sitting),
    _visits("keep-alive", _asking(Visitor, _few), _AT_ONCE),
    _visits("workers", _asking(Visitor, _few), _AT_ONCE, kind="workers"),
    _visits("browser", _asking(Visitor, partial(heads.browser, SMALL)), _AT_ONCE),
    _visits("connection", _asking(Newcomer, _few), 16),
    _visits("1-mb", _asking(Reader, partial(heads.few, LARGEST), LARGE), 4, _gigabyte),
    _visits("100-mb", _asking(Reader, partial(heads.few, MANY), HUGE), 2, _gigabyte),
    _visits("upload", _asking(Uploader, partial(heads.uploads, SENT, HUGE), HUGE), 2, _gigabyte),
    _visits("websocket", _opening(Talker), _AT_ONCE),
    _visits("websocket-open", _opening(Opener), 16),
    Look("routes", routing, needs="api"),
    _visits("tls", _asking(Secure, _few), _AT_ONCE, kind="tls"),
    _visits("handshake", _asking(Greeter, _few), 16, kind="tls"),
    _visits("http2", _asking(Two, partial(blocks, SMALL)), _AT_ONCE, kind="http2"),
]
"""In this order: what looks at memory must be the first."""
