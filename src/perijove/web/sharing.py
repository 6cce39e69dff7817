"""/share/{user}: share a server with people, groups or by links; see with whom, and revoke."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response

from perijove.core import Hub
from perijove.core.shares import With, require_held
from perijove.http.audit import of_code
from perijove.http.page import Visit
from perijove.http.reader import Reader, noted
from perijove.http.sentences import told
from perijove.kit.ids import id_of
from perijove.model.errors import HubError, Invalid, Unknown
from perijove.model.scope import Kind
from perijove.model.server import Server
from perijove.model.share import ACCESS, Share, ShareCode, names
from perijove.web.cards import title
from perijove.web.frame import done, draw, go, reader
from perijove.web.shared import MAY, allowed, may

_MORE = ("servers", "start:servers", "delete:servers", "read:servers")
"""What can be shared beside the access; the first that is held is offered."""
_LIVES = {
    3600: noted("1 hour"),
    86400: noted("1 day"),
    7 * 86400: noted("7 days"),
    30 * 86400: noted("30 days"),
    365 * 86400: noted("1 year"),
}
_USUAL = 86400
_WAYS = ("link", "user", "group")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Somebody, or a link, in the list."""

    id: str
    name: str
    words: str
    """What it allows."""
    at: datetime
    group: bool = False
    used: str = ""
    expires: datetime | None = None


async def show(hub: Hub, visit: Visit) -> Response:
    """Show with whom the server is shared."""
    return await _show(hub, visit, await _server(hub, visit))


async def give(hub: Hub, visit: Visit) -> Response:
    """Share it, with a person or a group, or make a link, which is shown this once."""
    server, way = await _server(hub, visit), visit.posted("way")
    asked = visit.form.get("scopes", [])
    try:
        scopes = names([ACCESS, *asked], server)
        require_held(visit.me.principal, server, visit.owner, scopes)
        if way == "link":
            return await _link(hub, visit, server, scopes)
        them = await _them(hub, visit, way)
        await hub.shares.grant(server, scopes, them)
    except HubError as error:
        return await _show(hub, visit, server, error=error, way=way)
    called = them.user.name if them.user else them.group or ""
    visit.request.done |= {"user" if them.user else "group": called, "scopes": list(scopes)}
    return go(visit, "share", *_path(visit), said="shared", what=called)


async def take(hub: Hub, visit: Visit) -> Response:
    """Share it no more with a person or a group, or let a link be good for nothing."""
    server, kind, _, number = await _server(hub, visit), *visit.posted("which").partition("-")
    id = id_of(number)
    if id is None:
        raise Unknown
    if kind == "code":
        await hub.share_codes.revoke(server, id=id)
        visit.request.done["share_code"] = f"sc_{id}"
        return go(visit, "share", *_path(visit), said="link-revoked")
    shares = await hub.shares.of_server(server)
    share = next((it for it in shares if it.id == id), None)
    if share is None:
        raise Unknown
    them = await hub.shares.known(share.user or "", share.group or "")
    called = share.user or share.group or ""
    visit.request.done |= {"group" if share.group else "user": called, "scopes": ["all"]}
    if them:
        await hub.shares.revoke(server, them)
    return go(visit, "share", *_path(visit), said="unshared", what=called)


async def _server(hub: Hub, visit: Visit) -> Server:
    server = await hub.servers.find(visit.owner, visit.params.get("server", ""))
    if server is None:
        raise Unknown
    return server


async def _them(hub: Hub, visit: Visit, way: str) -> With:
    """Return whom the form names."""
    name = visit.posted("name").strip()
    if way not in _WAYS or not name:
        raise Invalid("share.nobody")
    user, group = (name, "") if way == "user" else ("", name)
    return await hub.shares.named(visit.me.principal, user, group)


async def _link(hub: Hub, visit: Visit, server: Server, scopes: Sequence[str]) -> Response:
    life = visit.posted("expires_in")
    seconds = next((it for it in _LIVES if str(it) == life), _USUAL)
    code, secret = await hub.share_codes.make(server, scopes, timedelta(seconds=seconds))
    visit.request.done |= of_code(code)
    site = hub.domains.site or visit.request.site
    address = f"{site}{visit.pages.url('accept-share')}"
    made = {"address": f"{address}?{urlencode({'code': secret})}", "until": code.expires}
    return await _show(hub, visit, server, made=made)


async def _show(
    hub: Hub,
    visit: Visit,
    server: Server,
    *,
    made: dict[str, Any] | None = None,
    error: HubError | None = None,
    way: str = "",
) -> Response:
    who, path, me = reader(visit), _path(visit), visit.me
    named = _may_name(visit)
    return await draw(
        hub,
        visit,
        "share.html",
        400 if error else 200,
        title=title(who, server, server.name),
        owner="" if visit.owner.id == me.user.id else visit.owner.name,
        action=visit.pages.url("share", *path),
        revoke=visit.pages.url("unshare", *path),
        notices=done(visit),
        made=made,
        way_open=way if error else "",
        name=visit.posted("name"),
        trouble=told(error.code, error.params, who) if error else "",
        access=who.say(MAY[ACCESS]),
        offered=[
            (it, who.say(MAY[it])) for it in _MORE if may(me.principal, it, server, visit.owner)
        ][:1],
        lifetimes=[(it, who.say(words), it == _USUAL) for it, words in _LIVES.items()],
        names_people="user" in named,
        groups=await _groups(hub, visit) if "group" in named else [],
        shares=[_share(it, who) for it in await hub.shares.of_server(server)],
        codes=[_code(it, who) for it in await hub.share_codes.of_server(server)],
    )


def _may_name(visit: Visit) -> set[str]:
    """Return whether the visitor may know who is there: people, groups."""
    own, kinds = visit.me.user.name, {"read:users:name": "user", "read:groups:name": "group"}
    return {
        kinds[it.name]
        for it in visit.me.principal.scopes
        if it.name in kinds and not (it.kind is Kind.USER and it.value == own)
    }


async def _groups(hub: Hub, visit: Visit) -> list[str]:
    seen = [it for it in visit.me.principal.scopes if it.name == "read:groups:name"]
    everything = any(it.kind is Kind.NONE for it in seen)
    there = [it.name for it in await hub.groups.all()]
    known = {it.value for it in seen if it.kind is Kind.GROUP}
    return [it for it in there if everything or it in known]


def _share(share: Share, who: Reader) -> Line:
    return Line(
        id=f"share-{share.id}",
        name=share.user or share.group or "",
        words=" · ".join(allowed(share.scopes, who)),
        at=share.created,
        group=share.group is not None,
    )


def _code(code: ShareCode, who: Reader) -> Line:
    used = who.count("used by {n} person", "used by {n} people", code.exchanges)
    return Line(
        id=f"code-{code.id}",
        name="",
        words=" · ".join(allowed(code.scopes, who)),
        at=code.created,
        used=used if code.exchanges else who.say("not used yet"),
        expires=code.expires,
    )


def _path(visit: Visit) -> tuple[str, ...]:
    name = visit.params.get("server", "")
    return (visit.owner.name, name) if name else (visit.owner.name,)
