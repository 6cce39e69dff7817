"""Turnstile: let a crowd in a few at a time, so that others are not kept waiting behind it."""

import asyncio
from collections import deque


class Turnstile:
    """Lets `width` pass in each turn of the event loop, the others in the turns that follow.

    It holds nobody back once they have passed, so one that is slow inside takes no place.
    """

    def __init__(self, width: int) -> None:
        self._width = width
        self._room = width
        self._line: deque[asyncio.Future[None]] = deque()
        self._turning = False

    async def __call__(self) -> None:
        """Return when it is the caller's turn; first come, first served."""
        loop = asyncio.get_running_loop()
        if not self._turning:
            self._turning = True
            loop.call_soon(self._turn, loop)
        if self._room and not self._line:
            self._room -= 1
            return
        place = loop.create_future()
        self._line.append(place)
        await place

    def _turn(self, loop: asyncio.AbstractEventLoop) -> None:
        """Let the next ones in; rest when there are none and nobody has passed since."""
        rested = self._room == self._width
        self._room = self._width
        while self._line and self._room:
            place = self._line.popleft()
            if not place.done():  # who has given up takes no turn
                place.set_result(None)
                self._room -= 1
        self._turning = bool(self._line) or not rested
        if self._turning:
            loop.call_soon(self._turn, loop)
