"""The figures as a page of the reference, with ratios and what they are measured against."""

import platform
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from bench.hub.doors import Doors
from bench.hub.kept import Kept
from bench.hub.measure import Storm
from bench.hub.people import People
from bench.page import figure, machine, put

HEADING = "The hub"

Line: TypeAlias = tuple[str, float, str]
"""What is measured, what ours must not pass, and its unit."""
LOOK: Line = ("CPU for `GET /hub/api/user`", 0.15, "ms")
USER: Line = ("CPU for `GET /hub/api/users/{name}`, 10,000 users", 0.25, "ms")
RIGHTS: Line = ("CPU for a check of rights, 20 roles, 50 groups", 0.02, "ms")
LIST: Line = ("CPU to list 10,000 users, 100 a page", 150, "ms")
DANCE: Line = ("CPU for a whole sign-in to a service by OAuth (an aim: a fifth of theirs)", 6, "ms")
CHECK: Line = (
    "CPU for a look at whose a token is, 64 at once (0.2: 5,000/s on one core)",
    0.2,
    "ms",
)
CULL: Line = ("CPU for all that jupyterhub-idle-culler does with 1,000 idle servers", 2, "s")
_LINES: list[Line] = [
    ("CPU of the hub for a start", 1.0, "ms"),
    ("CPU for a stop", 1.0, "ms"),
    LOOK,
    USER,
    RIGHTS,
    LIST,
    ("CPU for a sign-in with `dummy` (0.67: 1,500/s on one core)", 0.67, "ms"),
    DANCE,
    CHECK,
    ("CPU for a server's report of activity (0.2: 5,000/s on one core)", 0.2, "ms"),
    ("1,000 starts at once: all ready", 5, "s"),
    ("… of these failed", 0, ""),
    ("… an unrelated GET, p99", 50, "ms"),
    ("… CPU for each", 1.0, "ms"),
    ("2,000 users made by one request", 1, "s"),
    ("… an unrelated GET, p99", 50, "ms"),
    ("RSS, 10,000 users, 200 servers", 110, "MiB"),
    ("Nobody asks anything, 1,000 servers: of a core", 1, "%"),
    CULL,
    ("Killed and started again, 1,000 servers: answers", 0.5, "s"),
    ("… says of each that it is ready", 1, "s"),
    ("PostgreSQL 1.3 ms away: 200 starts at once, all ready", 1.5, "s"),
    ("… of these failed", 0, ""),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What one contender came to."""

    start_ms: float
    look_ms: float
    rights_ms: float
    storm: Storm
    memory_mib: float
    people: People
    doors: Doors
    kept: Kept
    cull_s: float
    far: Storm

    def columns(self) -> list[float]:
        """Return them in the order of the table."""
        crowd, people, kept = self.storm, self.people, self.kept
        return [
            self.start_ms,
            people.stop_ms,
            self.look_ms,
            people.user_ms,
            self.rights_ms,
            people.list_s * 1e3,
            people.sign_in_ms,
            self.doors.dance,
            self.doors.check,
            people.activity_ms,
            crowd.seconds,
            crowd.failed,
            crowd.p99_ms,
            crowd.cpu_ms,
            people.batch_s,
            people.batch_p99_ms,
            self.memory_mib,
            kept.idle_percent,
            self.cull_s,
            kept.answers_s,
            kept.verified_s,
            self.far.seconds,
            self.far.failed,
        ]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table; `bar` is what ours must not pass."""

    what: str
    bar: float
    unit: str
    ours: float
    theirs: float | None

    @property
    def met(self) -> bool:
        """Return whether ours keeps it."""
        return self.ours <= self.bar

    def text(self) -> str:
        """Return it as Markdown."""
        theirs = "-" if self.theirs is None else f"{figure(self.theirs)} {self.unit}"
        ratio = "-" if not self.theirs or not self.ours else f"{self.theirs / self.ours:.1f} x"
        verdict = "yes" if self.met else "**no**"
        ours, bar = f"{figure(self.ours)} {self.unit}", f"≤ {self.bar:g} {self.unit}"
        return f"| {self.what} | {ours} | {theirs} | {ratio} | {bar} | {verdict} |"


def rows(ours: Figures, theirs: Figures | None) -> list[Row]:
    """Return the table."""
    beside = theirs.columns() if theirs else [None] * len(_LINES)
    return [
        Row(what, bar, unit, mine, other)
        for (what, bar, unit), mine, other in zip(_LINES, ours.columns(), beside, strict=True)
    ]


def drawn(table: list[Row]) -> str:
    """Return a table as Markdown, and below it what is missed."""
    missed = [row.what for row in table if not row.met]
    said = f"Missed: {'; '.join(missed)}." if missed else "Every bar is met."
    return f"""| | Perijove | JupyterHub | ratio | bar | met |
|---|---|---|---|---|---|
{chr(10).join(row.text() for row in table)}

{said}
"""


def write(table: list[Row], today: datetime, rounds: int, profile: str) -> None:
    """Write our part of the page."""
    best = (
        f"Of {rounds} rounds the best of each figure counts, in both hubs."
        if rounds > 1
        else "Each figure was measured once, in both hubs."
    )
    text = f"""Written by `make bench` on {today:%Y-%m-%d}, on {machine()},
Python {platform.python_version()}. Other work shared the machine: the ratios say more than the
figures. {best}

Our hub beside JupyterHub 6.1.1 with its npm proxy, in the same run. Both hubs have a spawner
without processes, and one stub answers for every server, so that what is measured is the hub:
HTTP, the decision, the database, the knock at the server's door, the route. CPU is that of the hub
process alone, from /proc. A start counts until the proxy leads to the server. "At once" is a
thousand requests in flight, with no limit on starts in either hub; meanwhile a hundred times a
second somebody else asks who they are. A hub that was killed is counted from the start of its new
process, Python's own start included. What takes less than a hundredth of a second in all is
measured by the kernel's clock of 10 ms.

{drawn(table)}"""
    if profile:
        text += f"\n### Where the time goes\n\n```text\n{profile.strip()}\n```\n"
    put(HEADING, text)
