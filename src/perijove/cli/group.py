"""`perijove group list | add | join | leave | remove` and `perijove people diff`."""

from argparse import Namespace
from typing import Any
from urllib.parse import quote

from perijove.cli.asking import typed
from perijove.cli.declared import warn, words
from perijove.cli.output import answer, answer_json, remark, table
from perijove.cli.remote import connect
from perijove.cli.trouble import FAILURE, Trouble

_SHOWN = 8


def every(given: Namespace) -> None:
    """List every group."""
    found = list(connect(given).all("/groups"))
    if given.output == "json":
        answer_json(found)
        return
    rows = [
        (group["name"], str(len(group["users"])), _few(group["users"]), ", ".join(group["roles"]))
        for group in found
    ]
    table(("name", "members", "who", "roles"), rows)


def add(given: Namespace) -> None:
    """Make a group."""
    _change(given, "POST", "", "is made, with {}.")


def join(given: Namespace) -> None:
    """Make people members."""
    _change(given, "POST", "/users", "has {} now.")


def leave(given: Namespace) -> None:
    """Make people members no more."""
    _change(given, "DELETE", "/users", "has {} now.")


def remove(given: Namespace) -> None:
    """Delete a group."""
    remote = connect(given)
    group = remote.get(_path(given.group))
    lost = f"This deletes the group {given.group} with {_count(group)} and its properties."
    if not given.yes and not typed(given.group, f"{lost} The people stay."):
        raise Trouble("Nothing was changed.", exit_code=FAILURE)
    remote.ask("DELETE", _path(given.group))
    _said(given, {"removed": given.group}, f"{given.group} is deleted; its members stay.")
    warn(remote, group=given.group)


def drift(given: Namespace) -> int:
    """Show how people and groups differ from what the values say; 1 if they do."""
    found = connect(given).get("/people/drift")["differences"]
    if given.output == "json":
        answer_json(found)
    elif found:
        table(("what", "difference", "at the next reload"), [_row(each) for each in found])
        remark("`perijove reload` or a start makes it so, except for what stays as it is.")
    else:
        answer("People and groups are as the values say.")
    return FAILURE if found else 0


def _change(given: Namespace, method: str, below: str, words: str) -> None:
    """Change a group, and say how it is then."""
    remote = connect(given)
    made = remote.ask(method, f"{_path(given.group)}{below}", {"users": given.users})
    _said(given, made, f"{given.group} {words.format(_count(made))}")
    warn(remote, group=given.group)


def _row(each: dict[str, Any]) -> tuple[str, str, str]:
    return *words(each), "changed" if each["applied"] else "stays as it is"


def _said(given: Namespace, made: Any, words: str) -> None:
    if given.output == "json":
        answer_json(made)
    else:
        answer(words)


def _count(group: dict[str, Any]) -> str:
    number = len(group["users"])
    return "1 member" if number == 1 else f"{number} members"


def _few(users: list[str]) -> str:
    more = len(users) - _SHOWN
    return ", ".join(users[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _path(group: str) -> str:
    return f"/groups/{quote(group, safe='')}"
