"""What must hold for any bytes that the proxy reads, by other readers: llhttp, h11, a plain one.

Each takes bytes, raises AssertionError where we are more lenient than another, and returns what
became of them: a word for the fuzzer to tell inputs apart.
"""

from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import pairwise

import h11
import httptools

from perijove.proxy.body import Body, Chunked, Sized
from perijove.proxy.head import Request, Response
from perijove.proxy.paths import canonical
from perijove.proxy.referee import Referee
from perijove.proxy.refusal import Refusal

MOST = 2000
CHUNKED = b"POST / HTTP/1.1\r\nHost: e\r\nTransfer-Encoding: chunked\r\n\r\n"
PLAIN = b"GET / HTTP/1.1\r\nHost: e\r\n\r\n"
_BODY = b"3\r\nabc\r\n0\r\n\r\n"
_referee = Referee()


class _Ends:
    """Counts the ends of messages."""

    def __init__(self) -> None:
        self.count = 0

    def on_message_complete(self) -> None:
        self.count += 1


def llhttp_ends(data: bytes, *, response: bool = False) -> int:
    """Return how many messages end in `data`; -1 if it is refused."""
    ends = _Ends()
    make = httptools.HttpResponseParser if response else httptools.HttpRequestParser
    try:
        make(ends).feed_data(data)
    except httptools.HttpParserUpgrade:
        return ends.count
    except httptools.HttpParserError:
        return -1
    return ends.count


def h11_ends(data: bytes, *, method: bytes = b"") -> int:
    """Return the same by h11; `method`: `data` is the answer to such a request."""
    reader = h11.Connection(h11.CLIENT if method else h11.SERVER, max_incomplete_event_size=1 << 20)
    if method:
        reader.send(h11.Request(method=method, target="/", headers=[("Host", "e")]))
        reader.send(h11.EndOfMessage())
    reader.receive_data(data)
    try:
        while (event := reader.next_event()) not in (h11.NEED_DATA, h11.PAUSED):
            if isinstance(event, h11.EndOfMessage):
                return 1
    except h11.RemoteProtocolError:
        return -1
    return 0


def _body(body: Body | None) -> bytes | None:
    """Return some body of that kind; None: too long to try, or without an end."""
    if isinstance(body, Sized):
        size = next((n for n in range(1, MOST) if Sized.feed(body, b"x") >= 0), 0)
        return b"x" * size or None
    return _BODY if isinstance(body, Chunked) else b"" if body is None else None


def request(head: bytes) -> str:
    """A request that we take is one for everybody, and ends at the same byte."""
    try:
        asked = Request(head, _referee)
        path = canonical(asked.path)
    except Refusal as refusal:
        return refusal.reason
    finally:
        Request(PLAIN, _referee)  # the next one is heard
    assert canonical(path) == path
    assert llhttp_ends(head) >= 0
    assert h11_ends(head) >= 0
    sent = asked.outgoing(asked.url, b"X-Forwarded-For: 1\r\n")
    again = Request(sent, _referee)
    body = _body(asked.body)
    if body is not None:
        whole = sent + body
        assert llhttp_ends(whole) == h11_ends(whole) == 1
        assert not llhttp_ends(whole[:-1]) > 0
        assert not h11_ends(whole[:-1]) > 0
    assert (again.method, again.url, again.host) == (asked.method, asked.url, asked.host)
    assert type(again.body) is type(asked.body)
    left = again.fields.named.keys() & {b"te", b"upgrade", b"keep-alive", b"proxy-connection"}
    assert not left
    return f"{type(asked.body).__name__} {asked.keep} {asked.upgrade} {len(asked.fields.cuts)}"


def response(head: bytes, method: bytes = b"GET") -> str:
    """An answer that we take is one for everybody, and ends at the same byte."""
    try:
        answer = Response(head, method)
    except Refusal as refusal:
        return refusal.reason
    said = answer.outgoing(b"")
    again = Response(said, method)
    assert again.status == answer.status
    assert type(again.body) is type(answer.body)
    body = _body(answer.body)
    if body is not None and answer.status >= 200:
        whole = said + body
        assert h11_ends(whole, method=method) == 1
        assert not h11_ends(whole[:-1], method=method) > 0
        if method != b"HEAD":  # llhttp cannot be told
            assert llhttp_ends(whole, response=True) >= 1
            assert llhttp_ends(whole[:-1], response=True) <= 0
    return f"{type(answer.body).__name__} {answer.keep} {answer.status // 100}"


def chunked(text: bytes, places: Iterable[int] = ()) -> str:
    """A chunked body has one end for everybody, however it is cut."""
    end, reason = _end(Chunked(), [text])
    for pieces in (_cut(text, places or text[:8]), [text[at : at + 1] for at in range(len(text))]):
        other, doubt = _end(Chunked(), pieces)
        assert (other, bool(doubt)) == (end, bool(reason))
    if end >= 0:
        whole = CHUNKED + text[:end]
        assert plain(text) == end
        assert llhttp_ends(whole) == h11_ends(whole) == 1
        assert not llhttp_ends(whole[:-1]) > 0
        assert not h11_ends(whole[:-1]) > 0
    return reason or ("ends" if end >= 0 else "goes on")


def _cut(text: bytes, places: Iterable[int]) -> list[bytes]:
    marks = sorted({0, len(text), *(place % (len(text) + 1) for place in places)})
    return [text[a:b] for a, b in pairwise(marks)]


def _end(body: Chunked, pieces: list[bytes]) -> tuple[int, str]:
    before = 0
    try:
        for piece in pieces:
            end = body.feed(piece)
            if end >= 0:
                return before + end, ""
            before += len(piece)
    except Refusal as refusal:
        return -1, refusal.reason
    return -1, ""


def plain(text: bytes) -> int:
    """Return where a chunked body ends, as one would write it who trusts everybody; -1: nowhere."""
    at = 0
    with suppress(ValueError):
        while True:
            line_end = text.index(b"\r\n", at)
            size = int(text[at:line_end].partition(b";")[0], 16)
            at = line_end + 2 + size + 2
            if not size:
                return text.index(b"\r\n\r\n", line_end) + 4
    return -1


KINDS: dict[str, Callable[[bytes], str]] = {
    "request": request,
    "response": response,
    "chunked": chunked,
}
