"""Line: HTTP to one API server, on kept connections; every request ends in time."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import replace
from random import uniform
from urllib.parse import urlencode, urlsplit

from perijove import __version__
from perijove.kit.backoff import Backoff
from perijove.kit.exchange import Exchange, request
from perijove.kit.origin import Connections, Origin
from perijove.spawners.kubernetes import errors
from perijove.spawners.kubernetes.errors import (
    BadKubeconfig,
    ClusterError,
    Throttled,
    Unauthenticated,
    Unreachable,
)
from perijove.spawners.kubernetes.kubeconfig import Access
from perijove.spawners.kubernetes.outage import Outage
from perijove.spawners.kubernetes.tls import Pair
from perijove.spawners.kubernetes.wire import pack

CONNECT_SECONDS, WHOLE_SECONDS = 3.0, 10.0
_CONNECTIONS = 16
"""For all but watches: what a TLS handshake costs is shared by a crowd."""
_WATCHES = 64
"""One for each kind of object, of which there are seven."""
_TWICE = {"GET", "DELETE"}
"""Harmless when sent twice: what is deleted is named by its uid."""
_KEPT = 60.0
_TRIES = 3
_LONGEST_HOLD, _UNTOLD = 30.0, 2.0
"""Seconds to leave it alone at most: as it says, and where it does not say."""
_PATIENCE = 6.0
"""Seconds to stand in line for an API server that wants to be left alone."""
_GOOD = range(200, 300)
_AGENT = f"perijove/{__version__}"
_FIELDS = {"User-Agent": _AGENT, "Accept": "application/json", "Accept-Encoding": "identity"}
_MOST_BYTES = 64 * 1024 * 1024
"""Of one answer: a page of a list is far below it."""


class Line:
    """Speaks for `access`; made in a running event loop, by `Line.to`."""

    def __init__(self, access: Access, origin: Origin) -> None:
        self._access = access
        self._base = urlsplit(access.server).path
        self._pair = access.pair
        self._renewing = asyncio.Lock()
        self._asks = _connections(origin, _CONNECTIONS)
        self._watches = _connections(origin, _WATCHES)
        self._backoff = Backoff(base=0.5, ceiling=_UNTOLD)
        self._not_before = 0.0
        self.outage = Outage()

    @classmethod
    async def to(cls, access: Access) -> "Line":
        """Return a line; nothing is sent yet.

        Raises:
            BadKubeconfig: a certificate cannot be used, or the address.
        """
        context = None
        if access.server.startswith("https:"):
            try:
                context = await asyncio.to_thread(access.trust.context, access.pair)
            except ValueError as error:
                raise BadKubeconfig(f"{access.source}: {error}; fetch it anew.") from error
        try:
            origin = Origin.of(access.server, context, access.trust.server_name)
        except ValueError as error:
            name = access.trust.server_name
            shown = f"{access.server!r} with tls-server-name {name!r}" if name else access.server
            raise BadKubeconfig(
                f"{access.source}: server is {shown}: {error}. It must be https://host:port."
            ) from error
        return cls(access, origin)

    async def close(self) -> None:
        """Close every connection."""
        await self._asks.close()
        await self._watches.close()

    async def ask(
        self,
        method: str,
        path: str,
        query: Mapping[str, str | int] | None = None,
        body: object = None,
        *,
        of_kubelet: bool = False,
    ) -> bytes:
        """Return the body of the answer, within 10 seconds; `of_kubelet` as in Outage.

        Reads are asked again while there is time when the API server is too busy; a write is
        for the caller to ask again, who looks first.

        Raises:
            ClusterError: it was refused, or there is no answer.
        """
        tries = _TRIES if method == "GET" else 1
        with self.outage.asking(of_kubelet=of_kubelet), self._in_words():
            async with asyncio.timeout(WHOLE_SECONDS):
                while True:
                    tries -= 1
                    try:
                        target = self._target(path, query)
                        async with self._answered(self._asks, method, target, body) as answer:
                            return await answer.rest(_MOST_BYTES)
                    except Throttled:
                        if not tries:
                            raise

    @asynccontextmanager
    async def stream(
        self, path: str, query: Mapping[str, str | int]
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """Open a watch and give the bytes that come; the caller knows how long is too long.

        Raises:
            ClusterError: it was refused, or there is no answer, or it has broken.
        """
        async with AsyncExitStack() as stack:
            with self.outage.asking(), self._in_words():
                async with asyncio.timeout(WHOLE_SECONDS):
                    target = self._target(path, query)
                    answer = await stack.enter_async_context(
                        self._answered(self._watches, "GET", target)
                    )
            with self._in_words():
                yield _parts(answer)

    def _target(self, path: str, query: Mapping[str, str | int] | None) -> str:
        return f"{self._base}{path}?{urlencode(query)}" if query else self._base + path

    @asynccontextmanager
    async def _answered(
        self, connections: Connections, method: str, target: str, body: object = None
    ) -> AsyncIterator[Exchange]:
        """Yield an answer that is 2xx; its body is still to be read."""
        renewed = False
        while True:
            await self._turn()
            data = None if body is None else pack(body)
            whole = request(method, target, await self._fields(body), data)
            async with connections.answer(whole, again=method in _TWICE) as answer:
                if answer.status in _GOOD:
                    self._backoff.forget("")
                    yield answer
                    return
                wait = _seconds(answer.field(b"retry-after"))
                error = errors.of(answer.status, await answer.rest(_MOST_BYTES), wait)
            if isinstance(error, Throttled):
                self._hold(wait)
            again = isinstance(error, Unauthenticated) and not renewed
            if not again or not await self._access.credentials.renew():
                raise self._told(error)
            renewed = True

    async def _fields(self, body: object) -> dict[str, str]:
        """Return the fields of a request; what is shown may have become another."""
        shown = await self._access.credentials.show()
        origin = self._asks.origin
        if shown.pair != self._pair and origin.context is not None:
            async with self._renewing:
                await self._present(shown.pair)
        fields = {"Host": origin.authority, **_FIELDS}
        if shown.header:
            fields["Authorization"] = shown.header
        if body is not None:
            fields["Content-Type"] = "application/json"
        return fields

    async def _present(self, pair: Pair | None) -> None:
        """Show another certificate from now on, in a new context: the old one is in use."""
        if pair == self._pair:
            return  # somebody else was faster
        context = await asyncio.to_thread(self._access.trust.context, pair)
        origin, self._pair = replace(self._asks.origin, context=context), pair
        self._asks.move(origin)
        self._watches.move(origin)

    async def _turn(self) -> None:
        """Wait while the API server wants to be left alone; not all come back at once."""
        loop = asyncio.get_running_loop()
        end = loop.time() + _PATIENCE
        while (wait := self._not_before - loop.time()) > 0:
            if loop.time() + wait > end:
                raise Throttled(wait)
            await asyncio.sleep(wait * uniform(1.0, 1.5))  # noqa: S311 - a delay is no secret

    def _hold(self, wait: float | None) -> None:
        """Send nothing for `wait` seconds, or ever longer when it does not say."""
        seconds = min(self._backoff.next("") if wait is None else wait, _LONGEST_HOLD)
        until = asyncio.get_running_loop().time() + seconds
        self._not_before = max(self._not_before, until)

    def _told(self, error: ClusterError) -> ClusterError:
        """Return `error`; one that a person must mend says where."""
        if not isinstance(error, Unauthenticated):
            return error
        return Unauthenticated(
            f"{self._access.server} does not accept the credentials of {self._access.source}:"
            " they have expired, or belong to another cluster. Sign in to the cluster anew.",
            status=error.status,
            reason=error.reason,
        )

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        """Raise Unreachable for all that can go wrong on the way."""
        server = self._access.server
        try:
            yield
        except ClusterError:
            raise
        except ssl.SSLCertVerificationError as error:
            why = str(error.verify_message or error).rstrip(".")
            raise Unreachable(f"{server} shows a certificate we do not trust: {why}.") from error
        except TimeoutError as error:
            raise Unreachable(f"{server} does not answer in time.") from error
        except (OSError, ValueError) as error:
            raise Unreachable(f"{server} cannot be reached: {_words(error)}.") from error


def _connections(origin: Origin, limit: int) -> Connections:
    return Connections(origin, limit=limit, connect=CONNECT_SECONDS, keep=_KEPT)


async def _parts(answer: Exchange) -> AsyncIterator[bytes]:
    while part := await answer.more():
        yield part


def _seconds(field: str | None) -> float | None:
    """Return Retry-After, which API servers give in seconds."""
    return float(field) if field is not None and field.isdecimal() else None


def _words(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or str(error) or type(error).__name__)
