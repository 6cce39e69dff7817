"""Open WebSockets: a kernel's or terminal's outlives its page, but not its visitor's welcome."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from inspect import isawaitable
from weakref import WeakKeyDictionary

from tornado.websocket import WebSocketHandler

Welcome = Callable[[str, str], Awaitable[bool]]
"""Takes a token and a session id, and returns whether its visitor may still be here."""
_LOOK_EVERY = 10.0
"""Seconds between two looks at who only listens."""
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

    def guard(self, handler: WebSocketHandler, token: str, session: str) -> None:
        """Ask before each message that `handler` is to act on; mostly the answer is at hand."""
        self._open[handler] = (token, session)
        act = handler.on_message

        async def on_message(message: str | bytes) -> None:
            if not await self._welcome(token, session):
                handler.close(_POLICY_VIOLATION, "signed out")
                return
            done = act(message)
            if isawaitable(done):
                await done

        handler.on_message = on_message  # type: ignore[method-assign]

    async def run(self) -> None:
        """Look at all of them every few seconds, for as long as the server runs."""
        while True:
            await self._sleep(_LOOK_EVERY * (0.9 + 0.2 * random.random()))  # noqa: S311 - no secret
            await self.look()

    async def look(self) -> None:
        """Close those whose visitor is no longer welcome."""
        for handler, (token, session) in list(self._open.items()):
            if handler.ws_connection is None:  # closed, or not open yet
                continue
            if not await self._welcome(token, session):
                handler.close(_POLICY_VIOLATION, "signed out")
