"""Certificates for tests: an authority, a server, people."""

import ssl
from datetime import UTC, datetime

import trustme


class Authority:
    """Signs for 127.0.0.1, and for people."""

    def __init__(self) -> None:
        self._ca = trustme.CA()
        self.pem = self._ca.cert_pem.bytes().decode()

    def server(self, *names: str, ask: bool = False) -> ssl.SSLContext:
        """Return the context of an API server; `ask` is for a client certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._ca.issue_cert(*(names or ("127.0.0.1",))).configure_cert(context)
        if ask:
            self._ca.configure_trust(context)
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def person(self, name: str, until: datetime | None = None) -> tuple[str, str]:
        """Return certificate and key of `name`, in PEM."""
        until = until or datetime(2099, 1, 1, tzinfo=UTC)
        leaf = self._ca.issue_cert(common_name=name, not_after=until)
        return leaf.cert_chain_pems[0].bytes().decode(), leaf.private_key_pem.bytes().decode()
