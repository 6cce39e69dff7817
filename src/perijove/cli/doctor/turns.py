"""Turns: one finding after the other of a generator that needs an event loop; it ends well."""

import asyncio
import signal
from collections.abc import AsyncGenerator, Iterator
from types import FrameType
from typing import TypeVar

_T = TypeVar("_T")
_ENDS = (signal.SIGTERM, signal.SIGHUP)


def each(found: AsyncGenerator[_T, None]) -> Iterator[_T]:
    """Yield what `found` yields. Whatever ends us, what it holds is given back first."""
    before = {each: signal.signal(each, _as_interrupt) for each in _ENDS}
    try:
        with asyncio.Runner() as runner:
            try:
                while (one := runner.run(_next(found))) is not None:
                    yield one
            finally:
                runner.run(found.aclose())
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


async def _next(found: AsyncGenerator[_T, None]) -> _T | None:
    return await anext(found, None)


def _as_interrupt(number: int, frame: FrameType | None) -> None:
    """Do as Ctrl-C does: the runner cancels what is going on, and that cleans up."""
    del number, frame
    signal.raise_signal(signal.SIGINT)
