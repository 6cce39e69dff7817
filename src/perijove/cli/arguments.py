"""Arguments: what a command may be told, and those that many take.

Nothing else is imported here, so that help and completions are quick.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

_LAST_PORT = 65535


class Argument(NamedTuple):
    """One argument or option; `how` is what argparse is told."""

    names: tuple[str, ...]
    words: str
    how: Mapping[str, Any] = {}


def port(text: str) -> int:
    """Return the port that `text` is."""
    if text.isdecimal() and 0 < int(text) <= _LAST_PORT:
        return int(text)
    from argparse import ArgumentTypeError  # noqa: PLC0415 - only here, and help is quick

    raise ArgumentTypeError(f"{text} is no port; ports are 1 to {_LAST_PORT}")


def number(text: str) -> int:
    """Return the number, not below zero, that `text` is."""
    if text.isdecimal() and len(text) < len("1234567890"):
        return int(text)
    from argparse import ArgumentTypeError  # noqa: PLC0415 - only here, and help is quick

    raise ArgumentTypeError(f"{text} is no number")


def share(text: str) -> float:
    """Return the share that `text` is, from 0 to 1."""
    from perijove.proxy.options import share as read  # noqa: PLC0415 - help is quick without it

    return read(text)


LOG = (
    Argument(("--log-format",), "of log lines (default: console; json in a cluster)",
             {"choices": ("console", "json")}),
    Argument(("--log-level",), "what is logged (default: info)",
             {"choices": ("debug", "info", "warning", "error")}),
)  # fmt: skip
FILE = Argument(("-f", "--file"), "configuration, as YAML", {"metavar": "FILE"})
DATA = Argument(
    ("--data",),
    "data directory (default: $PERIJOVE_DATA, or $XDG_DATA_HOME/perijove)",
    {"metavar": "DIR"},
)
OUTPUT = Argument(
    ("-o", "--output"), "how to answer", {"choices": ("text", "json"), "default": "text"}
)
YES = Argument(("-y", "--yes"), "do not ask", {"action": "store_true"})
USER = Argument(("user",), "name of the account")
SERVER = Argument(
    ("server",), "USER, or USER/SERVER for one with a name", {"metavar": "USER[/SERVER]"}
)
CLIENT = (DATA, OUTPUT)
SPAWNER = Argument(
    ("--spawner",),
    "what servers are (default: process)",
    {"choices": ("process", "kubernetes"), "default": "process"},
)
CLUSTER = (
    SPAWNER,
    Argument(("--kubeconfig",), "file that says which cluster", {"metavar": "FILE"}),
    Argument(("--context",), "which of its contexts", {"metavar": "NAME"}),
    Argument(("--namespace",), "where pods are made", {"metavar": "NAME"}),
)
CONNECT_URL = Argument(("--connect-url",), "where servers and proxies reach it", {"metavar": "URL"})
