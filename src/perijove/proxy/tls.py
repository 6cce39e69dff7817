"""Tls: what certifies the proxy to those who ask, and whom it believes itself."""

import ssl
from dataclasses import dataclass
from pathlib import Path

MODERN = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""Of TLS 1.2; those of 1.3 are all modern."""


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


def serving(certificate: Certificate, terms: Terms, *, asks_back: bool = False) -> ssl.SSLContext:
    """Return the context of a listener; `asks_back`: clients must show a certificate too.

    Raises:
        OSError: a file is not what it should be.
        ValueError: no such ciphers.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _agree(context, terms)
    context.set_alpn_protocols(["http/1.1"])
    certificate.load(context)
    if terms.authorities is not None:
        context.load_verify_locations(terms.authorities)
    if asks_back:
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def asking(certificate: Certificate | None, terms: Terms, *, insecure: bool) -> ssl.SSLContext:
    """Return the context for targets; `insecure`: believe whoever answers.

    Raises:
        OSError: a file is not what it should be.
        ValueError: no such ciphers.
    """
    context = ssl.create_default_context(cafile=terms.authorities)
    _agree(context, terms)
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
