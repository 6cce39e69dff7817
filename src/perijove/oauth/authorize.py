"""/oauth2/authorize: a browser comes from a server, and goes back with a code."""

import re
from datetime import timedelta
from urllib.parse import urlencode, urlsplit

from starlette.responses import RedirectResponse, Response

from perijove.core import Hub
from perijove.core.grants import Offer, Question
from perijove.core.visits import SAME_VISIT
from perijove.http.page import Visit
from perijove.http.reader import Reader
from perijove.http.sentences import ENGLISH, told
from perijove.model.errors import Invalid, SentBack, Stale
from perijove.model.scope import Scope
from perijove.model.server import Server
from perijove.oauth.shared import ask as ask_guest
from perijove.oauth.shared import guest

_JUST_NOW = timedelta(minutes=2)
_ONCE = (
    "client_id", "redirect_uri", "response_type", "scope", "state", "code_challenge",
    "code_challenge_method",
)  # fmt: skip
_STATE = re.compile(r"(?:^|&)state=([^&]*)")


async def ask(hub: Hub, visit: Visit) -> Response:
    """Go back with a code at once, or ask the visitor first."""
    try:
        offer = await hub.grants.ask(visit.me, _question(visit))
    except SentBack as error:
        return _sent_back(visit, error)
    who = await guest(hub, visit, offer)
    if who and offer.confirm and not who.accepted:
        return ask_guest(visit, who, _texts(offer), _here(visit))
    if who or not offer.confirm or await _has_just_come(hub, visit, offer):
        return await _go(hub, visit, offer, told=not who)
    if offer.client.owner_id is None:
        return _ask_whether(hub, visit, offer)
    if await _has_said_why(hub, visit, offer.client.owner_id, offer.client.server_id):
        return await _go(hub, visit, offer)
    return await _ask_why(hub, visit, offer)


async def answer(hub: Hub, visit: Visit) -> Response:
    """Go back with a code for what the visitor has allowed."""
    try:
        offer = await hub.grants.ask(visit.me, _question(visit))
    except SentBack as error:
        return _sent_back(visit, error)
    why = "".join(filter(str.isprintable, visit.posted("why"))).strip()
    who = await guest(hub, visit, offer)
    if who:
        await hub.shares.accept(who.shares)
    elif offer.confirm and offer.client.owner_id is not None and not why:
        return await _ask_why(hub, visit, offer, error="visit.why")
    chosen = visit.form.get("scopes", [])
    return await _go(hub, visit, offer, chosen=chosen, why=why, told=not who)


async def _go(
    hub: Hub,
    visit: Visit,
    offer: Offer,
    *,
    chosen: list[str] | None = None,
    why: str = "",
    told: bool = True,
) -> Response:
    """Send the browser back; who enters another's server is written down.

    `told`: its owner is told, for they have not shared it.
    """
    visit.request.done["client"] = offer.client.id
    if offer.client.owner_id not in {None, visit.me.user.id}:
        server = await _server(hub, offer)
        if server is not None:
            visit.request.done |= {"as": server.user, "server": server.name, "why": why}
            if told:
                await hub.visits.add(server, visit.me.user, why)
    try:
        code = await hub.grants.code(visit.me, offer, chosen)
    except Stale:  # they have signed out a moment ago, at another hub
        return RedirectResponse(_here(visit), 303, {"cache-control": "no-store"})
    return _redirect(visit, offer.client.redirect_uri, code=code)


async def _has_just_come(hub: Hub, visit: Visit, offer: Offer) -> bool:
    """Return whether the visitor has said a moment ago why they enter this server."""
    if offer.client.owner_id is None:
        return False
    now, me = hub.clock(), visit.me.user.name
    return any(
        known.visitor == me
        and known.server_id == offer.client.server_id
        and now - known.at < SAME_VISIT
        for known in await hub.visits.of_owner_id(offer.client.owner_id)
    )


async def _ask_why(hub: Hub, visit: Visit, offer: Offer, error: str = "") -> Response:
    """Let a visitor of another's server say why; its owner can read it."""
    server = await _server(hub, offer)
    return visit.pages.draw(
        visit,
        "visit.html",
        owner=server.user if server else offer.client.description,
        action=_here(visit),
        hidden=[("scopes", text) for text in _texts(offer)],
        why="",
        error=told(error, {}, visit.pages.reader(visit)) if error else "",
    )


async def _has_said_why(hub: Hub, visit: Visit, owner_id: int, server_id: int | None) -> bool:
    """Return whether the visitor has just told the owner, on the page that leads here."""
    return any(
        (each.server_id, each.visitor) == (server_id, visit.me.user.name)
        and hub.clock() - each.at < _JUST_NOW
        for each in await hub.visits.of_owner_id(owner_id)
    )


def _ask_whether(hub: Hub, visit: Visit, offer: Offer) -> Response:
    reader = visit.pages.reader(visit)
    shown = [
        {"text": scope.text, "words": _words(hub, scope, reader)}
        for scope in sorted(_outermost(hub, offer), key=lambda scope: scope.text)
    ]
    place = urlsplit(offer.client.redirect_uri).netloc or urlsplit(visit.request.site).netloc
    return visit.pages.draw(
        visit,
        "consent.html",
        client=offer.client.description,
        action=_here(visit),
        scopes=shown,
        place=place,
    )


def _outermost(hub: Hub, offer: Offer) -> list[Scope]:
    """Return the scopes that no other one implies."""
    all_of_them = offer.scopes
    return [
        it
        for it in all_of_them
        if not any(it in hub.roles.expand([one]) for one in all_of_them - {it})
    ]


def _words(hub: Hub, scope: Scope, reader: Reader) -> str:
    """Return what a scope allows, or the scope itself if there are no words for it."""
    custom, code = hub.roles.custom.get(scope.name), f"scope.{scope.name}"
    if custom:
        return custom.words
    return told(code, {"value": scope.value}, reader) if code in ENGLISH else scope.text


def _question(visit: Visit) -> Question:
    """Return what is asked.

    Raises:
        Invalid: a parameter is there twice, so that another reader may see another question.
    """
    twice = next((name for name in _ONCE if len(visit.query.get(name, ())) > 1), None)
    if twice:
        raise Invalid("oauth-repeated", parameter=twice)
    return Question(
        client_id=visit.asked("client_id"),
        redirect_uri=visit.asked("redirect_uri"),
        response_type=visit.asked("response_type"),
        scope=visit.asked("scope"),
        challenge=visit.asked("code_challenge"),
        method=visit.asked("code_challenge_method"),
    )


async def _server(hub: Hub, offer: Offer) -> Server | None:
    """Return the server that the client is."""
    owner_id = offer.client.owner_id
    owner = None if owner_id is None else await hub.accounts.by_id(owner_id)
    servers = await hub.servers.of(owner) if owner else []
    return next((server for server in servers if server.id == offer.client.server_id), None)


def _sent_back(visit: Visit, error: SentBack) -> Response:
    return _redirect(visit, str(error.params["to"]), error=error.error)


def _redirect(visit: Visit, to: str, **query: str) -> Response:
    """Send the browser to the client, with its `state` as it came, to the byte."""
    text = urlencode(query)
    state = _STATE.search(visit.request.raw_query)
    if state:
        text += f"&state={state[1]}"
    answer = RedirectResponse("/", 302, {"cache-control": "no-store"})
    answer.headers["location"] = f"{to}{'&' if '?' in to else '?'}{text}"
    return answer


def _here(visit: Visit) -> str:
    return f"{visit.request.raw_path}?{visit.request.raw_query}"


def _texts(offer: Offer) -> list[str]:
    return sorted(scope.text for scope in offer.scopes)
