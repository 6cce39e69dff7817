"""`perijove user add | list | approve | password | remove`."""

import getpass
import shlex
import sys
from argparse import Namespace
from typing import Any

from perijove.cli.asking import typed
from perijove.cli.declared import warn
from perijove.cli.output import answer, answer_json, moment, remark, table
from perijove.cli.remote import Remote, connect, person
from perijove.cli.trouble import FAILURE, USAGE, Trouble

_HOMES = {
    "trash": "Their home folder, if they have one, is moved into the trash of the data directory.",
    "deleted": "Their home folder is deleted, with all files in it;"
    " one that another hub has made is left alone.",
    "kept": "Their files are kept.",
}
"""By `homes` of GET /info."""


def add(given: Namespace) -> None:
    """Add an account."""
    remote = connect(given)
    made = remote.ask("POST", person(given.user), {"admin": given.admin})
    if given.output == "json":
        answer_json(made)
        return
    answer(f"{made['name']} is added.")
    remark(f"They need a password: `perijove user password {shlex.quote(made['name'])}`")
    warn(remote, user=made["name"])


def every(given: Namespace) -> None:
    """List every account."""
    found = list(connect(given).users())
    if given.output == "json":
        answer_json(found)
        return
    columns = ("name", "standing", "admin", "servers", "last activity")
    table(columns, [_row(user) for user in found])


def approve(given: Namespace) -> None:
    """Let somebody in."""
    _changed(given, {"standing": "active"}, "may sign in now.")


def password(given: Namespace) -> None:
    """Set a password; it is asked for twice, or read from standard input."""
    connect(given).get(person(given.user))
    secret = sys.stdin.readline().rstrip("\n") if given.stdin else _asked()
    _changed(given, {"password": secret}, "has a new password. Their sessions have ended.")


def remove(given: Namespace) -> None:
    """Delete an account, after saying what is lost."""
    remote = connect(given)
    user = remote.get(f"{person(given.user)}?include_stopped_servers=1")
    names = sorted(name or "(default)" for name in user.get("servers") or {})
    files = _files(remote)
    if not given.yes and not typed(user["name"], _loss(user["name"], names, files)):
        raise Trouble("Nothing was changed.", exit_code=FAILURE)
    remark(f"Stopping the servers of {user['name']} …")
    remote.ask("DELETE", person(given.user))
    if given.output == "json":
        answer_json({"removed": user["name"]})
        return
    answer(f"{user['name']} is deleted. {files}".rstrip())
    warn(remote, user=user["name"])


def _files(remote: Remote) -> str:
    """Return what becomes of the files of a deleted user, if we may know."""
    try:
        info = remote.get("/info")
    except Trouble:
        return ""
    days = info.get("homes_days")
    kept = f" `perijove trash restore` brings it back, for {days} days." if days else ""
    return _HOMES.get(info.get("homes"), "") + kept


def _changed(given: Namespace, body: dict[str, Any], words: str) -> None:
    made = connect(given).ask("PATCH", person(given.user), body)
    if given.output == "json":
        answer_json(made)
        return
    answer(f"{made['name']} {words}")


def _row(user: dict[str, Any]) -> tuple[str, ...]:
    return (
        user["name"],
        user.get("standing") or "active",
        "yes" if user.get("admin") else "",
        str(len(user.get("servers") or {}) or ""),
        moment(user.get("last_activity"), "never"),
    )


def _loss(name: str, servers: list[str], files: str) -> str:
    lost = f"their tokens, and their servers ({', '.join(servers)})" if servers else "their tokens"
    return f"This deletes the account {name}, {lost}. {files}".rstrip()


def _asked() -> str:
    if not sys.stdin.isatty():
        words = "There is no terminal to ask for a password: use --stdin."
        raise Trouble(words, exit_code=USAGE)
    first = getpass.getpass("New password: ")
    if first != getpass.getpass("Again: "):
        raise Trouble("The two are not the same; nothing was changed.", exit_code=USAGE)
    return first
