"""The figures as a part of the page, with goals, ratios and what they are measured against."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from bench.page import figure, machine, put
from bench.proxy.measure import Look

HEADING = "The proxy"
OURS, CHP, NGINX = "Perijove", "CHP", "nginx"
Figures = dict[str, list[float]]
"""Of every round, by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """What ours must keep: `most`, so often nginx's at most, so often less than CHP's at least."""

    most: float = math.inf
    nginx: float = math.inf
    chp: float = 0.0
    own: float = math.inf
    """So often the figure beside which it stands (Line.beside) at most."""

    def text(self, unit: str, than: str) -> str:
        """Return it in words; `than`: what it stands beside."""
        said = [f"≤ {self.most:g} {unit}"] if self.most < math.inf else []
        said += [f"≤ {self.nginx:g} x nginx"] if self.nginx < math.inf else []
        said += [f"≥ {self.chp:g} x CHP"] if self.chp else []
        said += [f"≤ {self.own:g} x {than}"] if self.own < math.inf else []
        return ", ".join(said)


@dataclass(frozen=True, slots=True)
class Line:
    """A row to be filled; `name` is its figure's, `of` the look that finds it."""

    what: str
    name: str
    unit: str
    goal: Goal
    of: str = ""
    beyond: str = ""
    """Only what it is more than that figure."""
    beside: tuple[str, str] = ("", "")
    """A figure of ours that it is compared with, and in words."""


LINES = [
    Line("1 KB, kept connections", "keep-alive", "µs", Goal(most=30, nginx=1.7, chp=5)),
    Line("… p99 of 64 at once", "keep-alive-p99", "ms", Goal(most=3.5), "keep-alive"),
    Line("… by two processes", "workers", "µs", Goal(own=1.1), beside=("keep-alive", "by one")),
    Line("1 KB, heads of a browser", "browser", "µs", Goal(most=34)),
    Line("1 KB, a new connection each", "connection", "µs", Goal(most=90)),
    Line("answers of 1 MB, a GB", "1-mb", "s", Goal(most=0.5)),
    Line("answers of 100 MB, a GB", "100-mb", "s", Goal(most=0.6)),
    Line("uploads of 100 MB, a GB", "upload", "s", Goal(most=0.6)),
    Line("WebSocket, 1 KB there and back", "websocket", "µs", Goal(most=18)),
    Line("WebSocket, set up and closed", "websocket-open", "µs", Goal(most=200)),
    Line("WebSocket, idle: memory", "idle-websocket", "kB", Goal(most=5)),
    Line("memory at rest", "memory", "MiB", Goal(most=35)),
    Line("a route added by the API", "route-add", "µs", Goal(most=25), "routes"),
    Line("1 KB, any of 10 routes", "routes-few", "µs", Goal(), "routes"),
    Line("… of 10,000: more than of 10", "routes-many", "µs", Goal(most=1), "routes", "routes-few"),
    Line("TLS 1.3, 1 KB, kept connections", "tls", "µs", Goal(nginx=2)),
    Line("TLS 1.3, a handshake", "handshake", "µs", Goal(nginx=1.3)),
    Line("HTTP/2, 1 KB, kept connections", "http2", "µs", Goal(own=3),
         beside=("tls", "our HTTP/1.1")),
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    line: Line
    ours: float
    chp: float | None
    nginx: float | None
    beside: float | None = None
    """The figure of ours that it is compared with."""

    @property
    def met(self) -> bool:
        """Return whether ours keeps what can be said of it."""
        goal = self.line.goal
        return (
            self.ours <= goal.most
            and (self.nginx is None or self.ours <= goal.nginx * self.nginx)
            and (self.chp is None or not goal.chp or self.chp >= goal.chp * self.ours)
            and (self.beside is None or self.ours <= goal.own * self.beside)
        )

    def text(self) -> str:
        """Return it as Markdown."""
        line, goal = self.line, self.line.goal.text(self.line.unit, self.line.beside[1])
        figures = [
            f"{figure(self.ours)} {line.unit}",
            self._theirs(self.chp),
            self._theirs(self.nginx),
        ]
        compared = not line.beyond
        ratios = [
            f"{it / self.ours:.1f} x" if compared and it and self.ours else "-"
            for it in (self.chp, self.nginx)
        ]
        verdict = ("yes" if self.met else "**no**") if goal else "-"
        return f"| {' | '.join([line.what, *figures, *ratios, goal or '-', verdict])} |"

    def _theirs(self, number: float | None) -> str:
        return "-" if number is None else f"{figure(number)} {self.line.unit}"


def rows(found: Mapping[str, Figures], looks: Sequence[Look]) -> list[Row]:
    """Return the table of what was looked at, of the best round of each."""
    names, table = {look.name for look in looks}, list[Row]()
    for line in LINES:
        ours, chp, nginx = (_best(line, found.get(it, {})) for it in (OURS, CHP, NGINX))
        if (line.of or line.name) in names and ours is not None:
            beside = min(found[OURS].get(line.beside[0], []), default=None)
            table.append(Row(line, ours, chp, nginx, beside))
    return table


def _best(line: Line, figures: Figures) -> float | None:
    if not figures.get(line.name):
        return None
    return min(figures[line.name]) - (min(figures[line.beyond]) if line.beyond else 0)


def write(table: Sequence[Row], today: datetime, rounds: int, versions: Sequence[str]) -> None:
    """Write our part of the page."""
    missed = [row.line.what for row in table if not row.met]
    said = f"Missed: {'; '.join(missed)}." if missed else "Every goal is met."
    put(
        HEADING,
        f"""
Written by `make bench-proxy` on {today:%Y-%m-%d}, on {machine()}, from the best of {rounds} rounds:
{"; ".join(versions)}.

In each round the three run one after the other on one core; the load and the servers behind them
have another. A figure is the CPU of all processes of a proxy, from /proc, for one request (or
round trip, handshake, 10^9 bytes). No two requests are the same: path, cookies and the order of the
fields vary. The load has 64 connections, 16 where each is new, 4 and 2 for large bodies; it looks
at the status and the length of every answer. All three stream, log no requests and say
X-Forwarded-*; nginx has one worker and keeps connections to what is behind it. Memory is RSS; that
of an idle WebSocket is what 2,000 more of them take. A handshake is a new connection, without
resumption, with a key on P-256. Two processes share the one core as well. Of 10,000 routes that
lead to one server any is asked for.

| | Perijove | CHP | nginx | CHP / ours | nginx / ours | goal | met |
|---|---|---|---|---|---|---|---|
{chr(10).join(row.text() for row in table)}

{said}
""",
    )
