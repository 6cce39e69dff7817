"""Errors: the pages for requests that have no answer, from `--error-target` or `--error-path`."""

import asyncio
import ssl
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote_from_bytes

from perijove.kit.exchange import Exchange
from perijove.kit.exchange import request as whole
from perijove.kit.origin import Connections, Origin
from perijove.proxy.head import Request
from perijove.proxy.marks import id_of
from perijove.proxy.pages import Page, page
from perijove.proxy.target import Target
from perijove.proxy.tree import Route

_SECONDS = 10.0
_MOST_BYTES = 1024 * 1024
_NOT_FOUND = 404
_HTML = b"text/html; charset=utf-8"


@dataclass(frozen=True, slots=True)
class UnixOrigin(Origin):
    """A server behind a socket in the file system."""

    path: str = ""

    async def connect(self, seconds: float) -> Exchange:
        """Return a new connection.

        Raises:
            OSError: there is none.
            TimeoutError: nobody answers in time.
        """
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(seconds):
            _, exchange = await loop.create_unix_connection(Exchange, self.path)
        return exchange


class ErrorTarget:
    """Asks another server for the page; the status stays our own."""

    def __init__(self, url: str, context: ssl.SSLContext | None) -> None:
        try:
            target = Target(url)
        except ValueError as error:
            raise ValueError(f"--error-target {url} makes no sense: {error}") from error
        self._base = f"{target.base.decode()}/"
        if target.socket:
            self._origin: Origin = UnixOrigin("localhost", 80, path=target.socket)
        else:
            self._origin = Origin.of(url, context if target.tls else None)

    async def __call__(self, request: Request, route: Route | None, status: int) -> Page:
        """Return its page, or our own sentence if it has none to give."""
        where = f"{self._base}{status}?url={quote_from_bytes(request.url, safe='')}"
        asked = whole("GET", where, {"Host": self._origin.authority}, None)
        kept = Connections(self._origin, limit=1, connect=_SECONDS, keep=0)
        try:
            async with asyncio.timeout(_SECONDS), kept.answer(asked, again=False) as answer:
                body = await answer.rest(_MOST_BYTES)
                kind = answer.field(b"content-type") or "text/html; charset=utf-8"
                coding = answer.field(b"content-encoding")
        except (OSError, ValueError):
            return await own_page(request, route, status)
        finally:
            await kept.close()
        fields = f"Content-Encoding: {coding}\r\n".encode("latin-1") if coding else b""
        return Page(status, kind.encode("latin-1"), body, fields)


class ErrorPath:
    """Reads `<status>.html` in a folder, or `error.html` if there is none."""

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise ValueError(f"--error-path {folder} is no folder")
        self._folder = folder

    async def __call__(self, request: Request, route: Route | None, status: int) -> Page:
        """Return the page in the folder, or our own sentence if it has none."""
        for name in (f"{status}.html", "error.html"):
            try:
                body = await asyncio.to_thread((self._folder / name).read_bytes)
            except OSError:
                continue
            return Page(status, _HTML, body)
        return await own_page(request, route, status)


async def own_page(request: Request, _: Route | None, status: int) -> Page:
    """Return our own sentence."""
    reason = "no-route" if status == _NOT_FOUND else "server-away"
    return page(status, reason, request.fields.value(b"accept"), request=id_of(request.mark))
