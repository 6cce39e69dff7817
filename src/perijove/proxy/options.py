"""Options of the command line of the proxy."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from perijove.proxy.certificates import Certificate
from perijove.proxy.limits import Limits, add_limits, taken

LOOPBACK = ("127.0.0.0/8", "::1/128")
MOST_WORKERS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a proxy is to run."""

    ip: str
    port: int
    hub: str
    token_file: Path
    table: Path
    trusted_proxies: tuple[str, ...] = LOOPBACK
    pid_file: Path | None = None
    activity_interval: float = 30.0
    drain: float = 10.0
    handover_drain: float = 60.0
    metrics_ip: str = "127.0.0.1"
    metrics_port: int | None = None
    certificates: tuple[Certificate, ...] = ()
    """The first is shown to who asks for a name that none has; none: no TLS."""
    redirect_port: int | None = None
    redirect_to: int | None = None
    """The port that it leads to; None: `port`."""
    hsts: int = 0
    http2: bool = False
    metrics_socket: Path | None = None
    access_log: str = ""
    access_log_sample: float = 1.0
    limits: Limits = field(default_factory=Limits)
    workers: int = 1
    host_routing: bool = False
    """The host is the first part of each prefix: people have hosts of their own."""


def share(text: str) -> float:
    """Return the share that `text` is, from 0 to 1."""
    try:
        found = float(text)
    except ValueError:
        found = -1.0
    if not 0.0 <= found <= 1.0:
        raise argparse.ArgumentTypeError(f"{text} is no share; 0 to 1 is")
    return found


def add_access_log(parser: argparse.ArgumentParser) -> None:
    """Have `parser` understand what the access log is told."""
    add = parser.add_argument
    add("--access-log", default="", metavar="FILE",
        help="file for a line of JSON a request, - for stdout (default: none)")  # fmt: skip
    add("--access-log-sample", type=share, default=1.0, metavar="SHARE",
        help="of them, 0 to 1; refusals and faults always have a line (default: all)")  # fmt: skip


def parse(arguments: Sequence[str] | None = None) -> Options:
    """Return the options; ends the process with 2 and a sentence on nonsense."""
    parser = argparse.ArgumentParser(
        prog="perijove proxy",
        description="Forward requests to the hub and to the servers it knows.",
    )
    add = parser.add_argument
    add("--ip", default="", help="address to listen on (default: all)")
    add("--port", type=int, default=8000, help="port to listen on (default: %(default)s)")
    add("--hub", required=True, help="the hub, http://host:port[/base]")
    add("--token-file", type=Path, required=True, help="file with the token for the hub")
    add("--table", type=Path, required=True, help="file for the last table of routes")
    add("--pid-file", type=Path, help="file for the process id")
    add("--activity-interval", type=float, default=30.0, help="seconds between reports of use")
    add("--drain", type=float, default=10.0, help="seconds for running requests at the end")
    add("--handover-drain", type=float, default=60.0,
        help="seconds for WebSockets when another takes over (default: %(default)s)")  # fmt: skip
    add_limits(parser)
    add("--metrics-ip", default="127.0.0.1", help="address for metrics (default: %(default)s)")
    add("--metrics-port", type=int, help="port for metrics, /metrics (default: none)")
    _add_tls(parser)
    add("--metrics-socket", type=Path, help="socket in the file system for metrics")
    add_access_log(parser)
    add("--host-routing", action="store_true", help="the host is the first part of each route")
    add("--workers", type=workers, default=1, metavar="N",
        help="processes that serve, at most one for each core (default: %(default)s)")  # fmt: skip
    add(
        "--trusted-proxies",
        default=",".join(LOOPBACK),
        help="networks whose X-Forwarded-* are believed, by commas (default: %(default)s)",
    )
    given = vars(parser.parse_args(arguments))
    networks = given.pop("trusted_proxies")
    given["trusted_proxies"] = tuple(part.strip() for part in networks.split(",") if part.strip())
    return Options(certificates=_certificates(parser, given), limits=taken(given), **given)


def seconds(text: str) -> int:
    """Return a whole number of seconds."""
    if not text.isascii() or not text.isdigit():
        raise argparse.ArgumentTypeError(f"{text} is no number of seconds")
    return int(text)


def _add_tls(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--ssl-cert", type=Path, action="append", default=[], metavar="FILE",
        help="certificate in PEM; may be given again, and who connects is shown the one that has"
        " the name asked for, else the first")  # fmt: skip
    add("--ssl-key", type=Path, action="append", default=[], metavar="FILE",
        help="its key, in the same order (default: in the file of the certificate)")  # fmt: skip
    add("--redirect-port", type=int, metavar="N",
        help="port without TLS that leads to the one with it (default: none)")  # fmt: skip
    add("--http2", action="store_true", help="speak HTTP/2 with browsers that ask for it")
    add("--redirect-to", type=int, metavar="N", help="port it leads to (default: --port)")
    add("--hsts", type=seconds, default=0, metavar="SECONDS",
        help="for which browsers are told to come with TLS only (default: not told)")  # fmt: skip


def _certificates(
    parser: argparse.ArgumentParser, given: dict[str, Any]
) -> tuple[Certificate, ...]:
    certs, keys = given.pop("ssl_cert"), given.pop("ssl_key")
    if keys and len(keys) != len(certs):
        parser.error("--ssl-key must be given once for each --ssl-cert, in the same order")
    needy = given["redirect_port"] is not None or given["hsts"] or given["http2"]
    if not certs and needy:
        parser.error("--redirect-port, --hsts and --http2 need --ssl-cert")
    return tuple(
        Certificate(cert=cert, key=key)
        for cert, key in zip(certs, keys or [None] * len(certs), strict=True)
    )


def workers(text: str) -> int:
    """Return a number of processes.

    Raises:
        argparse.ArgumentTypeError: it is none, or too many.
    """
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= MOST_WORKERS:
        raise argparse.ArgumentTypeError(f"{text} is no number from 1 to {MOST_WORKERS}")
    return int(text)
