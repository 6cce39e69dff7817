"""Turns: one finding after the other of a generator that needs an event loop; it ends well."""

import asyncio
import signal
from collections.abc import AsyncGenerator, Iterator
from typing import TypeVar

_T = TypeVar("_T")
_ENDS = (signal.SIGTERM, signal.SIGHUP)


def each(found: AsyncGenerator[_T, None]) -> Iterator[_T]:
    """Yield what `found` yields. Whatever ends us, what it holds is given back first.

    Raises:
        KeyboardInterrupt: somebody wants an end.
    """
    with asyncio.Runner() as runner:
        try:
            while (one := runner.run(_next(found))) is not None:
                yield one
        except asyncio.CancelledError:
            raise KeyboardInterrupt from None
        finally:
            runner.run(found.aclose())


async def _next(found: AsyncGenerator[_T, None]) -> _T | None:
    """Return what comes next. Ctrl-C cancels it, and so do the other ways to say so."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    for number in _ENDS:
        loop.add_signal_handler(number, task.cancel)
    try:
        return await anext(found, None)
    finally:
        for number in _ENDS:
            loop.remove_signal_handler(number)
