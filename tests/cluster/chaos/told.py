"""What the hub has written down of a start: its phase and why, straight from its database."""

import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Row:
    """A server as the database has it."""

    phase: str
    reason: str
    """The code; "" where there is none."""


def row(data: Path, workload: str) -> Row:
    """Return the row of `workload`."""
    with closing(sqlite3.connect(data / "perijove.sqlite")) as database:
        asked = "SELECT phase, reason FROM pj_servers WHERE workload = ?"
        phase, reason = database.execute(asked, [workload]).fetchone()
    return Row(phase, json.loads(reason)["code"] if reason else "")
