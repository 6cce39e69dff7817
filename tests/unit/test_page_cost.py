"""What a page of people costs: it grows as their number does, not as its square."""

import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest

from perijove.model.placement import Placement
from perijove.model.server import Desired, Phase, Server
from perijove.model.user import User
from perijove.store import people, servers, users
from perijove.store.migrations.sqlite import prepare
from perijove.store.sqlite import DIALECT
from perijove.store.statement import Statement

_STEPS = 50
"""Between two ticks, of SQLite's virtual machine."""


def running(n: int) -> Server:
    return Server(
        id=n, user_id=n, user=f"u{n}", name="", user_options={}, incarnation=1,
        desired=Desired.RUNNING, phase=Phase.RUNNING,
        since=datetime(2030, 1, 1, tzinfo=UTC),
        placement=Placement(workload=f"w{n}", port=n, client=f"c{n}", home=f"h{n}"),
    )  # fmt: skip


def crowd(path: Path, number: int) -> sqlite3.Connection:
    prepare(str(path))
    connection = sqlite3.connect(path)
    for n in range(1, number + 1):
        for statement in (*users.add(User(id=n, name=f"u{n}")), servers.add(running(n))):
            connection.execute(*statement.on(DIALECT))
    return connection


def ticks(connection: sqlite3.Connection, statement: Statement[object]) -> int:
    """Return how long it takes, whoever else is busy."""
    ticked: list[int] = []
    connection.set_progress_handler(lambda: ticked.append(1), _STEPS)
    statement.result(connection.execute(*statement.on(DIALECT)).fetchall())
    return len(ticked)


@pytest.mark.parametrize("state", people.Activeness)
def test_ten_times_as_many_cost_ten_times_as_much(tmp_path: Path, state: people.Activeness) -> None:
    wanted = people.Wanted(state=state)
    few, many = crowd(tmp_path / "few", 100), crowd(tmp_path / "many", 1000)
    for statement in (people.count(wanted), people.page(wanted, 0, 1000)):
        assert ticks(many, statement) < 20 * (ticks(few, statement) + 1), state
    for connection in (few, many):
        connection.close()
