"""`perijove reload` and `perijove config diff`: a changed configuration while people work."""

import json
import os
import signal
from argparse import Namespace
from contextlib import suppress
from pathlib import Path
from typing import Any

from perijove.cli.box import Box
from perijove.cli.declared import words
from perijove.cli.output import answer, answer_json, remark, table
from perijove.cli.remote import connect
from perijove.cli.trouble import FAILURE, USAGE

_LONGEST = 40
_WHEN = {"now": "now", "next-start": "at the next start of a server", "restart": "after a restart"}


def reload(given: Namespace) -> None:
    """Have the hub read its configuration again, and the proxy its certificate.

    Raises:
        Trouble: it has problems, and nothing is changed.
    """
    found = connect(given).ask("POST", "/reload")
    _certificate(given)
    if given.output == "json":
        answer_json(found)
        return
    _notices(found)
    changes = found["changes"]
    done = [it for it in changes if it["effect"] != "restart"]
    if not changes and not found["restored"]:
        answer("Nothing has changed.")
    if done:
        _table(done, "in effect")
    if found["restored"]:
        rows = list(dict.fromkeys(map(words, found["restored"])))
        table(("now as the configuration says", "before"), rows)
    if len(done) < len(changes):
        waiting = ", ".join(it["key"] for it in changes if it["effect"] == "restart")
        remark(f"As before until Perijove is started again: {waiting}.")


def differences(given: Namespace) -> int:
    """Show what a reload would change; 1 if anything, 2 if the configuration has problems."""
    found = connect(given).get("/reload")
    if given.output == "json":
        answer_json(found)
    else:
        _notices(found)
        for problem in found["problems"]:
            remark(f"error: {problem}")
        if found["changes"]:
            _table(found["changes"], "takes effect")
            remark("`perijove reload` goes by it; what needs a restart waits for one.")
        elif not found["problems"]:
            answer("The configuration is in effect as it is.")
    if found["problems"]:
        return USAGE
    return FAILURE if found["changes"] else 0


def _certificate(given: Namespace) -> None:
    """Have the proxy of the box look at its certificate again, which the hub knows nothing of."""
    if os.environ.get("PERIJOVE_URL"):
        return
    box = Box.at(given.data)
    holder = box.hold("proxy").holder() if box.scheme() == "https" else None
    if holder is not None and _is_ours(holder.pid):
        with suppress(OSError):
            os.kill(holder.pid, signal.SIGHUP)


def _is_ours(pid: int) -> bool:
    """Return whether it is our proxy: another make's (proxy.kind) would end of a SIGHUP."""
    with suppress(OSError):
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        return b"perijove.cli.proxy" in words
    return False


def _notices(found: dict[str, Any]) -> None:
    for notice in found["notices"]:
        remark(f"notice: {notice}")


def _table(changes: list[dict[str, Any]], when: str) -> None:
    rows = [
        (it["key"], _short(it["before"]), _short(it["after"]), _WHEN[it["effect"]])
        for it in changes
    ]
    table(("key", "before", "after", when), rows)


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
