"""/token: make tokens for programs, see them, revoke them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from starlette.responses import Response

from perijove.core import Hub
from perijove.core.credentials import SERVER_AT
from perijove.core.shares import holds
from perijove.http.audit import of_token
from perijove.http.page import Visit
from perijove.http.reader import Reader, noted
from perijove.http.sentences import told
from perijove.kit.ids import id_of
from perijove.model.errors import Denied, HubError, Invalid, Unknown
from perijove.model.scope import INHERIT
from perijove.model.token import Kind, Token
from perijove.web.frame import done, draw, go, reader
from perijove.web.viewer import about

OFFERED = {
    "read:users!user": noted("see who I am and what runs"),
    "servers!user": noted("start and stop my servers"),
    "access:servers!user": noted("work in my servers, with all my files"),
    INHERIT: noted("everything that I may do"),
}
"""What a person can give a token, in words."""
_DAY = timedelta(days=1)
_LIVES = (1, 30, 365)
_USUAL = 30 * 86400


@dataclass(frozen=True, slots=True)
class May:
    """A permission and what it is in words."""

    text: str
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A token in the list."""

    id: int
    note: str
    may: str
    created: datetime
    last_activity: datetime | None
    expires: datetime | None


async def show(hub: Hub, visit: Visit) -> Response:
    """Show what there is, for whom `read:tokens` lets see it."""
    return await _show(hub, visit)


async def make(hub: Hub, visit: Visit) -> Response:
    """Make one, for whom `tokens` lets, and show its secret this once."""
    _require(visit)
    note, asked = (
        "".join(filter(str.isprintable, visit.posted("note"))).strip(),
        visit.form.get("scopes", []),
    )
    life = visit.posted("expires_in")
    try:
        token, secret = await hub.tokens.make(
            visit.me.user,
            by=visit.me.principal,
            note=note[:80],
            scopes=None if INHERIT in asked else asked,
            expires_in=_seconds(life),
        )
    except HubError as error:
        given = {"note": note, "expires_in": _seconds(life) or 0, "scopes": asked}
        return await _show(hub, visit, given=given, error=error)
    visit.request.done |= of_token(token)
    example = f"{visit.request.site}{hub.base_url}hub/api/user"
    made = {"secret": secret, "note": token.note, "expires": token.expires, "example": example}
    return await _show(hub, visit, made=made)


async def revoke(hub: Hub, visit: Visit) -> Response:
    """Revoke one token, and all of the same sign-in to an application; it needs `tokens`."""
    _require(visit)
    id = id_of(visit.params["id"])
    if id is None:
        raise Unknown
    await hub.tokens.revoke(visit.me.user, id)
    return go(visit, "token", said="revoked")


def _require(visit: Visit) -> None:
    """Let those make and revoke tokens who may do so by the API.

    Raises:
        Denied: the visitor does not hold `tokens` for themselves.
    """
    if not _may(visit, "tokens"):
        raise Denied(scopes="tokens")


def _may(visit: Visit, scope: str) -> bool:
    return holds(visit.me.principal, scope, about(visit.me.user))


def _seconds(text: str) -> int | None:
    """Return how long a token is to live; None for as long as nobody revokes it."""
    if text in {"", "0"}:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 12):  # noqa: PLR2004
        raise Invalid("bad-expires-in")
    return int(text)


async def _show(
    hub: Hub,
    visit: Visit,
    *,
    made: dict[str, Any] | None = None,
    given: dict[str, Any] | None = None,
    error: HubError | None = None,
) -> Response:
    who, sees, makes = reader(visit), _may(visit, "read:tokens"), _may(visit, "tokens")
    tokens = await hub.tokens.of(visit.me.user) if sees else []
    offered = {text: who.say(words) for text, words in OFFERED.items()} | _custom(hub, visit)
    lives = _lifetimes(who, hub.tokens.lives.most)
    usual = min(lives[-1][0] or _USUAL, _USUAL)
    asked = {"note": "", "expires_in": usual, "scopes": ["read:users!user"]}
    return await draw(
        hub,
        visit,
        "tokens.html",
        400 if error else 200,
        made=made,
        may_make=makes,
        none_said=_none_said(who, sees=sees),
        notices=done(visit),
        trouble=told(error.code, error.params, who) if error else "",
        given=given or asked,
        lifetimes=lives,
        offered=[May(text, words) for text, words in offered.items()],
        tokens=[_line(hub, token, visit, offered) for token in tokens if token.kind is Kind.API],
        entered=_entered([token for token in tokens if token.kind is Kind.OAUTH], who),
    )


def _none_said(who: Reader, *, sees: bool) -> str:
    """Say what one can do who may not make tokens."""
    ask = who.say("If a program of yours needs one, ask an administrator: a role gives the right.")
    return ask if sees else who.both(who.say("Existing tokens are not shown either."), ask)


def _lifetimes(who: Reader, most: timedelta | None) -> list[tuple[int, str]]:
    """Return the lives that are offered, in seconds and in words; 0 is until it is revoked."""
    if most is None:
        return [*(_until(n * _DAY, who) for n in _LIVES), (0, who.say("Until I revoke it"))]
    shorter = [n * _DAY for n in _LIVES if n * _DAY < most]
    return [_until(life, who) for life in [*shorter, most]]


def _until(life: timedelta, who: Reader) -> tuple[int, str]:
    assert who.now is not None
    seconds = int(life.total_seconds())
    if life < _DAY:
        return seconds, who.say("until {moment}", {"moment": who.moment(who.now + life)})
    days = who.count("{n} day", "{n} days", life.days)
    words = {"days": days, "day": who.day(who.now + life)}
    return seconds, who.say("{days}, until {day}", words)


def _custom(hub: Hub, visit: Visit) -> dict[str, str]:
    """Return the scopes of the configuration that the visitor holds, in its words."""
    custom, held = hub.roles.custom, visit.me.principal.scopes
    texts = sorted(scope.text for scope in held if scope.name in custom)
    return {text: custom[text.partition("!")[0]].words for text in texts}


def _line(hub: Hub, token: Token, visit: Visit, offered: Mapping[str, str]) -> Line:
    own = f"={visit.me.user.name}"
    words = [
        offered.get(scope.removesuffix(own), offered.get(scope, scope)) for scope in token.scopes
    ]
    return Line(
        id=token.id,
        note=token.note,
        may=" · ".join(words),
        created=token.created,
        last_activity=hub.activity.of_token(token.id, token.last_activity),
        expires=token.expires,
    )


def _entered(tokens: list[Token], who: Reader) -> list[Token]:
    """Return the newest token of each client: revoking it revokes all of them."""
    newest: dict[str | None, Token] = {}
    for token in sorted(tokens, key=lambda each: each.created):
        newest[token.client] = token
    return [replace(token, note=_place(token.note, who)) for token in newest.values()]


def _place(note: str, who: Reader) -> str:
    """Return what was opened, of what is noted in a token of OAuth."""
    opened = note.removeprefix("OAuth: ")
    path = opened.removeprefix(SERVER_AT)
    return opened if path == opened else who.say("Server at {path}", {"path": path})
