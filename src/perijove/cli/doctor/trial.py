"""A real start: an account of its own, a server, its progress, its end; nothing stays."""

import os
import secrets
import shutil
import time
from contextlib import suppress

from perijove.cli.box import Box
from perijove.cli.doctor.finding import Finding, bad, good
from perijove.cli.remote import Remote, person, place
from perijove.cli.trouble import Trouble
from perijove.spawners.accounts import unmake

_PREFIX = "perijove-doctor-"


def real_start(remote: Remote, box: Box) -> Finding:
    """Return whether a server starts, answers and stops."""
    name = f"{_PREFIX}{secrets.token_hex(4)}"
    began = time.monotonic()
    try:
        remote.ask("POST", person(name), {})
        why = _started(remote, name)
    except Trouble as trouble:
        why = str(trouble)
    finally:
        _cleaned(remote, box, name)
    if why:
        return bad("start", "start.failed", why=why, log=str(box.path / "log"))
    return good("start", seconds=f"{time.monotonic() - began:.1f}")


def _started(remote: Remote, name: str) -> str:
    """Start a server and follow it; return why it did not become ready."""
    _, _, path = place(name)
    remote.ask("POST", path, {})
    for event in remote.events(f"{path}/progress"):
        if event.get("ready"):
            return ""
        if event.get("failed"):
            return str(event.get("message", ""))
    return "it ended before it was ready."


def _cleaned(remote: Remote, box: Box, name: str) -> None:
    """Remove the account, its server and its home, which nobody has ever used."""
    with suppress(Trouble, OSError):
        remote.ask("DELETE", person(name))
        for it in remote.get("/trash"):
            if it["user"] == name:
                remote.ask("DELETE", f"/trash/{it['key']}")
        for home in box.homes.glob(f"*-{name}"):
            shutil.rmtree(home, ignore_errors=True)
        if not os.geteuid():
            unmake(name)
