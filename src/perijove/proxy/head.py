"""Heads of HTTP/1.1 messages: refuse what is ambiguous, cut what belongs to one hop."""

import re

from perijove.proxy.body import Body, Chunked, Endless, Sized
from perijove.proxy.referee import Referee
from perijove.proxy.refusal import Refusal

LIMIT = 65_536
"""Bytes of a head."""
URI_LIMIT = 16_384
"""Bytes of what is asked for: as many as Node.js takes for a whole head."""
_MOST_FIELDS = 254
_NO_CONTENT = 204
_NOT_MODIFIED = 304
_FINAL = 200
_SLASH = ord("/")

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]++"
_FIELD = rb"(?:" + _TOKEN + rb":[\t -~\x80-\xff]*+\r\n)"
_FIELDS = _FIELD + rb"{0,%d}+\r\n" % _MOST_FIELDS
_URI = rb"[!-~]{1,%d}+" % URI_LIMIT
# CONNECT makes a tunnel of a connection: no server behind us is asked for one
_METHOD = rb"(?!CONNECT )(" + _TOKEN + rb")"
_REQUEST = re.compile(_METHOD + rb" (" + _URI + rb") HTTP/1\.([01])\r\n" + _FIELDS)
_STATUS = rb"HTTP/1\.([01]) ([1-5][0-9][0-9])(?: [\t -~\x80-\xff]*+)?\r\n"
_RESPONSE = re.compile(_STATUS + _FIELD + rb"*+\r\n")
HOST = re.compile(rb"(?:[A-Za-z0-9._~%-]++|\[[0-9A-Za-z:.%_~-]++\])?+(?::[0-9]{0,5})?+")
BLANK_LINES = re.compile(rb"(?:\r\n){0,8}+")
"""What some send after a body (RFC 9112, 2.2)."""
_LENGTH = re.compile(rb"[0-9]{1,18}")
# names in lower case; everything else passes untouched
_OF_REQUEST = re.compile(
    rb"\r\n(host|connection|content-length|transfer-encoding|te|upgrade|keep-alive|expect"
    rb"|proxy-connection|http2-settings|forwarded|content_length|transfer_encoding"
    rb"|x[-_](?:forwarded[a-z_-]*|real[-_]ip|scheme|request[-_]id)):([^\r]*)"
)
_OF_RESPONSE = re.compile(
    rb"\r\n(connection|content-length|transfer-encoding|upgrade|keep-alive|proxy-connection"
    rb"|x-request-id):([^\r]*)"
)
_CUT = frozenset(
    (b"connection", b"te", b"upgrade", b"keep-alive", b"proxy-connection", b"http2-settings")
)
# to whoever makes variables of fields (CGI, WSGI) these are what '-' would make them
_DISGUISED = frozenset((b"content_length", b"transfer_encoding"))
_STAYS = frozenset((b"host", b"content-length", b"transfer-encoding", b"expect"))
_ONCE = frozenset((b"host", b"content-length", b"transfer-encoding"))
# RFC 9110, 7.6.1: a sender must not name these, and we never let one be stripped by naming it
_KEPT = frozenset(
    b"host content-length transfer-encoding authorization cookie origin set-cookie location"
    b" content-type x-xsrftoken expect close".split()
)


class Fields:
    """What the proxy must know of the fields of a head."""

    __slots__ = ("cuts", "forwarded", "head", "line", "named")

    def __init__(self, head: bytes, wanted: "re.Pattern[bytes]") -> None:
        self.head = head
        self.line = head.find(b"\r\n")
        self.named: dict[bytes, bytes] = {}
        self.cuts: list[tuple[int, int]] = []
        self.forwarded: list[tuple[int, int]] = []
        for found in wanted.finditer(head.lower(), self.line):
            self._note(found[1], found)
        if b"connection" in self.named:
            self._nominate(self.tokens())

    def _note(self, name: bytes, found: "re.Match[bytes]") -> None:
        begin, end = found.span(2)
        value = self.head[begin:end].lstrip(b" \t")
        if name != b"transfer-encoding":  # 'chunked ' is another coding to llhttp
            value = value.rstrip(b" \t")
        known = self.named.get(name)
        if known is None:
            self.named[name] = value
        elif name in _ONCE:
            raise Refusal(400, "doubled-field")
        else:
            self.named[name] = known + b", " + value
        if name in _CUT:
            self.cuts.append(found.span())
        elif name in _DISGUISED:
            raise Refusal(400, "doubled-field")
        elif name not in _STAYS:
            self.forwarded.append(found.span())

    def tokens(self) -> set[bytes]:
        """Return what the field Connection names, in lower case."""
        return {part.strip() for part in self.named.get(b"connection", b"").lower().split(b",")}

    def _nominate(self, tokens: set[bytes]) -> None:
        names = tokens - _KEPT - _CUT
        self.cut({it for it in names if it and not it.startswith((b"x-forwarded", b"sec-"))})

    def cut(self, names: set[bytes]) -> None:
        """Cut each field that has one of `names`, in lower case."""
        at = self.line
        while names and at >= 0:
            end = self.head.find(b"\r\n", at + 2)
            if end > 0 and self.head[at + 2 : end].partition(b":")[0].lower() in names:
                self.cuts.append((at, end))
            at = end

    def length(self) -> int | None:
        """Return the content length; never together with a transfer coding."""
        value = self.named.get(b"content-length")
        if value is None:
            return None
        if not _LENGTH.fullmatch(value) or b"transfer-encoding" in self.named:
            raise Refusal(400, "bad-length")
        return int(value)

    def chunked(self, minor: bytes) -> bool:
        """Return whether the body is chunked: the only coding that is passed on."""
        coding = self.named.get(b"transfer-encoding")
        if coding is None:
            return False
        if coding.lower() != b"chunked" or minor != b"1":
            raise Refusal(400, "bad-coding")
        return True

    def join(self, start: bytes, extra: bytes) -> bytes:
        """Return the head with another first line, without the cuts and with `extra` fields."""
        pieces = [start]
        at = self.line
        for begin, end in sorted(set(self.cuts)):
            pieces.append(self.head[at:begin])
            at = end
        pieces += (self.head[at:-2], extra, b"\r\n")
        return b"".join(pieces)

    def drop(self) -> None:
        """Let go of all but what is told when the request ends: a WebSocket stays for hours."""
        self.head, self.cuts, self.forwarded = b"", [], []
        self.named = {name: it for name, it in self.named.items() if name == b"x-forwarded-for"}

    def value(self, name: bytes) -> bytes:
        """Return any field by its lower-case name; empty if there is none. Slow."""
        found = re.search(rb"\r\n" + re.escape(name) + rb":([^\r]*)", self.head, re.IGNORECASE)
        return found[1].strip(b" \t") if found else b""


class Request:
    """The head of a request."""

    __slots__ = (
        *("body", "fields", "host", "keep", "mark", "method", "minor", "path"),
        *("sent", "upgrade", "url"),
    )

    def __init__(self, head: bytes, referee: Referee) -> None:
        self.mark = b""
        """The line of its head that says its id, once it has one."""
        found = _REQUEST.fullmatch(head)
        if found is None:
            raise doubted(head)
        self.method, self.url, self.minor = found.groups()
        self.sent = self.url
        fields = self.fields = Fields(head, _OF_REQUEST)
        self.host = fields.named.get(b"host", b"")
        if not HOST.fullmatch(self.host) or (self.minor == b"1" and b"host" not in fields.named):
            raise Refusal(400, "bad-host")
        named = fields.named
        framed = b"content-length" in named or b"transfer-encoding" in named
        self.body = self._framing() if framed else None
        self.keep, self.upgrade = self.minor == b"1", False
        if b"connection" in named:
            self._connection()
        if self.url[0] != _SLASH:
            self._origin_form()
        self.path = self.url.partition(b"?")[0]
        if b"upgrade" not in named:
            referee.check(head, reusable=self.body is None and self.keep)
        else:  # to llhttp that is the end of HTTP: where it is not passed on, judge what is
            passed_on = head if self.upgrade else self.outgoing(self.url, b"")
            referee.check(passed_on, reusable=False)

    def _framing(self) -> Body | None:
        length = self.fields.length()
        if length:
            return Sized(length)
        return Chunked() if self.fields.chunked(self.minor) else None

    def _connection(self) -> None:
        tokens = self.fields.tokens()
        self.keep = self.keep and b"close" not in tokens
        self.upgrade = (
            b"upgrade" in tokens
            and self.fields.named.get(b"upgrade", b"").lower() == b"websocket"
            and self.method == b"GET"
            and self.minor == b"1"
            and self.body is None
        )

    def _origin_form(self) -> None:
        """Turn the absolute form into the origin form; refuse the others."""
        scheme, _, rest = self.url.partition(b"://")
        authority, slash, path = rest.partition(b"/")
        if scheme.lower() not in (b"http", b"https") or authority != self.host:
            raise Refusal(400, "bad-target")
        self.url = slash + path if slash else b"/"

    def outgoing(self, url: bytes, extra: bytes) -> bytes:
        """Return the head for the next hop."""
        if self.minor == b"0":
            extra += b"Connection: close\r\n"
        if url is self.sent and not self.fields.cuts:
            return self.fields.head[:-2] + extra + b"\r\n"
        start = b"%b %b HTTP/1.%b" % (self.method, url, self.minor)
        return self.fields.join(start, extra)


def doubted(head: bytes) -> Refusal:
    """Return why `head`, or the beginning of one, is none of a request."""
    if _names_too_much(head):
        return Refusal(414, "uri-too-long")
    if head.count(b"\r\n") > _MOST_FIELDS + 2:
        return Refusal(431, "too-many-fields")
    if len(head) > LIMIT:
        return Refusal(431, "too-large")
    return Refusal(400, "malformed")


def check_unfinished(data: bytes, looked: int) -> None:
    """Refuse what can no more become a head; the first `looked` bytes have been checked."""
    start = max(0, looked - 1)
    start += data[start : start + 1] == b"\n"
    bare = data.count(b"\n", start) != data.count(b"\r\n", start)
    if bare or len(data) > LIMIT or _names_too_much(data):
        raise doubted(data)


def _names_too_much(head: bytes) -> bool:
    """Return whether what it asks for is too long."""
    if len(head) <= URI_LIMIT or head.find(b"\r\n", 0, URI_LIMIT) >= 0:
        return False
    _, _, rest = head.partition(b"\r\n")[0].partition(b" ")
    return len(rest.partition(b" ")[0]) > URI_LIMIT


class Response:
    """The head of a response to a request of `method`."""

    __slots__ = ("_start", "body", "fields", "keep", "status")

    def __init__(self, head: bytes, method: bytes) -> None:
        found = _RESPONSE.fullmatch(head)
        if found is None:
            raise Refusal(502, "bad-answer")
        minor = found[1]
        self.status = int(found[2])
        fields = self.fields = Fields(head, _OF_RESPONSE)
        self.keep = minor == b"1"
        # RFC 9110, 2.5: what we say is of our own version
        self._start = b"" if self.keep else b"HTTP/1.1" + head[8 : fields.line]
        if b"connection" in fields.named:
            tokens = fields.tokens()
            self.keep = b"close" not in tokens and (self.keep or b"keep-alive" in tokens)
        length, chunked = fields.length(), fields.chunked(minor)
        self.body: Body | None = None
        if self.status < _FINAL or self.status == _NO_CONTENT:
            # RFC 9110, 8.6: they must not say it; who believes them waits for what never comes
            if length is not None or chunked:
                fields.cut({b"content-length", b"transfer-encoding"})
            return
        if self.status == _NOT_MODIFIED or method == b"HEAD":
            return
        if chunked:
            self.body = Chunked()
        elif length is None:
            self.body = Endless()
            self.keep = False
        elif length:
            self.body = Sized(length)

    def outgoing(self, extra: bytes) -> bytes:
        """Return the head for the client."""
        fields = self.fields
        if fields.cuts or self._start:
            return fields.join(self._start or fields.head[: fields.line], extra)
        return fields.head[:-2] + extra + b"\r\n" if extra else fields.head
