"""TLS towards an API server: whom we trust, and the certificate that says who we are."""

import ssl
import tempfile
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

_BEGIN, _END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
_SEQUENCE, _UTC_TIME, _VERSION = 0x30, 0x17, 0xA0
_LONG_FORM = 0x80


@dataclass(frozen=True, slots=True)
class Pair:
    """A client certificate and its key, both in PEM."""

    certificate: str
    key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Trust:
    """What the API server must show."""

    authorities: str = ""
    """In PEM; '' is: those of this machine."""
    server_name: str = ""
    """The name in its certificate, where that is not the host of its address."""
    insecure: bool = False
    """Any certificate will do."""

    def context(self, pair: Pair | None = None) -> ssl.SSLContext:
        """Return a context for all connections; it reads files, so call it in a thread.

        Raises:
            ValueError: this is no PEM.
        """
        try:
            context = ssl.create_default_context(cadata=self.authorities or None)
        except ssl.SSLError as error:
            raise ValueError("no certificate") from error
        if self.insecure:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        # The authorities of many clusters lack what RFC 5280 wants of them.
        context.verify_flags &= ~getattr(ssl, "VERIFY_X509_STRICT", 0)
        if pair is not None:
            present(context, pair)
        return context


def present(context: ssl.SSLContext, pair: Pair) -> None:
    """Show `pair` on new connections; it writes a file that lives as long as the call.

    Raises:
        ValueError: certificate and key are not PEM, or do not belong together.
    """
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as both:  # of mode 0600
        both.write(f"{pair.certificate}\n{pair.key}\n")
        both.flush()
        try:
            context.load_cert_chain(both.name)
        except ssl.SSLError as error:
            raise ValueError("certificate and key do not belong together") from error


def is_certificate(text: str) -> bool:
    """Return whether `text` holds a certificate in PEM."""
    if _BEGIN not in text:
        return False
    try:
        return next(_blocks(text), None) is not None
    except ValueError:
        return False


def expires(certificate: str) -> datetime:
    """Return when the first certificate in a PEM ends (RFC 5280, 4.1.2.5), in UTC.

    Raises:
        ValueError: it cannot be read.
    """
    try:
        outer = _parts(next(_blocks(certificate)))
        fields = [it for it in _parts(next(outer)[1]) if it[0] != _VERSION]
        tag, text = list(_parts(fields[3][1]))[1]
        return _time(tag, text.decode("ascii"))
    except (StopIteration, IndexError, UnicodeDecodeError) as error:
        raise ValueError("no certificate") from error


def _blocks(text: str) -> Iterator[bytes]:
    """Yield the inside of the outer sequence of each certificate."""
    for after in text.split(_BEGIN)[1:]:
        body, end, _ = after.partition(_END)
        whole = list(_parts(b64decode("".join(body.split()), validate=True))) if end else []
        if not whole or whole[0][0] != _SEQUENCE:
            raise ValueError("no certificate")
        yield whole[0][1]


def _parts(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield tag and value of what stands in DER one after the other."""
    at = 0
    while at < len(data):
        if at + 1 == len(data):
            raise ValueError("cut off")
        tag, size, at = data[at], data[at + 1], at + 2
        if size & _LONG_FORM:
            count = size & ~_LONG_FORM
            size, at = int.from_bytes(data[at : at + count]), at + count
        if at + size > len(data):
            raise ValueError("cut off")
        yield tag, data[at : at + size]
        at += size


def _time(tag: int, text: str) -> datetime:
    pattern = "%y%m%d%H%M%SZ" if tag == _UTC_TIME else "%Y%m%d%H%M%SZ"
    return datetime.strptime(text, pattern).replace(tzinfo=UTC)
