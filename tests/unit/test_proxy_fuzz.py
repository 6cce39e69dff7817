"""Generated heads and bodies: we are never more lenient than llhttp, h11 and a plain reader."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.corpus import seeds
from tests.fuzz.oracles import KINDS, chunked, request, response

NAMES = st.sampled_from(
    [
        *(b"Content-Length", b"content-length", b"Transfer-Encoding", b"Connection", b"Upgrade"),
        *(b"TE", b"Host", b"Expect", b"Proxy-Connection", b"X-Forwarded-For", b"Keep-Alive", b"X"),
        *(b"Content_Length", b"Content-Length ", b" X", b"", b"X\x00", b"Cookie", b"Sec-X"),
    ]
)
VALUES = st.sampled_from(
    [
        *(b"5", b"0", b"005", b"5, 5", b"+5", b"", b"chunked", b"Chunked", b"gzip, chunked", b"e"),
        *(b"close", b"keep-alive", b"Upgrade", b"websocket", b"h2c", b"x, close", b"trailers"),
        *(
            b"100-continue",
            b"\x80",
            b"a\x00",
            b"\tx\t",
            b"x\r\n y",
            b"x\ny",
            b"x\ry",
            b"Cookie, TE",
        ),
    ]
)
ODD = st.one_of(st.binary(max_size=6), st.sampled_from([b"\r\n", b"\n", b"\r", b" ", b"\t"]))
FIELDS = st.lists(st.tuples(NAMES, st.sampled_from([b":", b": ", b" :"]), VALUES), max_size=6)
REQUESTS = st.sampled_from(
    [
        *(b"GET / HTTP/1.1", b"POST /a?b HTTP/1.1", b"HEAD / HTTP/1.0", b"CONNECT / HTTP/1.1"),
        *(b"GET http://e/x HTTP/1.1", b"OPTIONS * HTTP/1.1", b"GET /%2e%2E/ HTTP/1.1"),
        b"GET  / HTTP/1.1",
    ]
)  # fmt: skip
ANSWERS = st.sampled_from(
    [
        *(b"HTTP/1.1 200 OK", b"HTTP/1.1 204 No", b"HTTP/1.1 304 N", b"HTTP/1.0 200 OK"),
        *(b"HTTP/1.1 101 S", b"HTTP/1.1 103 E", b"HTTP/1.1 200", b"HTTP/1.1 99 x"),
    ]
)


def head(start: bytes, fields: list[tuple[bytes, bytes, bytes]], odd: bytes, at: int) -> bytes:
    lines = [start, b"Host: e", *(name + colon + value for name, colon, value in fields)]
    text = b"\r\n".join(lines)
    at %= len(text) + 1
    return text[:at] + odd + text[at:] + b"\r\n\r\n"


def heads(starts: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    nothing = st.just(b"")
    return st.builds(head, starts, FIELDS, nothing | nothing | ODD, st.integers(0, 300))


@settings(max_examples=500, deadline=None)
@given(heads(REQUESTS))
def test_a_request_that_is_taken_is_one_for_everybody(text: bytes) -> None:
    request(text)


@settings(max_examples=500, deadline=None)
@given(heads(ANSWERS), st.sampled_from([b"GET", b"HEAD", b"POST"]))
def test_an_answer_that_is_taken_is_one_for_everybody(text: bytes, method: bytes) -> None:
    response(text, method)


PIECES = st.sampled_from(
    [
        *(b"5\r\nhello\r\n", b"1;a=b\r\nx\r\n", b"0\r\n", b"\r\n", b"0\r\n\r\n", b"X: 1\r\n"),
        *(b"00A", b"3\r\n\r\n\r\r\n", b"5", b"\n", b"\r", b"hello", b";", b'"', b" "),
        *(b"Host: e\r\n", b"f" * 15),
    ]
)  # fmt: skip


@settings(max_examples=500, deadline=None)
@given(st.lists(PIECES | st.binary(max_size=4), max_size=8), st.lists(st.integers(0, 99)))
def test_a_chunked_body_has_one_end_for_everybody(pieces: list[bytes], places: list[int]) -> None:
    chunked(b"".join(pieces), places)


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_found_stays_found(kind: str) -> None:
    corpus = seeds(kind)
    assert len(corpus) > 20
    verdicts = {KINDS[kind](text) for text in corpus}
    assert len(verdicts) > 3
