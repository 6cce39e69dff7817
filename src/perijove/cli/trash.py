"""`perijove trash list | restore | empty`."""

import shlex
from argparse import Namespace
from datetime import datetime
from typing import Any
from urllib.parse import quote

from perijove.cli.asking import typed
from perijove.cli.output import answer, answer_json, moment, remark, table
from perijove.cli.remote import CONFLICT, NOT_FOUND, Remote, connect
from perijove.cli.trouble import FAILURE, Trouble
from perijove.kit.clock import Clock

_UNITS = ("KiB", "MiB", "GiB", "TiB")
_STEP = 1024


def every(given: Namespace) -> None:
    """List the homes of deleted people."""
    found = connect(given).get("/trash")
    if given.output == "json":
        answer_json(found)
        return
    if not found:
        answer("The trash is empty.")
        return
    table(("key", "user", "deleted", "size", "goes"), [_row(it) for it in found])
    counted = [it["size"] for it in found if it["size"] is not None]
    number = "1 home" if len(found) == 1 else f"{len(found)} homes"
    more = "" if len(counted) == len(found) else ", and those that are being counted"
    remark(f"{number}, {_amount(sum(counted))}{more}. `perijove trash restore` gives one back.")


def restore(given: Namespace) -> None:
    """Give a home back: to its account, made anew, or into the home of somebody."""
    remote = connect(given)
    it = _one(remote, given.home)
    body = {"into": given.into} if given.into else {}
    made = remote.ask("POST", f"{_path(it)}/restore", body)
    if given.output == "json":
        answer_json(made)
        return
    if made["folder"]:
        answer(f"The files are in the folder {made['folder']} in the home of {made['user']}.")
        return
    answer(f"{made['user']} has an account again, with the home of before.")
    set_it = f"`perijove user password {shlex.quote(made['user'])}`"
    remark(f"If they sign in here, they need a password: {set_it}")


def empty(given: Namespace) -> None:
    """Delete a home for good, after saying what is lost."""
    remote = connect(given)
    it = _one(remote, given.home)
    whose = it["user"] or it["key"]
    loss = f"This deletes the home of {whose} for good, with {_all(it)} of files in it."
    if not given.yes and not typed(whose, loss):
        raise Trouble("Nothing was changed.", exit_code=FAILURE)
    remote.ask("DELETE", _path(it))
    if given.output == "json":
        answer_json({"emptied": it["key"]})
        return
    answer(f"The home of {whose} is deleted.")


def _one(remote: Remote, wanted: str) -> dict[str, Any]:
    """Return the home that is called so, or was somebody's of that name.

    Raises:
        Trouble: there is none, or there are several.
    """
    every: list[dict[str, Any]] = remote.get("/trash")
    found = [it for it in every if it["key"] == wanted] or [
        it for it in every if it["user"] == wanted
    ]
    if not found:
        words = f"There is no home of {wanted} in the trash: perijove trash list shows what is."
        raise Trouble(words, exit_code=NOT_FOUND)
    if len(found) > 1:
        keys = ", ".join(it["key"] for it in found)
        words = f"There are {len(found)} homes of {wanted}: name one of {keys}."
        raise Trouble(words, exit_code=CONFLICT)
    return found[0]


def _path(it: dict[str, Any]) -> str:
    return f"/trash/{quote(it['key'], safe='')}"


def _row(it: dict[str, Any]) -> tuple[str, ...]:
    return it["key"], it["user"] or "?", moment(it["deleted"]), _size(it), _goes(it["goes"])


def _goes(at: str | None) -> str:
    """Return when a home is deleted for good, and how many days are left."""
    if at is None:
        return "when you empty it"
    days = max((datetime.fromisoformat(at) - Clock()()).days, 0)
    left = {0: "within a day", 1: "1 day left"}.get(days, f"{days} days left")
    return f"{moment(at)} ({left})"


def _all(it: dict[str, Any]) -> str:
    return "all" if it["size"] is None else _amount(it["size"])


def _size(it: dict[str, Any]) -> str:
    return "being counted" if it["size"] is None else _amount(it["size"])


def _amount(size: int) -> str:
    amount, unit = float(size), "bytes"
    for bigger in _UNITS:
        if amount < _STEP:
            break
        amount, unit = amount / _STEP, bigger
    return f"{amount:,.0f} {unit}"
