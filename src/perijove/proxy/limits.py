"""Limits: how much of the proxy one client may have, and the options that choose it."""

import argparse
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

_N = TypeVar("_N", int, float)
_MOST_OF_ADDRESS = 20_000
"""Two thousand people behind one address have ten connections each."""

OPTIONS: Mapping[str, tuple[str, float | None, str]] = {
    "max-connections": ("N", 0, "connections of clients at once (what descriptors allow)"),
    "max-connections-per-address": (
        *("N", None),
        "of those from one address, trusted proxies apart (half of all, at most 20000; 0: all)",
    ),
    "sign-in-rate": ("N", 300, "sign-ins from one address a minute (300; 0: any number)"),
    "header-timeout": (
        "SECONDS",
        30.0,
        "until the head of a request must be here (30; 0: no limit)",
    ),
    "body-timeout": (
        "SECONDS",
        120.0,
        "until the next KiB of a body must be here (120; 0: no limit)",
    ),
    "reader-timeout": (
        *("SECONDS", 600.0),
        "until a client must take the next KiB that waits for it (600; 0: no limit)",
    ),
}
"""Metavariable, default and words of each, by its name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Those of one process."""

    visitors: int = 10_000
    """Connections of clients at once; 0: as many as descriptors allow."""
    of_address: int | None = None
    """Of those from one address; None: half of all, so that others have the other half."""
    head_seconds: float = 30.0
    """How long a head may take."""
    body_seconds: float = 120.0
    """How long a body may take for a KiB."""
    reader_seconds: float = 600.0
    """How long a client may take for a KiB of what waits to be sent."""
    sign_ins: float = 300.0
    """How many sign-ins an address has in a minute."""

    def within(self, possible: int) -> "Limits":
        """Return them for a process that can have so many connections and no more."""
        visitors = min(self.visitors or possible, possible)
        of_address = self.of_address
        if of_address is None:
            of_address = min(visitors // 2, _MOST_OF_ADDRESS)
        return replace(self, visitors=visitors, of_address=of_address or visitors)


def add_limits(parser: argparse.ArgumentParser) -> None:
    """Have `parser` know their options."""
    for name, (metavar, default, words) in OPTIONS.items():
        kind = _seconds if metavar == "SECONDS" else _number
        parser.add_argument(f"--{name}", type=kind, default=default, metavar=metavar, help=words)


def taken(given: dict[str, Any]) -> Limits:
    """Take them out of the options that were given."""
    return Limits(
        visitors=given.pop("max_connections"),
        of_address=given.pop("max_connections_per_address"),
        sign_ins=given.pop("sign_in_rate") or math.inf,
        head_seconds=given.pop("header_timeout") or math.inf,
        body_seconds=given.pop("body_timeout") or math.inf,
        reader_seconds=given.pop("reader_timeout") or math.inf,
    )


def _number(text: str) -> int:
    return _positive(int, text)


def _seconds(text: str) -> float:
    return _positive(float, text)


def _positive(kind: Callable[[str], _N], text: str) -> _N:
    try:
        found = kind(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text} is no number") from error
    if not 0 <= found < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is no limit")
    return found
