"""A browser as plain as can be: cookies by path, no redirects, headers of its own."""

import re
from typing import Any

import httpx

from perijove.app import Running
from perijove.http.cookies import LOGIN, SESSION
from perijove.model.user import User

SITE = "http://hub.test"


class Browser:
    """One browser at one hub; `http` follows nothing by itself."""

    def __init__(self, running: Running, address: str = "203.0.113.9", **headers: str) -> None:
        self.running = running
        transport = httpx.ASGITransport(app=running.app, client=(address, 4711))
        self.http = httpx.AsyncClient(transport=transport, base_url=SITE, headers=headers)
        self.base = running.hub.base_url

    async def sign_in(self, user: User) -> None:
        """Take the cookies of a new session, as a page of signing in sets them."""
        secret, session = await self.running.hub.sessions.begin(user, address="", agent="")
        self.http.cookies.set(LOGIN, secret, path=f"{self.base}hub/")
        self.http.cookies.set(SESSION, session.session, path=self.base)

    async def xsrf(self) -> str:
        """Return the value that the pages of this browser hold."""
        shown = await self.get("hub/token")
        found = re.search(r'name="_xsrf" value="([^"]+)"', shown.text)
        assert found, shown.text
        return found[1]

    async def get(self, path: str, **more: Any) -> httpx.Response:
        return await self.http.get(self.base + path, **more)

    async def post(self, path: str, **more: Any) -> httpx.Response:
        return await self.http.post(self.base + path, **more)
