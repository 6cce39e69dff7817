"""Measures: what the hub counts of the servers that it drives, and of itself."""

import asyncio
from time import perf_counter

from perijove.kit.log import about
from perijove.kit.timings import LOOP, POLL, SPAWN, STOP, Timings
from perijove.model.server import Phase, Server
from perijove.model.workload import Observation, State
from perijove.spawners import Spawner

_TURN = 0.05
"""Seconds."""
ASKED = "asked"
"""Why a server ends that somebody wanted to end."""
_DOWN = frozenset({State.GONE, State.EXITED})


async def look(timings: Timings, spawner: Spawner, key: str) -> Observation:
    """Return what `spawner` sees of workload `key`, which the task is about from now on."""
    about(server=key)
    began = perf_counter()
    seen = await spawner.poll(key)
    status = "stopped" if seen.state in _DOWN else "running"
    timings.took(POLL, perf_counter() - began, status)
    return seen


def changed(timings: Timings, was: Server, new: Server) -> None:
    """Count the start, the stop or the life that ends with `new`."""
    took = (new.since - was.since).total_seconds()
    match was.phase, new.phase:
        case Phase.STARTING, Phase.RUNNING:
            timings.took(SPAWN, took, "success", "")
        case Phase.STARTING, (Phase.FAILED | Phase.STOPPING):
            timings.took(SPAWN, took, "failure", new.reason.code if new.reason else "")
        case Phase.STOPPING, Phase.STOPPED:
            timings.took(STOP, took, "success")
        case Phase.RUNNING, (Phase.FAILED | Phase.STOPPING | Phase.STOPPED):
            timings.ends[new.reason.code if new.reason else ASKED] += 1
        case _:
            pass


async def turns(timings: Timings) -> None:
    """Count how long the event loop really takes for what should take a moment."""
    loop, last = asyncio.get_running_loop(), perf_counter()
    timer: asyncio.TimerHandle

    def turn() -> None:  # a third of what it costs a task to sleep, twenty times a second
        nonlocal last, timer
        now = perf_counter()
        timings.took(LOOP, now - last)
        last, timer = now, loop.call_later(_TURN, turn)

    timer = loop.call_later(_TURN, turn)
    try:
        await asyncio.Event().wait()
    finally:
        timer.cancel()
