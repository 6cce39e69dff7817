"""Front: what the proxy of a box is told, its certificate included, and where people find it."""

import os
import socket
from collections.abc import Sequence
from pathlib import Path

from perijove.cli.box import Box, Ports
from perijove.cli.trouble import USAGE, Trouble
from perijove.proxy.certificates import Certificate
from perijove.proxy.tls import Terms
from perijove.settings import Settings
from perijove.settings.proxy import HttpsSettings

_DRAIN = 1.5
"""Seconds for running requests: somebody waits for Ctrl-C at the terminal."""
_IN_PEM = "-----BEGIN "
_USUAL = 443


def address(https: HttpsSettings, host: str, port: int) -> str:
    """Return scheme, name and port of the address that people open."""
    if not https.served:
        return f"http://{host}:{port}"
    host = https.hosts[0] if https.hosts else host
    return f"https://{host}" if port == _USUAL else f"https://{host}:{port}"


def of_box(box: Box, ports: Ports, settings: Settings) -> list[str]:
    """Return the options of the proxy of `box`.

    Raises:
        Trouble: its certificate is no good.
    """
    return [
        *("--ip", settings.proxy.ip, "--port", str(ports.public)),
        *("--hub", f"http://127.0.0.1:{ports.hub}{settings.hub.base_url.rstrip('/')}"),
        *("--token-file", str(box.path / "secrets" / "proxy-token")),
        *("--table", str(box.routes), "--drain", str(_DRAIN)),
        *(("--metrics-socket", str(box.proxy)) if _can_be_made(box.proxy) else ()),
        *routed(settings),
        *_certified(box, settings.proxy.https),
    ]


def routed(settings: Settings) -> Sequence[str]:
    """Return the option for hosts of their own, as our proxy and others have it."""
    return ("--host-routing",) if settings.hub.config.jupyterhub.domains.own else ()


def _certified(box: Box, https: HttpsSettings) -> list[str]:
    """Return the options for TLS; what the settings hold itself becomes files of `box`.

    Raises:
        Trouble: the certificate is no good.
    """
    files = certificate(box, https)
    if files is None:
        return []
    led = ("--redirect-port", str(https.redirect_port)) if https.redirect_port else ()
    strict = ("--hsts", str(https.strict_seconds)) if https.strict_seconds else ()
    many = ("--http2",) if https.http2 else ()
    return ["--ssl-cert", str(files.cert), "--ssl-key", str(files.key), *led, *strict, *many]


def certificate(box: Box, https: HttpsSettings) -> Certificate | None:
    """Return the files for TLS, None without it; and write down how the proxy is spoken to.

    Raises:
        Trouble: the certificate is no good.
    """
    box.serve("https" if https.served else "http")
    if not https.served:
        return None
    found = Certificate(
        cert=_file(box, "https.crt", https.manual.cert or ""),
        key=_file(box, "https.key", https.manual.key or ""),
    )
    try:
        Terms().shown(found)
    except ValueError as problem:
        raise Trouble(f"proxy.https.manual: {problem}.", exit_code=USAGE) from None
    return found


def _file(box: Box, name: str, given: str) -> Path:
    """Return the file that holds what is given, be it that or the name of a file."""
    if _IN_PEM in given:
        return box.keep_secret(name, given)
    return Path(given.strip()).expanduser().absolute()


def _can_be_made(path: Path) -> bool:
    """Return whether a socket can: not on every file system, nor where the path is long."""
    probe = path.with_name(f"{path.name}.{os.getpid()}")
    with socket.socket(socket.AF_UNIX) as tried:
        try:
            tried.bind(str(probe))
            probe.unlink()
        except OSError:
            return False
    return True
