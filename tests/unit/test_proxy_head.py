"""Heads are judged alone: what one client sends changes nothing for the next."""

from contextlib import suppress

import pytest

from perijove.proxy.head import Request
from perijove.proxy.referee import Referee
from perijove.proxy.refusal import Refusal

PLAIN = b"GET / HTTP/1.1\r\nHost: edge\r\n\r\n"
FIELDS = (
    *(b"Proxy-Connection: close", b"Proxy-Connection: keep-alive", b"Connection: close"),
    *(b"Connection: keep-alive, close", b"Connection: x\tclose", b"Connection: \x80, close"),
    *(b"Connection: upgrade\r\nUpgrade: h2c", b"Upgrade: x", b"Content-Length: 0"),
    *(b"Content-Length: 9", b"Transfer-Encoding: chunked", b"Transfer-Encoding: x", b"X\x00: 1"),
)


@pytest.mark.parametrize("field", FIELDS, ids=repr)
def test_whatever_one_client_says_the_next_one_is_heard(field: bytes) -> None:
    referee = Referee()
    for method in (b"GET", b"POST", b"CONNECT", b"PRI", b"HEAD"):
        head = PLAIN.replace(b"GET", method).replace(b"\r\n\r\n", b"\r\n%b\r\n\r\n" % field)
        for _ in range(2):
            with suppress(Refusal):
                Request(head, referee)
            Request(PLAIN, referee)
