"""Connection: how commands reach hub and proxy, with TLS or without."""

import http.client
import ssl

_HERE = ("127.", "::1", "localhost")


def connection(
    scheme: str, host: str, port: int | None, timeout: float, *, ours: bool = False
) -> http.client.HTTPConnection:
    """Return one, not yet made; `ours`: `host` is this machine, whatever it is called."""
    if scheme != "https":
        return http.client.HTTPConnection(host, port, timeout=timeout)
    return http.client.HTTPSConnection(
        host, port, timeout=timeout, context=believing(host, ours=ours)
    )


def believing(host: str, *, ours: bool = False) -> ssl.SSLContext:
    """Return whom a connection to `host` believes: on this machine whoever answers.

    The certificate is for the name that people open. Without TLS nobody would ask for one here
    either: whoever can listen in our place has this machine already.
    """
    context = ssl.create_default_context()
    if ours or host.startswith(_HERE):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
