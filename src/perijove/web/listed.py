"""The list of people: what a search means, its filters, and one row of it."""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from urllib.parse import urlencode

from perijove.core import Hub
from perijove.http.page import Visit
from perijove.http.reader import noted
from perijove.model.server import Phase, Server
from perijove.model.user import Standing, User
from perijove.store.people import Activeness, Order, Wanted
from perijove.web.cards import phase_shown, title
from perijove.web.frame import reader
from perijove.web.uses import gpus, memory_of
from perijove.web.viewer import Viewer

PAGE = 50
STANDINGS = {
    Standing.ACTIVE: noted("may sign in"),
    Standing.WAITING: noted("waits for approval"),
    Standing.DECLINED: noted("declined"),
    Standing.BLOCKED: noted("blocked"),
}
_STATES = {"is:running": Activeness.ACTIVE, "is:inactive": Activeness.INACTIVE}
_UNSEEN = "unseen:30"
_CHIPS = {
    "is:running": noted("server runs"),
    "is:inactive": noted("nothing runs"),
    "is:waiting": noted("waits for approval"),
    "is:blocked": noted("blocked"),
    "is:admin": noted("administrator"),
    _UNSEEN: noted("not seen for 30 days"),
}
_NEEDS = {"is:running": "servers", "is:inactive": "servers", "group:": "groups",
          "seen:": "last_activity", "unseen:": "last_activity"}  # fmt: skip
"""The field that a filter asks about: whoever may not read it would learn it by asking."""
_ASKED = frozenset(_NEEDS.values())
_APART = ({"is:running", "is:inactive"}, {"is:waiting", "is:blocked"})
"""Words of which only one can be meant."""
_WORD = re.compile(r'(?:[^\s"]|"[^"]*")+')
_KEY = re.compile(r"is:|group:|seen:|unseen:")
_LONGEST_AGO, _MOST_DIGITS = 36500, 9
ORDERS = {"": (Order.NAME, False), "-name": (Order.NAME, True),
          "seen": (Order.LAST_ACTIVITY, True), "-seen": (Order.LAST_ACTIVITY, False)}  # fmt: skip
"""What `sort` can say, and what it means."""
_BY_NAME = {key for key, (order, _) in ORDERS.items() if order is Order.NAME}


@dataclass(frozen=True, slots=True)
class Chip:
    """One filter: a link that adds it to the search, or takes it out."""

    label: str
    url: str
    on: bool


@dataclass(frozen=True, slots=True)
class Shown:
    """One server in the list: a name only where it is not the default one."""

    state: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """One row of the list."""

    id: int
    name: str
    display_name: str
    admin: bool
    standing_word: str
    groups: list[tuple[str, str]]
    """Each with the search for its members."""
    servers: list[Shown]
    last_activity: datetime | None
    memory: str = ""
    """What their servers use of it together, if that is known."""
    gpus: str = ""
    hidden: frozenset[str] = frozenset()
    """What the viewer may not read of them: servers, groups, last_activity."""
    opens: bool = True
    """Whether the viewer may open their page."""


@dataclass(frozen=True, slots=True)
class Search:
    """What was asked for: words, the page, the order."""

    query: str = ""
    offset: int = 0
    sort: str = ""
    known: frozenset[str] = _ASKED
    """The fields that filters and orders may ask about."""

    @classmethod
    def of(cls, visit: Visit, viewer: Viewer) -> "Search":
        """Return what the address asks for, as far as the `viewer` may ask."""
        sort, offset = visit.asked("sort"), visit.asked("offset")
        whole = int(offset) if offset.isascii() and offset.isdigit() else 0
        may_sort = sort in ORDERS and (sort in _BY_NAME or "last_activity" in viewer.common)
        query, sort = visit.asked("q").strip()[:255], sort if may_sort else ""
        return cls(query, min(whole, 10**9), sort, viewer.common)

    @property
    def words(self) -> list[str]:
        """Return its words; what stands in quotes is one."""
        return _WORD.findall(self.query)

    def address(self, visit: Visit) -> str:
        """Return where its page is."""
        given = {"q": self.query, "offset": self.offset or "", "sort": self.sort}
        asked = urlencode({name: it for name, it in given.items() if it})
        return visit.pages.url("admin") + (f"?{asked}" if asked else "")

    def wanted(self, now: datetime) -> Wanted:
        """Return whom it means: `is:running group:lab wei` is a wei of that group who runs.

        A word that means nothing finds nobody: it might have been meant to leave most out.
        """
        if self.unclear:
            return Wanted(group="")
        asked = [word for word in self.words if _KEY.match(word)]
        groups = [_value(word) for word in asked if word.startswith("group:")]
        order, descending = ORDERS[self.sort]
        return Wanted(
            name_filter=" ".join(word.strip('"') for word in self.words if word not in asked),
            anywhere=True,
            state=next((it for word, it in _STATES.items() if word in asked), Activeness.ANY),
            standing=next((it for it in Standing if f"is:{it.value}" in asked), None),
            admin="is:admin" in asked,
            group=groups[-1] if groups else None,
            since=_ago(asked, "seen:", now),
            before=_ago(asked, "unseen:", now),
            order=order,
            descending=descending,
        )

    @property
    def unclear(self) -> list[str]:
        """Return those of its words that look like filters and are none, or are too many."""
        groups = [word for word in dict.fromkeys(self.words) if word.startswith("group:")]
        unclear = (it for it in self.words if _KEY.match(it) and not self._is_clear(it))
        return [*unclear, *groups[1:]]

    def with_word(self, word: str) -> "Search":
        """Return the search that has this word as well, or has it no more."""
        words = self.words
        if word in words:
            left = [it for it in words if it != word]
        else:
            apart = next((each for each in _APART if word in each), set[str]())
            left = [*(it for it in words if it not in apart), word]
        return replace(self, query=" ".join(left), offset=0)

    def chips(self, visit: Visit) -> list[Chip]:
        """Return every filter, those of groups that are asked for among them."""
        who, words = reader(visit), self.words
        known = [(word, who.say(label)) for word, label in _CHIPS.items() if self._may_ask(word)]
        groups = [(word, _value(word)) for word in dict.fromkeys(words) if word[:6] == "group:"]
        return [
            Chip(label, self.with_word(word).address(visit), word in words)
            for word, label in [*known, *groups]
        ]

    def sorted_by(self, visit: Visit) -> dict[str, tuple[str, str]]:
        """Return for each column that sorts where its link leads, and how it is sorted now."""
        found: dict[str, tuple[str, str]] = {}
        seen = [("seen", "seen")] if "last_activity" in self.known else []
        for column, key in [("name", ""), *seen]:
            other = f"-{column}" if self.sort == key else key
            descending = ORDERS[self.sort][1]
            here = self.sort in {key, f"-{column}"}
            now = ("descending" if descending else "ascending") if here else ""
            found[column] = (replace(self, sort=other, offset=0).address(visit), now)
        return found

    def _is_clear(self, word: str) -> bool:
        return _is_clear(word) and self._may_ask(word)

    def _may_ask(self, word: str) -> bool:
        return all(it in self.known for key, it in _NEEDS.items() if word.startswith(key))


async def found(hub: Hub, viewer: Viewer, search: Search, limit: int) -> tuple[list[User], int]:
    """Return a page of those who match and whom the viewer may list, and how many they are."""
    wanted = replace(search.wanted(hub.clock()), only=viewer.only)
    return await hub.accounts.page(wanted, search.offset, limit)


async def rows(hub: Hub, visit: Visit, viewer: Viewer, people: Sequence[User]) -> list[Person]:
    """Return the rows of `people`, with their servers in one read."""
    every: defaultdict[int, list[Server]] = defaultdict(list)
    for server in await hub.servers.of_many(people):
        every[server.user_id].append(server)
    servers = {user.id: viewer.servers(user, every[user.id]) for user in people}
    readings = await hub.gauges.of([it for each in servers.values() for it in each])
    who = reader(visit)
    return [
        replace(
            _row(hub, visit, viewer, user, servers[user.id]),
            memory=memory_of(
                [readings[it.id] for it in servers[user.id] if it.id in readings], who
            ),
            gpus=gpus(hub, servers[user.id]),
        )
        for user in people
    ]


def _row(hub: Hub, visit: Visit, viewer: Viewer, user: User, servers: list[Server]) -> Person:
    who, active, fields = reader(visit), user.standing is Standing.ACTIVE, viewer.fields(user)
    groups = sorted(user.groups) if "groups" in fields else []
    hidden = _ASKED - fields
    return Person(
        id=user.id,
        name=user.name,
        display_name=user.display_name,
        admin=user.admin,
        standing_word="" if active else who.say(STANDINGS[user.standing]),
        groups=[(it, Search(of_group(it)).address(visit)) for it in groups],
        servers=[
            Shown(phase_shown(it).value, title(who, it, it.name) if it.name else "")
            for it in sorted(servers, key=lambda it: it.name)
            if it.phase is not Phase.STOPPED
        ],
        last_activity=hub.activity.of_user(user) if "last_activity" in fields else None,
        hidden=hidden - {"servers"} if servers else hidden,
        opens=viewer.manages(user),
    )


def of_group(name: str) -> str:
    """Return the search for the members of a group."""
    return f'group:"{name}"' if re.search(r"\s", name) else f"group:{name}"


def _value(word: str) -> str:
    return word.partition(":")[2].replace('"', "")


def _is_clear(word: str) -> bool:
    """Return whether a word that looks like a filter is one."""
    key, value = word.partition(":")[0], _value(word)
    match key:
        case "is":
            return word in _STATES or value == "admin" or value in set(Standing)
        case "group":
            return bool(value)
        case _:
            return _days(value) is not None


def _days(text: str) -> int | None:
    if not (text.isascii() and text.isdigit()):
        return None
    whole = int(text[:_MOST_DIGITS])
    return whole if whole <= _LONGEST_AGO and len(text) <= _MOST_DIGITS else None


def _ago(asked: list[str], key: str, now: datetime) -> datetime | None:
    """Return how far back `seen:30` or `unseen:30` goes, in days."""
    given = next((_value(word) for word in asked if word.startswith(key)), "")
    days = _days(given)
    return None if days is None else now - timedelta(days=days)
