"""The first call to the hub: without one, a server cannot let anybody in, so it ends."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from perijove.singleuser.hub import Away, Hub, Strange

VERSION = "6.1.1"
"""Whose protocol we speak: hubs of JupyterHub parse it as one of its versions."""
_WAITS = (2, 4, 8, 16)
"""Seconds after each failed try but the last (hub.md 1.3)."""


async def greet(
    hub: Hub, log: Any, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
) -> bool:
    """Return whether the hub has answered in five tries."""
    for wait in (*_WAITS, None):
        try:
            version = await hub.greet()
        except (Away, Strange) as error:
            log.warning("cannot reach the hub: %s", error)
        else:
            _compare(version, log)
            return True
        if wait is not None:
            await sleep(wait)
    log.critical("no hub, no sign-in: giving up")
    return False


def _compare(version: str | None, log: Any) -> None:
    """Say once if the hub speaks another version: that is worth knowing, and no reason to end."""
    if version is None:
        log.warning("the hub does not tell its version; this server speaks %s", VERSION)
    elif version.partition(".")[0] != VERSION.partition(".")[0]:
        log.warning("the hub speaks %s, this server %s", version[:40], VERSION)
    else:
        log.debug("the hub speaks %s", version[:40])
