"""jupyterhub-idle-culler, unmodified, on a hub where every server is idle."""

import asyncio
import os
from subprocess import DEVNULL

from tests.clients.programs import python

from bench.hub.contender import Contender
from bench.hub.measure import STALLED, settle, until_left
from bench.proc import cpu_seconds

_IDLE = 2.0
"""Seconds after which a server is idle."""


async def cull_seconds(hub: Contender) -> float:
    """Return the CPU seconds of the hub until the culler has stopped everything that runs.

    Raises:
        RuntimeError: something was left.
    """
    program = await asyncio.to_thread(python, "culler")
    await asyncio.sleep(_IDLE)
    await settle(hub)
    cpu = cpu_seconds(hub.hub)
    culler = await asyncio.create_subprocess_exec(
        program,
        *("-m", "jupyterhub_idle_culler", f"--url=http://127.0.0.1:{hub.port}/hub/api"),
        *(f"--timeout={_IDLE:.0f}", "--cull-every=3600"),
        env={**os.environ, "JUPYTERHUB_API_TOKEN": hub.token},
        stdout=DEVNULL,
        stderr=DEVNULL,
    )
    try:
        left = await until_left(hub, 0, STALLED)
    finally:
        culler.terminate()
        await culler.wait()
    if left:
        raise RuntimeError(f"{hub.name}: {left} servers are left")
    return cpu_seconds(hub.hub) - cpu
