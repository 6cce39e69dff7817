"""Certificates: which one is shown to who asks for a name, and what is in the files of one."""

import logging
import ssl
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Protocol, TypeAlias

from perijove.proxy.log import Log

Making: TypeAlias = Callable[["Certificate"], ssl.SSLContext]
"""Makes what a certificate is shown with."""
_BEGIN, _END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
_WHY = {
    "KEY_VALUES_MISMATCH": "its key is that of another",
    "NO_START_LINE": "certificate and key must be in PEM",
    "BAD_DECRYPT": "its key wants another passphrase",
}
_SAN = b"\x06\x03\x55\x1d\x11"
"""The object identifier 2.5.29.17, subjectAltName (RFC 5280, 4.2.1.6)."""
_SEQUENCE, _OCTETS, _DNS = 0x30, 0x04, 0x82
_LONG = 0x80


class Store(Protocol):
    """Who has certificates: files that somebody looks after, or whoever fetches them."""

    def find(self, name: str) -> ssl.SSLContext:
        """Return what to show who asks for `name`; '': who asks for none."""

    def look_again(self) -> list[str]:
        """Take what is new, for the handshakes to come; return in words what is no good.

        What was shown in its place before is shown on.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """Files in PEM; `key` may be in the file of the certificate."""

    cert: Path
    key: Path | None = None
    passphrase: str | None = None

    def load(self, context: ssl.SSLContext) -> None:
        """Have `context` show it from the next handshake on.

        Raises:
            ValueError: a file cannot be read, is no certificate, or the key is that of another.
        """
        try:
            for file in (self.cert, self.key or self.cert):
                file.open("rb").close()  # OpenSSL does not say which one it cannot read
            context.load_cert_chain(self.cert, self.key, lambda: self.passphrase or "")
        except OSError as error:
            raise ValueError(f"the certificate {self.cert} is no good: {_why(error)}") from error

    def names(self) -> frozenset[str]:
        """Return the names it is for, in small letters.

        Raises:
            ValueError: it cannot be read.
        """
        try:
            text = self.cert.read_text("latin-1")
        except OSError as error:
            raise ValueError(f"the certificate {self.cert} is no good: {_why(error)}") from error
        begin = text.find(_BEGIN)
        end = text.find(_END, begin) + len(_END)
        try:
            der = ssl.PEM_cert_to_DER_cert(text[begin:end]) if begin >= 0 else b""
            return frozenset(_names(der))
        except IndexError:
            raise ValueError(f"the certificate {self.cert} is no good: it is cut short") from None


class Files:
    """Certificates in files; the first is shown to who asks for a name that none has."""

    def __init__(self, certificates: Sequence[Certificate], make: Making) -> None:
        """Read them.

        Raises:
            ValueError: one is no good.
        """
        self._make = make
        self._shown = [(it, make(it), it.names()) for it in certificates]
        self._by_name = self._sorted()

    def find(self, name: str) -> ssl.SSLContext:
        """Return what to show who asks for `name`; '': who asks for none."""
        name = name.lower().rstrip(".")
        found = self._by_name.get(name)
        return found or self._by_name.get(f"*.{name.partition('.')[2]}") or self._shown[0][1]

    def look_again(self) -> list[str]:
        """Read all again; return in words which are no good: the one before is shown on."""
        bad = []
        for at, (it, *_) in enumerate(self._shown):
            try:
                self._shown[at] = (it, self._make(it), it.names())
            except (OSError, ValueError) as problem:
                bad.append(f"{problem}; the one before is shown on")
        self._by_name = self._sorted()
        return bad

    def _sorted(self) -> dict[str, ssl.SSLContext]:
        # of two for the same name the first
        return {name: context for _, context, names in reversed(self._shown) for name in names}


def by_name(store: Store) -> ssl.SSLContext:
    """Return the context to listen with: each handshake is shown what `store` finds for it."""
    context = store.find("")
    _pass_over_odd_names()

    def show(asking: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
        # Loaded into the same context, a key of another kind would be there beside the old one.
        asking.context = store.find(name or "")

    context.sni_callback = show
    return context


@cache
def _pass_over_odd_names() -> None:
    """Have nothing written of a name that is not ASCII: its handshake fails, which is all."""
    usual = sys.unraisablehook

    def hook(told: "sys.UnraisableHookArgs") -> None:
        # who connects chooses the name: a traceback for each could fill a disk
        if not (isinstance(told.exc_value, UnicodeDecodeError) and isinstance(told.object, bytes)):
            usual(told)

    sys.unraisablehook = hook


def looking_again(stores: Sequence[Store], log: Log) -> Callable[[], None]:
    """Return what has all of `stores` look again, and says in the log what came of it."""

    def look() -> None:
        for store in stores:
            bad = store.look_again()
            for problem in bad:
                log(logging.ERROR, "certificate-kept", why=problem)
            if not bad:
                log(logging.INFO, "certificate-read")

    return look


def _why(error: OSError) -> str:
    if not isinstance(error, ssl.SSLError):
        return f"{error.filename}: {error.strerror}" if error.filename else str(error.strerror)
    return _WHY.get(error.reason or "", (error.reason or "nobody knows why").lower())


def _names(der: bytes) -> Iterator[str]:
    """Yield the DNS names that a certificate is for."""
    at = der.find(_SAN)
    if at < 0:
        return
    kind, start, end = _element(der, at + len(_SAN))
    while kind != _OCTETS:  # whether it is critical stands before it
        kind, start, end = _element(der, end)
    kind, at, last = _element(der, start)
    while kind == _SEQUENCE and at < last:
        of, start, at = _element(der, at)
        if of == _DNS:
            yield der[start:at].decode("ascii", "replace").lower()


def _element(der: bytes, at: int) -> tuple[int, int, int]:
    """Return the kind of an element of DER, and where what is in it begins and ends."""
    kind, size = der[at], der[at + 1]
    at += 2
    if size >= _LONG:
        bytes_of_size = size - _LONG
        size = int.from_bytes(der[at : at + bytes_of_size], "big")
        at += bytes_of_size
    return kind, at, at + size
