"""Options of the command line of the proxy."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

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
    metrics_socket: Path | None = None
    access_log: str = ""
    access_log_sample: float = 1.0
    limits: Limits = field(default_factory=Limits)
    workers: int = 1


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
    add("--metrics-socket", type=Path, help="socket in the file system for metrics")
    add_access_log(parser)
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
    return Options(limits=taken(given), **given)


def workers(text: str) -> int:
    """Return a number of processes.

    Raises:
        argparse.ArgumentTypeError: it is none, or too many.
    """
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= MOST_WORKERS:
        raise argparse.ArgumentTypeError(f"{text} is no number from 1 to {MOST_WORKERS}")
    return int(text)
