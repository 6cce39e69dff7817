"""Visitors by TLS 1.3."""

import ssl
from socket import socket

from bench.proxy.visitors import Visitor
from bench.proxy.wheel import connected


def client() -> ssl.SSLContext:
    """Return what TLS 1.3 is agreed on with."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # the load is to be cheap; the signature is checked still
    return context


_CLIENT = client()


def secured(port: int, context: ssl.SSLContext) -> ssl.SSLSocket:
    """Return a connection on which TLS is agreed."""
    sock = connected(port)
    sock.settimeout(10)
    secure = context.wrap_socket(sock)
    secure.settimeout(0)
    return secure


class Secure(Visitor):
    """Asks by TLS on one connection."""

    def _connect(self) -> socket:
        return secured(self._port, _CLIENT)


class Greeter(Visitor):
    """Agrees on TLS, waits for the first words of the other side, and connects anew."""

    _secure: ssl.SSLSocket

    def _connect(self) -> socket:
        self._secure = _CLIENT.wrap_socket(connected(self._port), do_handshake_on_connect=False)
        self._agreed = False
        return self._secure

    def _ask(self) -> None:
        self.ready()

    def ready(self) -> None:
        """Go on with the handshake; behind it comes a ticket, for another time."""
        try:
            if self._agreed:
                self._secure.recv(1)
            self._secure.do_handshake()
            self._agreed = True
        except ssl.SSLWantReadError:
            if self._agreed:
                self._tally.done += 1
                self._wheel.close(self._secure)
                self.begin()
        except OSError as error:
            self._fail(type(error).__name__)
