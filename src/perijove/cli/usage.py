"""`perijove server usage`: what servers use of their machine."""

from argparse import Namespace
from typing import Any

from perijove.cli.output import answer_json, fields, moment, remark, table
from perijove.cli.remote import connect, place
from perijove.http.reader import Reader

COLUMNS = ("server", "memory", "cores", "processes", "files", "home", "gpus")
_NONE = "-"


def command(given: Namespace) -> None:
    """Show what one server uses, or all."""
    remote = connect(given)
    if given.server:
        _, _, path = place(given.server)
        found = remote.get(f"{path}/usage")
        answer_json(found) if given.output == "json" else _tell(found)
        return
    every = remote.get("/usage")
    if given.output == "json":
        answer_json(every)
    elif every["servers"]:
        table(COLUMNS, [row(name, it) for name, it in sorted(every["servers"].items())])
    else:
        remark("No server runs.")


def size(given: float | None) -> str:
    """Return bytes as a table shows them."""
    return _NONE if given is None else Reader().amount(given)


def memory(found: dict[str, Any]) -> str:
    """Return what is used of what may be: 1.3 GiB of 4.0 GiB."""
    used, limit = found["memory"], found["memory_limit"]
    return f"{size(used)} of {size(limit)}" if limit else size(used)


def row(name: str, found: dict[str, Any]) -> tuple[str, ...]:
    """Return one server as a table shows it."""
    return (
        name.rstrip("/"),
        memory(found),
        _number(found["cores"]),
        _number(found["processes"]),
        _number(found["open_files"]),
        size(found["home"]),
        _number(len(found["devices"]) or None),
    )


def _tell(found: dict[str, Any]) -> None:
    shown = {
        "memory": memory(found),
        "guarantee": size(found["memory_guarantee"]),
        "cores": _number(found["cores"]),
        "processes": _number(found["processes"]),
        "open files": _number(found["open_files"]),
        "biggest": _process(found["biggest"]),
        "home": _home(found),
        "gpus": ", ".join(found["devices"]) or _NONE,
    }
    if found["out_of_memory"]:
        which = _process(found["last_ended"])
        shown["ended"] = f"{found['out_of_memory']} for want of memory, the last: {which}"
    if found["processes_refused"]:
        refused, most = found["processes_refused"], found["processes_limit"]
        shown["not begun"] = (
            f"{refused:,} processes, for there were {most:,}, as many as it may have"
        )
    fields(shown)


def _home(found: dict[str, Any]) -> str:
    if found["home_at"] is None:
        return "being added up; ask again in a moment"
    return f"{size(found['home'])} at {moment(found['home_at'])}"


def _process(found: dict[str, Any] | None) -> str:
    return f"{found['name']}, {size(found['memory'])}" if found else _NONE


def _number(given: float | None) -> str:
    return _NONE if given is None else f"{given:,.2f}".removesuffix(".00")
