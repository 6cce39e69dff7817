"""The soak: people come and go, servers are culled, hub and proxy are killed; nothing leaks.

SOAK_MINUTES=30 SOAK_SMALL=45 SOAK_LABS=5 is its full size (`make bar B=30`).
"""

import os
import random
import signal
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, suppress
from functools import partial
from http import HTTPStatus
from pathlib import Path

import pytest

from tests.e2e.box import Up, alive, until
from tests.storm.people import Crowd

MINUTES = float(os.environ.get("SOAK_MINUTES", "1"))
SMALL, LABS = int(os.environ.get("SOAK_SMALL", "8")), int(os.environ.get("SOAK_LABS", "1"))
PEOPLE = [*(f"u{n}" for n in range(SMALL)), *(f"lab{n}" for n in range(LABS))]
EITHER = Path(__file__).with_name("either.py")
KILLS, GROWS = 0.5, 0.1
"""Of the time: that of kills, then that in which the hub grows to its size; the rest is watched."""
GROWTH = 6 << 20
"""Bytes by which a part may grow in what is left."""


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    sign_in = {"JupyterHub": {"authenticator_class": "dummy"}}
    it = Up(
        tmp_path,
        hub={"config": sign_in, "concurrentSpawnLimit": 20},
        singleuser={"cmd": [sys.executable, str(EITHER), f"{tmp_path}/starts"]},
        cull={"timeout": 8, "every": 2, "warn": 2},
    )
    yield it
    it.end()


def test_nothing_leaks_while_people_come_and_go_and_parts_are_killed(up: Up) -> None:
    up.start()
    status, told = up.hub("POST", "/users", {"usernames": PEOPLE})
    assert status == 201, told
    crowd = Crowd(up)
    threads = [crowd.person(name) for name in PEOPLE]
    kills, doubled = _storm(up, MINUTES * 60 * KILLS)
    _quiet(up, MINUTES * 60 * GROWS, doubled)
    before = _memory(up)
    _quiet(up, MINUTES * 60 * (1 - KILLS - GROWS), doubled)
    after = _memory(up)
    crowd.over.set()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive(), thread.name
    print(f"{kills} kills, {dict(crowd.met)}, memory {before} -> {after}")  # noqa: T201
    assert crowd.wrong == [], (up.data / "log" / "hub.log").read_text()[-6000:]
    assert doubled == set()
    assert crowd.met["started"] >= len(PEOPLE)
    assert crowd.met["left: idle"] > 0, "nobody's server was ever stopped for being idle"
    for part, size in after.items():
        assert size < before[part] + GROWTH, f"{part} grows: {before} -> {after}"
    _nothing_is_left(up)


def _storm(up: Up, seconds: float) -> tuple[Counter[str], set[str]]:
    """Kill the hub or the proxy every few seconds; return how often, and whose servers doubled."""
    chance, kills, doubled = random.Random(1), Counter[str](), set[str]()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        part = chance.choice(["hub", "proxy"])
        with suppress(ProcessLookupError):
            os.kill(up.pid(part), signal.SIGKILL)
            kills[part] += 1
        until(lambda: up.ask("GET", "/hub/health")[0] == 200, "hub and proxy are back")
        _quiet(up, chance.uniform(2, 12), doubled)
    return kills, doubled


def _quiet(up: Up, seconds: float, doubled: set[str]) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        doubled |= {name for name, count in _running(up).items() if count > 1}
        time.sleep(0.5)


def _running(up: Up) -> Counter[str]:
    """Return how many server processes there are of each person.

    A process id is not enough: in half an hour so many have begun that ids come again, also as
    that of the launcher of a later server of the same person.
    """
    lines = (up.folder / "starts").read_text().splitlines() if _has_begun(up) else []
    begun = {(prefix, int(pid)) for prefix, pid in map(str.split, lines)}
    return Counter(prefix for prefix, pid in begun if alive(pid) and _serves(pid, prefix))


def _serves(pid: int, prefix: str) -> bool:
    with suppress(OSError):
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
        variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        mine = f"JUPYTERHUB_SERVICE_PREFIX={prefix}".encode() in variables
        return mine and b"server.py\0" in command and b"launcher.py\0" not in command
    return False


def _has_begun(up: Up) -> bool:
    return (up.folder / "starts").exists()


def _memory(up: Up) -> dict[str, int]:
    """Return the bytes of every part, once it has been up for a moment."""
    sizes = {}
    for part in ("hub", "proxy"):
        pages = Path(f"/proc/{up.pid(part)}/statm").read_text().split()[1]
        sizes[part] = int(pages) * os.sysconf("SC_PAGE_SIZE")
    return sizes


def _nothing_is_left(up: Up) -> None:
    """Stop everything that runs; look for what should not be there any more."""
    for name in PEOPLE:
        until(partial(_stopped, up, name), f"{name} stops")
    until(lambda: not _of_servers(up), f"no process: {_of_servers(up)}")
    rows = _rows(up)
    assert rows["pj_servers"] <= len(PEOPLE)
    assert rows["pj_clients"] == 0, "clients of servers that are at rest"
    assert rows["pj_tokens"] <= LABS, "tokens of servers that are at rest"
    assert _files(up) == Counter()
    hub = up.pid("hub")
    files = len(list(Path(f"/proc/{hub}/fd").iterdir()))
    threads = len(list(Path(f"/proc/{hub}/task").iterdir()))
    assert files < 60, [it.readlink() for it in Path(f"/proc/{hub}/fd").iterdir()]
    assert threads < 50
    assert _tasks(up) < 40
    log = (up.data / "log" / "hub.log").read_text()
    assert "Traceback" not in log, log[-5000:]
    assert up.stop() == 0
    assert not alive(hub)


def _stopped(up: Up, name: str) -> bool:
    return up.hub("DELETE", f"/users/{name}/server")[0] == HTTPStatus.NO_CONTENT


def _of_servers(up: Up) -> list[str]:
    """Return the command of every process that belongs to a server of this box."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            variables = (process / "environ").read_bytes().decode(errors="replace")
            command = (process / "cmdline").read_bytes().decode(errors="replace")
            mine = str(up.data) in variables or str(up.folder / "starts") in command
            if mine and "JUPYTERHUB_SERVICE_PREFIX" in variables:
                found.append(command.replace("\0", " "))
    return found


def _rows(up: Up) -> dict[str, int]:
    with closing(sqlite3.connect(up.data / "perijove.sqlite")) as database:
        return {
            table: database.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for table in ("pj_servers", "pj_clients", "pj_tokens")
        }


def _files(up: Up) -> Counter[str]:
    """Return drafts that nobody has finished, by folder."""
    return Counter(
        str(it.parent.relative_to(up.data))
        for folder in ("run", "secrets", "workloads")
        for it in (up.data / folder).rglob(".*")
        if it.is_file()
    )


def _tasks(up: Up) -> float:
    token = (up.data / "secrets" / "cli-token").read_text().strip()
    _, text = up.ask("GET", "/hub/metrics", {"Authorization": f"token {token}"})
    line = next(it for it in text.decode().splitlines() if it.startswith("perijove_tasks "))
    return float(line.split()[1])
