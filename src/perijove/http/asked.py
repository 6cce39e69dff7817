"""Asked: one HTTP request, read with limits; who it comes from, behind trusted proxies."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from time import perf_counter
from typing import Any, TypeAlias
from urllib.parse import parse_qs

from starlette.requests import ClientDisconnect, Request
from starlette.types import Receive, Scope

from perijove.core.cookies import CookieRules
from perijove.core.domains import Domains
from perijove.http import multipart
from perijove.http.cookies import LOGIN, XSRF, read
from perijove.kit.paths import canonical
from perijove.kit.request_id import RequestIds, is_good
from perijove.model.errors import Invalid, TooLarge
from perijove.model.principal import Principal

Networks: TypeAlias = Sequence[IPv4Network | IPv6Network]
Fields: TypeAlias = Mapping[str, list[str]]
"""What a query or a form holds: every value of every name, in order."""

LARGEST = 1024 * 1024
"""Bytes of a body that we read of who may ask."""
LARGEST_OF_ANYBODY = 64 * 1024
"""Bytes of a form, or of the body of a stranger: it is held until it is there as a whole."""
_PATIENCE = 60.0
"""Seconds in which a body must be there."""
_FIELDS = 1000
_LONGEST_ADDRESS = 100
_REMEMBERED = 1024
"""Addresses that are read once: most requests come from few."""
_ids = RequestIds()
_PROMPT = 0.05
"""Seconds in which a body comes that was sent with its head."""
_FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """What is known of whatever lies between browsers and the hub."""

    trusted: Networks = ()
    """The networks whose X-Forwarded-* headers are believed."""
    domains: Domains = field(default_factory=Domains)
    cookies: CookieRules = field(default_factory=CookieRules)


_NOTHING = Outside()


class Asked(Request):
    """A request."""

    def __init__(self, scope: Scope, receive: Receive, outside: Outside = _NOTHING) -> None:
        super().__init__(scope, receive)
        self.outside = outside
        self._trusted = outside.trusted
        self.late = False
        """The body took so long that who had asked may have been shut out meanwhile."""
        self.xsrf_values: dict[str, str] = {}
        """What was made for this request: its form and its cookie hold the same."""
        self.id = (self._told_id() or _ids.fresh()).decode()
        """What tells this request from all others, in logs and in the answer."""
        self.caller: Principal | None = None
        """Who has been found to send it."""
        self.done: dict[str, Any] = {}
        """What the audit log should tell besides its path: what JSON holds, and no secret."""
        self.signed_out = False
        """Its session has just been ended: the authenticator wants them to sign in again."""
        self.odd_path = False
        """Its path has no canonical form, so nothing can answer."""
        try:
            scope["raw_path"] = canonical(scope["raw_path"])
        except ValueError:
            self.odd_path = True

    @cached_property
    def given(self) -> Mapping[str, str]:
        """Every header by its name in lower case; of several of one name, the last."""
        return {
            name.decode("latin-1"): value.decode("latin-1") for name, value in self.scope["headers"]
        }

    @property
    def raw_path(self) -> str:
        """The path with its escapes, in the one form that the proxy compares as well."""
        raw: bytes = self.scope["raw_path"]
        return raw.decode("latin-1")

    @property
    def raw_query(self) -> str:
        """The query as it was sent."""
        raw: bytes = self.scope["query_string"]
        return raw.decode("latin-1")

    @cached_property
    def fields(self) -> Fields:
        """What the query holds."""
        return _parsed(self.raw_query)

    @cached_property
    def jar(self) -> Fields:
        """Every cookie by its name: two paths may send two of the same name."""
        name = b"cookie"
        sent = [value.decode("latin-1") for key, value in self.scope["headers"] if key == name]
        return self._ours(read(sent))

    def _ours(self, jar: dict[str, list[str]]) -> Fields:
        """Return cookies by their plain names; of those of the hub only what no neighbour sets."""
        rules = self.outside.cookies
        if rules.host_prefix:
            for name in (LOGIN, XSRF):
                jar[name] = jar.pop(rules.named(name), [])
        return jar

    @property
    def peer(self) -> str:
        """The other end of the connection, host and port; '' if it has none."""
        return ":".join(map(str, self.scope.get("client") or ()))

    @cached_property
    def address(self) -> str:
        """The address of the client: of who connected, or what a trusted proxy says of it."""
        here = self._host
        told = [part.strip() for part in self.given.get("x-forwarded-for", "").split(",")]
        while told and self._trusts(here):
            last = told.pop()
            if _address(last) is None:
                break
            here = last
        return here

    @cached_property
    def site(self) -> str:
        """The scheme and the host of the hub as the browser sees it, `https://hub.example`."""
        return self.outside.domains.site or self.origin

    @property
    def host(self) -> str:
        """The host that the browser has asked."""
        return self.origin.partition("://")[2]

    @cached_property
    def origin(self) -> str:
        """The scheme and the host that were asked: in a cluster, a service asks another."""
        scheme, host = str(self.scope["scheme"]), self.given.get("host", "")
        if self._trusts(self._host):
            scheme = self._forwarded("x-forwarded-proto") or scheme
            host = self._forwarded("x-forwarded-host") or host
        return f"{'https' if scheme == 'https' else 'http'}://{host}"

    @property
    def secure(self) -> bool:
        """Whether the browser has asked by https."""
        return self.site.startswith("https:")

    async def data(self, most: int = LARGEST) -> bytes:
        """Return the body.

        Raises:
            TooLarge: it is larger than we read.
            ClientDisconnect: it does not come.
        """
        declared = self.given.get("content-length", "")
        if declared.isdigit() and int(declared[:12]) > most:
            raise TooLarge(most=most)
        parts, size, began = [], 0, perf_counter()
        try:
            async with asyncio.timeout(_PATIENCE):
                async for part in self.stream():
                    size += len(part)
                    if size > most:
                        raise TooLarge(most=most)
                    parts.append(part)
        except TimeoutError as error:
            raise ClientDisconnect from error
        self.late = perf_counter() - began > _PROMPT
        return b"".join(parts)

    async def left(self) -> None:
        """Return when the client has hung up; its body must have been read before."""
        while (await self.receive())["type"] != "http.disconnect":
            pass

    async def sent_form(self, *, any_type: bool = False) -> Fields:
        """Return what a form has sent; nothing when the body is none, unless `any_type`.

        Raises:
            Invalid: too many fields, or bytes that are no text.
            TooLarge: it is larger than we read.
        """
        content_type = self.given.get("content-type", "")
        kind = content_type.partition(";")[0].strip().lower()
        if kind not in {_FORM, multipart.KIND} and not any_type:
            return {}
        raw = await self.data(LARGEST_OF_ANYBODY)
        if kind == multipart.KIND:
            return multipart.fields(content_type, raw, _FIELDS)
        try:
            return _parsed(raw.decode())
        except UnicodeDecodeError as error:
            raise Invalid("bad-form") from error

    def _told_id(self) -> bytes:
        """Return the id that a trusted proxy has given this request, b'' if there is none."""
        told = [value for name, value in self.scope["headers"] if name == b"x-request-id"]
        known = len(told) == 1 and is_good(told[0]) and self._trusts(self._host)
        return told[0] if known else b""

    @property
    def _host(self) -> str:
        """The address at the other end of the connection."""
        return str((self.scope.get("client") or ("",))[0])

    def _forwarded(self, name: str) -> str:
        return self.given.get(name, "").rpartition(",")[2].strip()

    def _trusts(self, peer: str) -> bool:
        there = _address(peer)
        if not self._trusted or there is None:
            return not peer and bool(self._trusted)  # a socket file: whoever may open it
        return any(there in network for network in self._trusted)


def _parsed(text: str) -> Fields:
    if not text:
        return {}
    try:
        return parse_qs(text, keep_blank_values=True, max_num_fields=_FIELDS, errors="strict")
    except (ValueError, UnicodeDecodeError) as error:
        raise Invalid("bad-form") from error


def _address(text: str) -> IPv4Address | IPv6Address | None:
    """Return the address in `text`, or None; what nobody would write in full is none."""
    return _read_address(text) if len(text) <= _LONGEST_ADDRESS else None


@lru_cache(_REMEMBERED)
def _read_address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None
