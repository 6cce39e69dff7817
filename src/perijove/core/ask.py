"""Ask a server itself: when it was last in use, as a client of its API, and what it is."""

import asyncio
import json
import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from perijove.kit.exchange import Broken, request
from perijove.kit.origin import Origin

_PATIENCE = 10.0
"""Seconds for both answers."""
_MOST_BYTES = 1 << 20
_SHORT_PATIENCE = 2.0
"""Seconds for what somebody waits for."""
_VERSION = re.compile(r"[0-9][0-9A-Za-z.+!-]{0,31}")
_OK, _NOT_FOUND = 200, 404


@dataclass(frozen=True, slots=True)
class Said:
    """What it says."""

    used: datetime | None
    """When it was last in use; None: it does not know."""
    busy: bool
    """Whether a kernel computes."""


async def ask(address: str, prefix: str, token: str) -> Said:
    """Return what the server at `address` says; `token` is its own.

    What has no kernels, no Jupyter Server, says nothing of itself, and that is an answer.

    Raises:
        OSError, TimeoutError: it does not answer, or nothing that can be understood.
    """
    origin = Origin.of(address)
    async with asyncio.timeout(_PATIENCE):
        status = await _get(origin, f"{prefix}api/status", token)
        kernels = await _get(origin, f"{prefix}api/kernels", token)
    return _read(status, kernels)


async def announced(address: str, prefix: str) -> str | None:
    """Return of which JupyterHub the server at `address` says it is, `6.1.1`.

    None: it says nothing of it within two seconds, as what is no server of JupyterHub's does.
    """
    origin, version = Origin.of(address), None
    fields = {"Host": origin.authority, "Connection": "close"}
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(_SHORT_PATIENCE):
            exchange = await origin.connect(_SHORT_PATIENCE)
            try:
                await exchange.ask(request("GET", f"{prefix}api", fields))
                version = exchange.field(b"x-jupyterhub-version")
            finally:
                exchange.close()
    return version if version is not None and _VERSION.fullmatch(version) else None


async def _get(origin: Origin, path: str, token: str) -> Any:
    """Return the JSON of an answer, on a connection of its own: some servers keep none open."""
    fields = {"Host": origin.authority, "Authorization": f"token {token}", "Connection": "close"}
    exchange = await origin.connect(_PATIENCE)
    try:
        status = await exchange.ask(request("GET", f"{path}?no_track_activity=1", fields))
        body = await exchange.rest(_MOST_BYTES)
    finally:
        exchange.close()
    if status == _NOT_FOUND:
        return None
    if status != _OK:
        raise Broken(f"it answers {status}")
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Broken("it answers no JSON") from error


def _read(status: Any, kernels: Any) -> Said:
    busy, times = False, list[datetime]()
    try:
        if status is not None:
            times.append(_instant(status["last_activity"]))
        for kernel in kernels or ():
            busy = busy or kernel["execution_state"] == "busy"
            times.append(_instant(kernel["last_activity"]))
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise Broken("it answers something else than Jupyter Server does") from error
    return Said(max(times, default=None), busy)


def _instant(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
