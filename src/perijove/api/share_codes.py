"""/share-codes/{user}: links by which whoever has one gets a share (hub.md 2.4)."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any
from urllib.parse import urlencode

from pydantic import BaseModel, ConfigDict, Field

from perijove.api.servers import find
from perijove.api.shares import SharedServerModel, Texts, listed, shared
from perijove.core import Hub
from perijove.core.share_codes import LONGEST, SHORTEST, USUAL
from perijove.core.shares import require_held
from perijove.http.audit import of_code
from perijove.http.route import Call, Reply
from perijove.kit.ids import id_of
from perijove.model.errors import Unknown
from perijove.model.share import ACCESS, ShareCode, names

_ID = re.compile(r"sc_([1-9]\d{0,18})")


class ShareCodeBody(BaseModel):
    """POST /share-codes/{user}/{server}."""

    model_config = ConfigDict(extra="forbid")

    scopes: Texts | None = None
    """Left out or empty: access."""
    expires_in: (
        Annotated[
            int,
            Field(
                strict=True,
                ge=int(SHORTEST.total_seconds()),
                le=int(LONGEST.total_seconds()),
            ),
        ]
        | None
    ) = None
    """Seconds; a day if it is left out."""


class ShareCodeQuery(BaseModel):
    """DELETE /share-codes/{user}/{server}: neither is all of them."""

    code: str = ""
    id: str = ""


class ShareCodeModel(BaseModel):
    """One share code."""

    server: SharedServerModel
    scopes: list[str]
    id: str
    created_at: datetime
    expires_at: datetime
    exchange_count: int
    last_exchanged_at: datetime | None
    code: str
    """Only in the answer that makes it, as the addresses that hold it."""
    accept_url: str
    full_accept_url: str | None


class ShareCodesModel(BaseModel):
    """A page of share codes."""

    items: list[ShareCodeModel]
    pagination: dict[str, Any] = Field(serialization_alias="_pagination")


async def of_owner(hub: Hub, call: Call) -> Reply:
    """List the share codes of all servers of a user, a page at a time."""
    return _page(hub, call, await hub.share_codes.of_owner(call.owner))


async def of_server(hub: Hub, call: Call) -> Reply:
    """List the share codes of a server, a page at a time."""
    return _page(hub, call, await hub.share_codes.of_server(await find(hub, call)))


async def make(hub: Hub, call: Call) -> Reply:
    """Make a share code; it is shown in this answer and never again."""
    assert isinstance(call.body, ShareCodeBody)
    server, seconds = await find(hub, call), call.body.expires_in
    scopes = names(call.body.scopes or (ACCESS,), server)
    require_held(call.principal, server, call.owner, scopes)
    life = USUAL if seconds is None else timedelta(seconds=seconds)
    code, secret = await hub.share_codes.make(server, scopes, life)
    call.asked.done |= of_code(code)
    accept = f"{hub.base_url}hub/accept-share?{urlencode({'code': secret})}"
    site = hub.domains.site
    full = f"{site}{accept}" if site else None
    shown = {"code": secret, "accept_url": accept, "full_accept_url": full}
    return Reply(200, _model(hub, code) | shown)


async def revoke(hub: Hub, call: Call) -> Reply:
    """Let the code named by itself or by its id, or all of the server, be good for nothing."""
    assert isinstance(call.query, ShareCodeQuery)
    server, asked = await find(hub, call), call.query
    if asked.code:
        await hub.share_codes.revoke(server, secret=asked.code)
    elif asked.id:
        found = _ID.fullmatch(asked.id)
        id = id_of(found[1]) if found else None
        if id is None:
            raise Unknown("share-code.unknown")
        await hub.share_codes.revoke(server, id=id)
        call.asked.done["share_code"] = asked.id
    else:
        await hub.share_codes.revoke_all(server)
        call.asked.done["share_code"] = "all"
    return Reply(204)


def _model(hub: Hub, code: ShareCode) -> dict[str, Any]:
    return {
        **shared(hub, code),
        "id": f"sc_{code.id}",
        "created_at": code.created,
        "expires_at": code.expires,
        "exchange_count": code.exchanges,
        "last_exchanged_at": code.exchanged,
    }


def _page(hub: Hub, call: Call, codes: Sequence[ShareCode]) -> Reply:
    return listed(hub, call, codes, _model)
