"""Heads of requests, no two the same: path, cookie, and the order of the fields vary.

A proxy that remembers heads would look better than it is with one that is repeated.
"""

import base64
import hashlib
import itertools
import json
import random
from collections.abc import Iterator

Heads = Iterator[bytes]
_MIXES = 64
FEW = [
    "Accept: */*",
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64)",
    "Accept-Encoding: gzip, deflate",
]
_MANY = [
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
    "Accept-Encoding: gzip, deflate, br, zstd",
    "Accept-Language: de-CH,de;q=0.9,en-GB;q=0.8,en;q=0.7",
    "Cache-Control: no-cache",
    "DNT: 1",
    "Pragma: no-cache",
    "Priority: u=1, i",
    "Referer: http://edge:8000/user/ada/lab/tree/notebooks/week-7",
    'Sec-CH-UA: "Chromium";v="139", "Not;A=Brand";v="99"',
    "Sec-CH-UA-Mobile: ?0",
    'Sec-CH-UA-Platform: "Linux"',
    "Sec-Fetch-Dest: empty",
    "Sec-Fetch-Mode: cors",
    "Sec-Fetch-Site: same-origin",
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML) Chrome/139.0.0.0",
    "X-XSRFToken: 2|5c1c6b7e|0a9f1d6f6f6d5b6b0d2c7b1a7f0e4f8e|1759300000",
    "If-None-Match: W/0123456789abcdef",
    "Origin: http://edge:8000",
]
_WEBSOCKET = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def few(place: str, *more: str) -> Heads:
    """Yield GETs below `place` as a program sends them: five fields, 250 bytes."""
    return _numbered(place, FEW, cookie=40, more=more)


def browser(place: str) -> Heads:
    """Yield GETs as a browser sends them: 20 fields, of which the cookies are 1.5 kB."""
    return _numbered(place, _MANY, cookie=1450)


def scattered(users: int) -> Heads:
    """Yield GETs of as many users, in no order."""
    mixes, user = _mixes(FEW, 40, ()), 0
    for number in itertools.count(1):
        user = (user * 7919 + 104_729) % users
        yield b"GET /user/u%05d/api/%d HTTP/1.1\r\n%b" % (user, number, next(mixes) % number)


def routes(users: int, target: str) -> Heads:
    """Yield what tells a proxy of that many routes, once."""
    for user in range(users):
        name = f"u{user:05d}"
        body = json.dumps({"target": target, "user": name, "server_name": ""}).encode()
        head = f"POST /api/routes/user/{name}/ HTTP/1.1\r\nHost: api\r\nAuthorization: token bench"
        yield b"%b\r\nContent-Length: %d\r\n\r\n%b" % (head.encode(), len(body), body)


def uploads(place: str, size: int) -> Heads:
    """Yield POSTs of bodies of `size`."""
    for number in itertools.count(1):
        head = f"POST {place}{number} HTTP/1.1\r\nHost: edge:8000\r\nCookie: session={number}\r\n"
        yield f"{head}Content-Length: {size}\r\n\r\n".encode()


def upgrades(place: str) -> Iterator[tuple[bytes, bytes]]:
    """Yield requests for a WebSocket, and what must be in their answers."""
    chance = random.Random(2)  # noqa: S311 - keys that say nothing
    keys = [base64.b64encode(chance.randbytes(16)).decode() for _ in range(512)]
    asked = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13")
    pairs = [
        (few(place, *asked, f"Sec-WebSocket-Key: {key}"), accepted(key.encode())) for key in keys
    ]
    for heads, accept in itertools.cycle(pairs):
        yield next(heads), accept


def accepted(key: bytes) -> bytes:
    """Return what accepts a WebSocket that was asked for with `key`."""
    digest = hashlib.sha1(key + _WEBSOCKET.encode(), usedforsecurity=False).digest()
    return base64.b64encode(digest)


def _numbered(place: str, fields: list[str], cookie: int, more: tuple[str, ...] = ()) -> Heads:
    mixes, start = _mixes(fields, cookie, more), f"GET {place}".encode()
    for number in itertools.count(1):
        yield b"%b%d HTTP/1.1\r\n%b" % (start, number, next(mixes) % number)


def _mixes(fields: list[str], cookie: int, more: tuple[str, ...]) -> Iterator[bytes]:
    """Return fields in ever other orders, with a %d for the number in the cookies."""
    chance = random.Random(1)  # noqa: S311 - an order that says nothing
    made = []
    for _ in range(_MIXES):
        filled = f"Cookie: session=%d; _xsrf={chance.randbytes(cookie // 2).hex()}"
        mixed = ["Host: edge:8000", filled, *fields, *more]
        chance.shuffle(mixed)
        made.append("\r\n".join([*mixed, "", ""]).encode())
    return itertools.cycle(made)
