"""A server as people see it: its name, its state in a word, what may be done."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from perijove.core import Hub
from perijove.http.page import Visit
from perijove.http.reader import Reader, noted
from perijove.http.sentences import told
from perijove.model.idle import IDLE, End
from perijove.model.server import Desired, Phase, Server
from perijove.model.workload import OLD_HOME
from perijove.web.choices import about
from perijove.web.frame import reader as reader_of
from perijove.web.frame import server_url
from perijove.web.more import button, more


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """A server that will be stopped soon."""

    title: str
    words: str
    button: str
    """What the button says, or '' if it cannot be had any longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What templates know of a server."""

    name: str
    title: str
    state: str
    word: str
    """A closer word than the state's own, or ''."""
    words: str
    """Why it is as it is, in a sentence, or ''."""
    about: str
    """What it was started with, in words."""
    since: datetime | None
    since_words: str
    url: str
    watch: str
    start: str
    options: str
    stop: str
    cancel: str
    delete: str
    visit: str
    extend: str
    share: str
    ending: Ending | None
    """What its owner is told shortly before it is stopped."""
    more: str
    """What the button says that starts it with more memory, or ''."""

    @property
    def moving(self) -> bool:
        """Whether it will be in another state soon."""
        return self.state in {"queued", "starting", "stopping"}


def card(hub: Hub, visit: Visit, user: str, server: Server | None, name: str = "") -> Card:
    """Return `server` of `user`; None is one called `name` that was never started."""
    reader = reader_of(visit)
    name = server.name if server else name
    path = (user, name) if name else (user,)
    url = visit.pages.url
    return Card(
        name=name,
        title=title(reader, server, name),
        state=phase_shown(server).value if server else Phase.STOPPED.value,
        word=_word(reader, server),
        words=_words(reader, server),
        about=about(hub, server.user_options if server else {}),
        since=server.since if server else None,
        since_words=_since(reader, server),
        url=server_url(hub, user, name),
        watch=url("spawn-pending", *path),
        start=url("start", *path),
        options=url("spawn", *path),
        stop=url("stop", *path),
        cancel=url("stop", *path),
        delete=url("delete", *path),
        visit=url("visit", *path),
        extend=url("extend", *path),
        share=url("share", *path),
        ending=_ending(reader, hub.ends.soon(server) if server else None, hub.clock()),
        more=button(more(hub, visit, server), reader),
    )


def phase_shown(server: Server) -> Phase:
    """Return the phase as people see it: who has asked for a stop sees it stopping at once."""
    up = server.phase in {Phase.STARTING, Phase.RUNNING}
    asked = up and server.desired is not Desired.RUNNING
    return Phase.STOPPING if asked else server.phase


def title(reader: Reader, server: Server | None, name: str) -> str:
    """Return what people call it."""
    if server and server.display_name:
        return server.display_name
    return name or reader.say("Default server")


_CLOSER = {
    "out-of-memory": noted("Out of memory"),
    "home-full": noted("Home folder full"),
    "too-many-processes": noted("Too many processes"),
}
"""Words that say more than "failed"."""


def _word(reader: Reader, server: Server | None) -> str:
    code = server.reason.code if server and server.reason else ""
    failed = server is not None and server.phase is Phase.FAILED
    return reader.say(_CLOSER[code]) if failed and code in _CLOSER else ""


def _words(reader: Reader, server: Server | None) -> str:
    if server is None or server.phase in {Phase.STARTING, Phase.RUNNING}:
        return _rescued(reader) if server and server.rescue else ""
    if server.reason and server.reason.code != "cancelled":
        return told(server.reason.code, server.reason.params, reader)
    return ""


def _rescued(reader: Reader) -> str:
    return reader.say(
        "Rescue start: the home folder is empty, and your files are in {folder} in it."
        " What is saved beside that is lost when the server stops;"
        " the next start is the usual one.",
        {"folder": OLD_HOME},
    )


def _ending(reader: Reader, ends: End | None, now: datetime) -> Ending | None:
    if ends is None:
        return None
    idle = ends.code == IDLE
    given = {
        "at": reader.time(ends.at),
        "since": reader.time(ends.since),
        "left": max((ends.at - now).total_seconds(), 0),
    }
    until = {"at": reader.time(ends.latest)} if ends.latest else None
    last = reader.say("{at} is the latest.", given) if idle and not until else ""
    return Ending(
        title=reader.say("Will be stopped at {at}, in {left:duration}", given),
        words=reader.both(_why_it_ends(reader, given, idle=idle), last),
        button=reader.say("Extend to {at}", until) if until else "",
    )


def _why_it_ends(reader: Reader, given: Mapping[str, object], *, idle: bool) -> str:
    if idle:
        return reader.say("Nothing has run since {since}. Files stay; variables are lost.", given)
    return reader.say(
        "It has run since {since}, as long as a server may. Files stay; variables are lost.", given
    )


def _since(reader: Reader, server: Server | None) -> str:
    if server is None or not server.incarnation:
        return reader.say("never started") if server else ""
    at = {"at": server.since}
    match server.phase:
        case Phase.RUNNING:
            return reader.say("since {at:moment}", at)
        case Phase.STOPPED:
            return reader.say("stopped {ago}", {"ago": reader.ago(server.since)})
        case Phase.FAILED:
            return reader.say("failed {ago}", {"ago": reader.ago(server.since)})
        case _:
            return ""
