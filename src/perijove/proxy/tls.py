"""Tls: what certifies the proxy to those who ask, and whom it believes itself."""

import ssl
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

MODERN = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""Of TLS 1.2; those of 1.3 are all modern."""
OLDER = ":DHE+AESGCM"
"""Those that Diffie-Hellman parameters are for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """Files in PEM; `key` may be in the file of the certificate."""

    cert: Path
    key: Path | None = None
    passphrase: str | None = None

    def load(self, context: ssl.SSLContext) -> None:
        """Have `context` show it from the next handshake on.

        Raises:
            OSError: a file cannot be read, is no certificate, or the key is that of another.
        """
        context.load_cert_chain(self.cert, self.key, lambda: self.passphrase or "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """On what terms a connection with TLS is made."""

    ciphers: str = MODERN
    oldest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2
    newest: ssl.TLSVersion = ssl.TLSVersion.MAXIMUM_SUPPORTED
    authorities: Path | None = None
    """Who certifies the other side; None: the authorities of the machine."""
    dhparam: Path | None = None


class Listener:
    """What those who connect are shown; from one handshake to the next it can be another."""

    def __init__(
        self,
        certificate: Certificate,
        terms: Terms,
        counted: Counter[str],
        *,
        asks_back: bool = False,
    ) -> None:
        """Read the files; `asks_back`: clients must show a certificate too.

        `counted` is told how many handshakes were `done`, and how many `failed`.

        Raises:
            OSError: a file is not what it should be.
            ValueError: no such ciphers.
        """
        self._certificate, self._terms, self._asks_back = certificate, terms, asks_back
        self._attempt = _attempts(counted)
        self._newest = self.context = self._made()
        """To listen with."""
        # Loaded into the same context, a key of another kind would be there beside the old one.
        self.context.sni_callback = self._show

    def reload(self) -> None:
        """Read the files again, for the handshakes to come.

        Raises:
            OSError, ValueError: as before; what was shown is shown on.
        """
        self._newest = self._made()

    def _made(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.sslobject_class = self._attempt
        _agree(context, self._terms)
        context.set_alpn_protocols(["http/1.1"])
        self._certificate.load(context)
        if self._terms.authorities is not None:
            context.load_verify_locations(self._terms.authorities)
        if self._asks_back:
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def _show(self, asking: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        if self._newest is not self.context:
            asking.context = self._newest


def _attempts(counted: Counter[str]) -> type[ssl.SSLObject]:
    """Return the class of handshakes that count how they end."""

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
        OSError: a file is not what it should be.
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
