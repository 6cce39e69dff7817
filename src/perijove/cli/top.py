"""`perijove top`: what servers use at this moment, the most first, again and again."""

import sys
import threading
from argparse import ArgumentTypeError, Namespace
from collections.abc import Callable, Mapping
from typing import Any

from perijove.cli.output import answer, answer_json, table
from perijove.cli.remote import Remote, connect
from perijove.cli.usage import COLUMNS, row, size

_SLOWEST, _QUICKEST = 3600.0, 0.5
ORDERS: Mapping[str, Callable[[tuple[str, dict[str, Any]]], Any]] = {
    "memory": lambda it: -(it[1]["memory"] or 0),
    "cores": lambda it: -(it[1]["cores"] or 0.0),
    "files": lambda it: -(it[1]["open_files"] or 0),
    "name": lambda it: it[0],
}
"""What may come first; the names break a tie."""


def command(given: Namespace) -> None:
    """Show it until Ctrl-C on a terminal; once in a pipe, with --once or as JSON."""
    remote = connect(given)
    if given.output == "json":
        answer_json(remote.get("/usage"))
    elif given.once or not sys.stdout.isatty():
        found = remote.get("/usage")
        answer(head(found))
        if found["servers"]:
            table(COLUMNS, _rows(found, given))
    else:
        _watch(remote, given)


def seconds(text: str) -> float:
    """Return the seconds that `text` is."""
    try:
        found = float(text)
    except ValueError:
        found = 0.0
    if not _QUICKEST <= found <= _SLOWEST:
        raise ArgumentTypeError(f"{text} is no time; {_QUICKEST:g} to {_SLOWEST:g} seconds are")
    return found


def head(found: dict[str, Any]) -> str:
    """Return what servers use together, and then what the machine has, whoever uses it."""
    servers, devices, machine = found["servers"].values(), found["devices"], found["machine"]
    count, taken = len(servers), sum(1 for it in devices if it["servers"])
    gpus = f", {_counted(taken, 'GPU')}" if devices else ""
    cores = sum(it["cores"] or 0.0 for it in servers)
    memory = size(sum(it["memory"] or 0 for it in servers))
    uses = f"{cores:.1f} cores, {memory} of memory{gpus}"
    told = f"{_counted(count, 'server')} using {uses}"
    if machine is None:
        return told
    used = size(machine["memory"] - machine["memory_free"])
    has = [
        _counted(machine["cores"], "core"),
        f"{used} of {size(machine['memory'])} of memory in use",
        f"{size(machine['disk_free'])} of disk free",
        *([_counted(len(devices), "GPU")] if devices else []),
    ]
    return f"{told}; the machine: {', '.join(has)}"


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _rows(found: dict[str, Any], given: Namespace) -> list[tuple[str, ...]]:
    servers = sorted(sorted(found["servers"].items()), key=ORDERS[given.sort])
    return [row(name, it) for name, it in servers]


def _watch(remote: Remote, given: Namespace) -> None:
    """Draw it anew until Ctrl-C; a hub that is away for a moment is said to be, and waited for."""
    from rich.console import Console, Group  # noqa: PLC0415 - on a terminal only
    from rich.live import Live  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    from perijove.cli.trouble import Trouble  # noqa: PLC0415

    def drawn() -> Group:
        try:
            found = remote.get("/usage")
        except Trouble as trouble:
            return Group(Text(str(trouble), style="red"))
        shown = Table(box=None, header_style="bold", pad_edge=False)
        for column in COLUMNS:
            shown.add_column(column)
        for cells in _rows(found, given)[: max(console.height - 4, 1)]:
            shown.add_row(*map(Text, cells))
        return Group(Text(head(found), style="bold"), shown)

    console, pause = Console(), threading.Event()
    with Live(drawn(), console=console, screen=True, auto_refresh=False) as live:
        while True:
            pause.wait(given.every)
            live.update(drawn(), refresh=True)
