"""Tls: on what terms it is spoken, and whom the proxy believes itself."""

import ssl
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from perijove.proxy.certificates import Certificate

MODERN = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""Of TLS 1.2; those of 1.3 are all modern."""
OLDER = ":DHE+AESGCM"
"""Those that Diffie-Hellman parameters are for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """On what terms a connection with TLS is made."""

    ciphers: str = MODERN
    oldest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2
    newest: ssl.TLSVersion = ssl.TLSVersion.MAXIMUM_SUPPORTED
    authorities: Path | None = None
    """Who certifies the other side; None: the authorities of the machine."""
    dhparam: Path | None = None
    asks_back: bool = False
    """Whether clients must show a certificate too."""
    protocols: tuple[str, ...] = ("http/1.1",)
    """What may be spoken inside, best first (ALPN)."""
    attempt: type[ssl.SSLObject] = ssl.SSLObject
    """What a handshake is."""

    def shown(self, certificate: Certificate) -> ssl.SSLContext:
        """Return the context that shows `certificate`.

        Raises:
            OSError, ValueError: a file is not what it should be, or there are no such ciphers.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.sslobject_class = self.attempt
        _agree(context, self)
        context.set_alpn_protocols(list(self.protocols))
        certificate.load(context)
        if self.authorities is not None:
            context.load_verify_locations(self.authorities)
        if self.asks_back:
            context.verify_mode = ssl.CERT_REQUIRED
        return context


def spoken(*, http2: bool) -> tuple[str, ...]:
    """Return what may be spoken inside TLS, best first."""
    return ("h2", "http/1.1") if http2 else ("http/1.1",)


def counting(counted: Counter[str]) -> type[ssl.SSLObject]:
    """Return handshakes that count how they end: `done` or `failed`."""

    class Attempt(ssl.SSLObject):
        """One connection with TLS."""

        ended = False

        def do_handshake(self) -> None:
            """Go on with the handshake."""
            try:
                super().do_handshake()
            except ssl.SSLWantReadError:
                raise
            except ssl.SSLError:
                self._end("failed")
                raise
            self._end("done")

        def _end(self, how: str) -> None:
            if not self.ended:
                self.ended = True
                counted[how] += 1

        def __del__(self) -> None:
            self._end("failed")  # it took too long, or the client has left

    return Attempt


def asking(
    certificate: Certificate | None, authorities: Path | None, *, insecure: bool
) -> ssl.SSLContext:
    """Return the context for targets; `insecure`: believe whoever answers.

    Raises:
        OSError, ValueError: a file is not what it should be.
    """
    context = ssl.create_default_context(cafile=authorities)
    if certificate is not None:
        certificate.load(context)
    if insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _agree(context: ssl.SSLContext, terms: Terms) -> None:
    context.minimum_version = terms.oldest
    context.maximum_version = terms.newest
    if terms.dhparam is not None:
        context.load_dh_params(str(terms.dhparam))
    try:
        context.set_ciphers(terms.ciphers)
    except ssl.SSLError as error:
        raise ValueError(f"OpenSSL knows none of the ciphers {terms.ciphers}") from error
