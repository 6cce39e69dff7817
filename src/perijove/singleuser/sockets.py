"""Open WebSockets: a kernel's or terminal's outlives its page, but not its visitor's welcome."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable
from inspect import isawaitable
from typing import Any
from weakref import WeakKeyDictionary, WeakSet

from tornado.websocket import WebSocketHandler

Welcome = Callable[[str, str], Awaitable[bool]]
"""Takes a token and a session id, and returns whether its visitor may still be here."""
_LOOK_EVERY = 10.0
"""Seconds between two looks at who hears nothing."""
_LOOK_AT_HEARERS = 0.5
"""Seconds between two looks at who is told something."""
_POLICY_VIOLATION = 1008
"""RFC 6455, 7.4.1."""


class Sockets:
    """Closes the WebSockets of visitors who have signed out or whose token was revoked."""

    def __init__(
        self, welcome: Welcome, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._welcome = welcome
        self._sleep = sleep
        self._open: WeakKeyDictionary[WebSocketHandler, tuple[str, str]] = WeakKeyDictionary()
        self._heard: WeakSet[WebSocketHandler] = WeakSet()
        """To whom something was sent since the last look."""

    def guard(self, handler: WebSocketHandler, token: str, session: str) -> None:
        """Ask before each message that `handler` is to act on; mostly the answer is at hand."""
        self._open[handler] = (token, session)
        act, tell = handler.on_message, handler.write_message

        def write_message(*message: Any, **how: Any) -> Awaitable[None]:
            self._heard.add(handler)
            return tell(*message, **how)

        async def on_message(message: str | bytes) -> None:
            if not await self._welcome(token, session):
                handler.close(_POLICY_VIOLATION, "signed out")
                return
            done = act(message)
            if isawaitable(done):
                await done

        handler.on_message = on_message  # type: ignore[method-assign]
        handler.write_message = write_message  # type: ignore[method-assign,assignment]

    async def run(self) -> None:
        """Look every few seconds at all of them, and more often at those who hear something."""
        while True:
            # The hub is not asked by all servers at once.
            looks = round(_LOOK_EVERY / _LOOK_AT_HEARERS * (0.9 + 0.2 * random.random()))  # noqa: S311 - no secret
            for _ in range(looks):
                await self._sleep(_LOOK_AT_HEARERS)
                heard, self._heard = self._heard, WeakSet()
                await self._look(heard)
            await self._look(self._open)

    async def _look(self, at: Iterable[WebSocketHandler]) -> None:
        """Close those whose visitor is no longer welcome."""
        for handler in list(at):
            who = self._open.get(handler)
            if who is None or handler.ws_connection is None:  # closed, or not open yet
                continue
            if not await self._welcome(*who):
                handler.close(_POLICY_VIOLATION, "signed out")
