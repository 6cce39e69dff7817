"""Where a body ends, however it is cut up; and where a WebSocket frame does."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perijove.proxy.body import Body, Chunked, Sized
from perijove.proxy.refusal import Refusal
from perijove.proxy.websocket import Frames


def end_of(body: Body, pieces: list[bytes]) -> int:
    """Return how many bytes of the pieces belong to the body, -1 if it does not end."""
    before = 0
    for piece in pieces:
        end = body.feed(piece)
        if end >= 0:
            return before + end
        before += len(piece)
    return -1


def cut(data: bytes, places: list[int]) -> list[bytes]:
    marks = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[a:b] for a, b in pairwise(marks)]


CHUNKS = st.lists(st.binary(min_size=1, max_size=40), max_size=6)
PLACES = st.lists(st.integers(0, 10_000), max_size=12)


@given(CHUNKS, PLACES, st.sampled_from([b"", b"X-Sum: 1\r\n", b"A:b\r\nC:\r\n"]))
def test_a_chunked_body_ends_at_the_same_byte_however_it_is_cut(
    chunks: list[bytes], places: list[int], trailers: bytes
) -> None:
    text = b"".join(b"%x;ext=1\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    text += b"0\r\n" + trailers + b"\r\n"
    assert end_of(Chunked(), cut(text + b"GET / HTTP", places)) == len(text)
    assert end_of(Chunked(), [bytes([byte]) for byte in text]) == len(text)


@pytest.mark.parametrize(
    "text",
    [
        *(b"x\r\n", b"-1\r\n", b"+5\r\nhello\r\n", b"0x5\r\nhello\r\n", b" 5\r\nhello\r\n"),
        *(b"5 \r\nhello\r\n", b"5\nhello\r\n", b"5\r\nhello\n", b"5\r\nhelloX\r\n", b"\r\n"),
        *(b"5\r\nhello0\r\n\r\n", b"5\rhello", b"1" * 16 + b"\r\n", b"5;\x00\r\n", b"5;a\rb\r\n"),
        *(b"0\r\nno colon\r\n\r\n", b"0\r\n folded: x\r\n\r\n", b"0\r\nContent-Length: 5\r\n\r\n"),
        *(b"0\r\nA: b\nB: c\r\n\r\n", b"0\r\n: x\r\n\r\n", b"5_0\r\n", b"5;" + b"x" * 5000),
        *(b"5;\r\nhello\r\n", b"5;\x80\r\nhello\r\n", b"5; a=b\r\n", b'5;a="\r\n', b"5;;a\r\n"),
        *(b"0\r\nX-Forwarded-For: 1.2.3.4\r\n\r\n", b"0\r\nx_real_ip: 1.2.3.4\r\n\r\n"),
        *(b"0\r\nCookie: a=b\r\n\r\n", b"0\r\nConnection: close\r\n\r\n"),
        b"0\r\n" + b"A: b\r\n" * 5000,
    ],
    ids=lambda text: repr(text[:24]),
)
def test_a_chunk_in_doubt_is_refused(text: bytes) -> None:
    with pytest.raises(Refusal):
        Chunked().feed(text)
    with pytest.raises(Refusal):
        end_of(Chunked(), [bytes([byte]) for byte in text])


@given(st.integers(4080, 4110), PLACES)
def test_a_line_is_as_long_as_it_is_however_it_is_cut(size: int, places: list[int]) -> None:
    line = b"1;" + b"x" * (size - 4) + b"\r\n"
    for pieces in ([line], cut(line, places), [bytes([byte]) for byte in line]):
        try:
            assert end_of(Chunked(), pieces) == -1
            assert size <= 4096
        except Refusal:
            assert size > 4096


@given(st.binary(max_size=50), PLACES, st.binary(max_size=20))
def test_a_sized_body_ends_after_its_size(data: bytes, places: list[int], rest: bytes) -> None:
    if data:
        assert end_of(Sized(len(data)), cut(data + rest, places)) == len(data)


FRAMES = st.lists(st.tuples(st.sampled_from([0, 1, 125, 126, 127, 300, 70_000]), st.booleans()))


@given(FRAMES, PLACES)
def test_frames_end_between_frames_only(frames: list[tuple[int, bool]], places: list[int]) -> None:
    text, ends = b"", {0}
    for size, masked in frames[:4]:
        short = size if size < 126 else 126 if size < 65_536 else 127
        length = b"" if size < 126 else size.to_bytes(2 if size < 65_536 else 8, "big")
        mask = b"abcd" if masked else b""
        head = bytes([0x82, short | (0x80 if masked else 0)]) + length + mask
        text += head + bytes(size)
        ends.add(len(text))
    counter, at = Frames(), 0
    for piece in cut(text, [*places, *ends]):
        counter.feed(piece)
        at += len(piece)
        assert counter.between is (at in ends)
