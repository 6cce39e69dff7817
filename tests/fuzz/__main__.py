"""Fuzz the proxy's reading of heads and chunks: `python -m tests.fuzz --minutes 10 [--keep]`.

Inputs that reach lines of the parsers in a new order, or a new verdict, are changed further; with
--keep they go into the corpus. A finding is printed as bytes and ends it with status 1.
"""

import argparse
import random
import sys
import time
import traceback
from collections.abc import Callable
from types import FrameType
from typing import Any

from tests.fuzz.corpus import keep, seeds
from tests.fuzz.oracles import KINDS

WATCHED = ("proxy/head.py", "proxy/body.py", "proxy/referee.py")
LONGEST = 600
WORDS = [
    *(b"\r\n", b"\n", b"\r", b"\r\n\r\n", b" ", b"\t", b"\x00", b":", b": ", b",", b";", b"="),
    *(b"chunked", b"Transfer-Encoding: chunked\r\n", b"Content-Length: 5\r\n", b"Content-Length:"),
    *(b"Connection: ", b"close", b"keep-alive", b"Upgrade: websocket\r\n", b"upgrade", b"Host: e"),
    *(b"HTTP/1.0", b"HTTP/1.1", b"HTTP/2", b"http://e", b"GET", b"CONNECT", b"HEAD", b"%2e", b"%"),
    *(b"0\r\n\r\n", b"5\r\nhello\r\n", b";a=b", b"fffffffff", b"Expect: 100-continue\r\n", b'"'),
    *(b"Proxy-Connection: close\r\n", b"X-Forwarded-For: 1\r\n", b"_", b"\x80", b"\x7f", b"200"),
    *(b"304", b"204", b"101", b"1", b"0", b"identity", b"gzip, ", b"Forwarded: for=x\r\n", b"#"),
    *(b"?", b"..", b"TE: x\r\n"),
]


def changed(text: bytes, others: list[bytes], dice: random.Random) -> bytes:
    """Return `text` with some changes."""
    data = bytearray(text)
    for _ in range(dice.choice((1, 1, 1, 2, 3, 5))):
        at, end = sorted((dice.randint(0, len(data)), dice.randint(0, len(data))))
        way = dice.randrange(7)
        if way == 0:
            data[at:at] = dice.choice(WORDS)
        elif way == 1:
            data[at : min(end, at + 8)] = b""
        elif way == 2 and data:
            data[min(at, len(data) - 1)] = dice.randrange(256)
        elif way == 3:
            data[at:at] = data[at:end]
        elif way == 4:
            other = dice.choice(others)
            data[at:] = other[dice.randint(0, len(other)) :]
        elif way == 5:
            lines = bytes(data).split(b"\r\n")
            lines.insert(dice.randint(0, len(lines)), dice.choice(lines))
            data = bytearray(b"\r\n".join(lines))
        else:
            data[at : min(end, at + 20)] = dice.choice(WORDS)
    return bytes(data[:LONGEST])


class Ways:
    """Which lines of the parsers follow each other in a run."""

    def __init__(self) -> None:
        self._run: set[tuple[str, int, int]] = set()
        self.known: set[object] = set()

    def _trace(self, frame: FrameType, _event: str, _arg: Any) -> Any:
        if not frame.f_code.co_filename.endswith(WATCHED):
            return None
        last = frame.f_lineno

        def line(inner: FrameType, _event: str, _arg: Any) -> Any:
            nonlocal last
            self._run.add((inner.f_code.co_qualname, last, inner.f_lineno))
            last = inner.f_lineno
            return line

        return line

    def is_new(self, oracle: Callable[[bytes], str], text: bytes) -> bool:
        """Run it; return whether it went a new way."""
        self._run.clear()
        sys.settrace(self._trace)
        try:
            verdict = oracle(text)
        finally:
            sys.settrace(None)
        fresh = {*self._run, verdict} - self.known
        self.known |= fresh
        return bool(fresh)


def fuzz(kind: str, seconds: float, dice: random.Random) -> tuple[int, list[bytes]]:
    """Return how many inputs were tried, and those that went new ways.

    Raises:
        AssertionError: a finding.
    """
    oracle, ways, found, count = KINDS[kind], Ways(), [], 0
    pool = seeds(kind)
    for text in pool:
        ways.is_new(oracle, text)
    end = time.process_time() + seconds
    while time.process_time() < end:
        text = changed(dice.choice(pool), pool, dice)
        count += 1
        try:
            if ways.is_new(oracle, text):
                pool.append(text)
                found.append(text)
        except Exception:
            sys.stderr.write(f"{kind} {text!r}\n")
            raise
    return count, found


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("--minutes", type=float, default=10.0, help="of CPU, for all of it")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--keep", action="store_true", help="what went new ways")
    options = parser.parse_args()
    seed = random.SystemRandom().randrange(10**9) if options.seed is None else options.seed
    for kind in KINDS:
        try:
            share = options.minutes * 60 / len(KINDS)
            count, found = fuzz(kind, share, random.Random(seed))
        except Exception:  # noqa: BLE001 - whatever it is, it is a finding
            traceback.print_exc()
            return 1
        sys.stdout.write(f"{kind}: {count} inputs, {len(found)} new ways, seed {seed}\n")
        if options.keep:
            keep(kind, found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
