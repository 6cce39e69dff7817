"""`perijove server list | start | stop | logs | open`."""

import shlex
import sys
import webbrowser
from argparse import Namespace
from dataclasses import replace
from typing import Any

from perijove.cli.output import answer, answer_json, moment, remark, table
from perijove.cli.remote import Remote, connect, place
from perijove.cli.trouble import FAILURE, USAGE, Trouble

_ACCEPTED = 202


def every(given: Namespace) -> None:
    """List every server that is not at rest."""
    found = [
        {"user": user["name"], **server}
        for user in connect(given).users()
        for server in (user.get("servers") or {}).values()
    ]
    if given.output == "json":
        answer_json(found)
        return
    if not found:
        remark("No server runs.")
        return
    table(("server", "state", "since", "last activity"), [_row(it) for it in found])


def start(given: Namespace) -> None:
    """Start a server, and follow it until it is ready."""
    remote, (_, _, path) = connect(given), place(given.server)
    rescue = "?rescue=true" if given.rescue else ""
    remote.ask("POST", f"{path}{rescue}", {"user_options": _options(given)})
    if given.no_wait:
        _done(given, {"server": given.server, "ready": False}, f"{given.server} is starting.")
        return
    url = _followed(replace(remote, timeout=given.timeout), given, path)
    address = _address(remote, url)
    _done(given, {"server": given.server, "ready": True, "url": address}, address)


def stop(given: Namespace) -> None:
    """Ask for a server to stop."""
    remote, (_, _, path) = connect(given), place(given.server)
    stopping = remote.answer("DELETE", path)[0] == _ACCEPTED
    words = "is stopping." if stopping else "does not run, so there is nothing to stop."
    told = {"server": given.server, "stopping": stopping}
    _done(given, told, f"{given.server} {words}")


def extend(given: Namespace) -> None:
    """Keep a server that nobody uses for as long as may be."""
    remote, (_, _, path) = connect(given), place(given.server)
    until = remote.ask("POST", f"{path}/extend")["stops_at"]
    told = {"server": given.server, "stops_at": until}
    _done(given, told, f"{given.server} will not be stopped before {moment(until)}.")


def logs(given: Namespace) -> None:
    """Show the end of a server's log."""
    remote, (_, _, path) = connect(given), place(given.server)
    text = str(remote.get(f"{path}/log") or "")
    if given.output == "json":
        answer_json({"server": given.server, "log": text})
        return
    sys.stdout.write(text)
    if not text:
        remark(_no_log(remote, given.server, path))


def open_it(given: Namespace) -> None:
    """Open a server in the browser, or print where it is."""
    remote, (_, _, path) = connect(given), place(given.server)
    server = remote.get(path)
    address = server.get("full_url") or _address(remote, server["url"])
    if given.print or given.output == "json" or not webbrowser.open(address):
        _done(given, {"server": given.server, "url": address}, address)


def _no_log(remote: Remote, name: str, path: str) -> str:
    """Return why there is none, and where to look then."""
    server = remote.get(path)
    if not server["stopped"]:
        return f"{name} has not written anything yet."
    if not server["reason"]:
        return f"{name} has no log: it does not run, and nothing is kept of the last time."
    events = [str(it.get("message", "")) for it in remote.events(f"{path}/progress")]
    return (
        f"{name} has no log. {events[-1] if events else ''} `perijove config show` says what it is"
        f" told to run (singleuser.cmd): run that by hand, or `perijove server start"
        f" {shlex.quote(name)} --profile SLUG` with another profile."
    )


def _followed(remote: Remote, given: Namespace, path: str) -> str:
    """Show each step once; return where the server is."""
    shown = ""
    for event in remote.events(f"{path}/progress"):
        words = str(event.get("message", ""))
        if words and words != shown:
            remark(f"{event.get('progress', 0):3}%  {words}")
            shown = words
        if event.get("ready"):
            return str(event.get("url", ""))
        if event.get("failed"):
            raise Trouble(f"{given.server} did not start: {words}", exit_code=FAILURE)
    raise Trouble(f"{given.server} did not become ready.", exit_code=FAILURE)


def _options(given: Namespace) -> dict[str, str]:
    options = {"profile": given.profile} if given.profile else {}
    for each in given.option:
        key, joint, choice = each.partition("=")
        if not joint:
            raise Trouble(f"--option {each}: write KEY=CHOICE.", exit_code=USAGE)
        options[key] = choice
    return options


def _address(remote: Remote, url: str) -> str:
    """Return the address of a path; `url` begins with the base that `public` ends with."""
    host = remote.public.split("/", 3)
    return "/".join(host[:3]) + url


def _done(given: Namespace, found: dict[str, Any], words: str) -> None:
    if given.output == "json":
        answer_json(found)
    else:
        answer(words)


def _row(server: dict[str, Any]) -> tuple[str, ...]:
    name = f"{server['user']}/{server['name']}".rstrip("/")
    state = "ready" if server.get("ready") else server.get("pending") or "failed"
    return name, state, moment(server.get("started")), moment(server.get("last_activity"))
