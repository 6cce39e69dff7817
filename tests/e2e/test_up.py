"""`perijove up`, with real processes: what it says, keeps, restarts, adopts and ends."""

import json
import os
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from perijove import __version__
from perijove.http.sentences import sentence
from tests.e2e.box import Up, alive, port_of, until

BAR = os.environ.get("PERIJOVE_BAR") == "8"
ROUNDS = 10 if BAR else 1
BACK_WITHIN = 1.0 if BAR else 15.0
"""Seconds. The bar is one; a machine that many share gets three."""


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    it = Up(tmp_path)
    yield it
    it.end()


def test_it_tells_in_one_line_of_json_where_it_is(up: Up) -> None:
    told = up.start()
    assert set(told) == {"url", "sign_in", "data", "pids"}
    assert told["url"] == f"http://127.0.0.1:{up.public}/"
    assert told["data"] == str(up.data)
    assert told["sign_in"].startswith(f"{told['url']}hub/first?secret=")
    assert up.ask("GET", "/hub/health")[0] == 200
    for part in ("hub", "proxy"):
        command = Path(f"/proc/{told['pids'][part]}/cmdline").read_text()
        assert "perijove" in command
        assert part in command
        assert os.getsid(told["pids"][part]) == told["pids"][part], "Ctrl-C is the supervisor's"
    assert up.stop() == 0
    assert up.out.count("\n") == 1, "all else goes to stderr"


@pytest.mark.parametrize("kind", ["sqlite-pvc", "sqlite-memory"])
def test_what_it_takes_to_make_the_tables_is_not_kept_in_memory(up: Up, kind: str) -> None:
    tree = json.loads(up.file.read_text())
    tree["hub"] = {**tree.get("hub", {}), "db": {"type": kind}}
    up.file.write_text(json.dumps(tree))
    hub = up.start()["pids"]["hub"]
    first = resident(hub)
    os.kill(hub, signal.SIGKILL)
    until(partial(replaced, up, "hub", hub), "a new hub")
    until(lambda: up.ask("GET", "/hub/health")[0] == 200, "healthy again")
    later = resident(up.pid("hub"))
    if kind == "sqlite-pvc":
        assert first - later < 4, "MiB: it would be 9"
    up.stop()


def resident(pid: int) -> float:
    """Return the resident memory of a process in MiB, once it has all that it makes at first."""
    end, before, now = time.monotonic() + 60, 0.0, resident_now(pid)
    while abs(now - before) > 0.1:
        assert time.monotonic() < end, "it grows on and on"
        time.sleep(1)
        before, now = now, resident_now(pid)
    return now


def resident_now(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def test_data_and_secrets_are_private_and_no_secret_is_on_a_command_line(up: Up) -> None:
    told = up.start()
    assert stat.S_IMODE(up.data.stat().st_mode) == 0o700
    for path in up.data.iterdir():
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode == (0o700 if path.is_dir() else 0o600), path
    commands = "".join(Path(f"/proc/{pid}/cmdline").read_text() for pid in told["pids"].values())
    for file in (up.data / "secrets").iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert file.read_text().strip() not in commands
    up.stop()


def test_ports_and_secrets_are_kept_and_only_the_public_port_moves(up: Up) -> None:
    up.file.write_text("{}")
    first = up.start()
    ports = json.loads((up.data / "ports.json").read_text())
    secrets = {file.name: file.read_text() for file in (up.data / "secrets").iterdir()}
    up.stop()
    again = up.start()
    assert again["url"] == first["url"]
    up.stop()
    moved = up.start("--port", str(up.public))
    assert port_of(moved["url"]) == up.public
    assert json.loads((up.data / "ports.json").read_text()) == {**ports, "public": up.public}
    assert {file.name: file.read_text() for file in (up.data / "secrets").iterdir()} == secrets
    up.stop()


def replaced(up: Up, part: str, pid: int) -> bool:
    return up.pid(part) != pid


def test_a_part_that_dies_comes_back_with_the_same_command_line(up: Up) -> None:
    told = up.start()
    for part, pid in told["pids"].items():
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
        os.kill(pid, signal.SIGKILL)
        until(partial(replaced, up, part, pid), f"a new {part}")
        assert Path(f"/proc/{up.pid(part)}/cmdline").read_bytes() == command
        until(lambda: up.ask("GET", "/hub/health")[0] == 200, "healthy again")
        assert f"The {part} ended (SIGKILL)" in up.err
    up.stop()


def test_a_terminal_that_takes_no_more_ends_nothing(up: Up) -> None:
    """Its output goes to a disk that is full, or to a program that has ended."""
    up.begin(wrapped=lambda command: ["sh", "-c", 'exec "$@" 2>/dev/full', "sh", *command])
    until(lambda: "\n" in up.out, "a line")
    up.told = json.loads(up.out)
    os.kill(up.told["pids"]["hub"], signal.SIGKILL)
    until(lambda: up.pid("hub") != up.told["pids"]["hub"], "another hub")
    until(lambda: up.ask("GET", "/hub/api")[0] == 200, "the hub is back")
    assert up.stop() == 0


def test_the_proxy_comes_back_in_a_second_with_the_hub_down(up: Up) -> None:
    told = up.start()
    up.server("ada")
    os.kill(told["pids"]["hub"], signal.SIGSTOP)
    slowest = 0.0
    for _ in range(ROUNDS):
        os.kill(up.pid("proxy"), signal.SIGKILL)
        began = time.monotonic()
        until(lambda: up.ask("GET", "/user/ada/api")[0] == 200, "served from its own table")
        slowest = max(slowest, time.monotonic() - began)
        if BAR:  # or the delays between its restarts grow, as they should
            time.sleep(31)
    os.kill(told["pids"]["hub"], signal.SIGCONT)
    assert slowest <= BACK_WITHIN
    up.stop()


@pytest.mark.parametrize("order", [signal.SIGTERM, signal.SIGINT])
def test_stopping_it_stops_the_servers_and_says_so(up: Up, order: signal.Signals) -> None:
    told = up.start()
    servers = [up.server("ada"), up.server("bea")]
    assert up.stop(order) == 0
    assert not any(alive(pid) for pid in [*servers, *told["pids"].values()])
    assert "Stopping 2 servers" in up.err
    up.start()
    assert not up.ready("ada"), "what was stopped stays so"
    up.stop()


def test_servers_are_stopped_although_the_hub_hangs(up: Up) -> None:
    told = up.start()
    server = up.server("ada")
    os.kill(told["pids"]["hub"], signal.SIGSTOP)
    assert up.stop() == 0
    assert not alive(server)
    assert not alive(told["pids"]["hub"])


def test_a_server_that_does_not_listen_is_ended_by_force(up: Up) -> None:
    up.start()
    server = up.server("ada")
    os.kill(server, signal.SIGSTOP)  # takes no SIGTERM
    began = time.monotonic()
    assert up.stop() == 0
    assert not alive(server)
    assert time.monotonic() - began < 45


def test_a_second_ctrl_c_hurries(up: Up) -> None:
    up.start()
    server = up.server("ada")
    os.kill(server, signal.SIGSTOP)
    began = time.monotonic()
    assert up.process
    up.process.send_signal(signal.SIGINT)
    until(lambda: "Stopping 1 server" in up.err, "a line of progress")
    assert up.stop(signal.SIGINT) == 0
    assert not alive(server)
    assert time.monotonic() - began < 8


def test_with_its_data_moved_away_it_says_that_servers_go_on_and_how_to_get_them(up: Up) -> None:
    told = up.start()
    server, elsewhere = up.server("ada"), up.folder / "elsewhere"
    up.data.rename(elsewhere)
    assert up.process
    up.process.send_signal(signal.SIGTERM)
    until(lambda: not alive(told["pids"]["proxy"]), "the proxy has ended")
    assert up.stop() == 1
    assert not alive(told["pids"]["hub"])
    assert alive(server)
    assert f"{up.data}/workloads cannot be read" in up.err
    assert "put it back" in up.err
    elsewhere.rename(up.data)
    up.start()
    assert up.stop() == 0
    assert not alive(server)
    assert up.server_pids("ada") == [server], "never a second one"


def test_servers_are_kept_when_asked_and_adopted_by_the_next_up(up: Up) -> None:
    up.start("--keep-servers")
    server = up.server("ada")
    assert up.stop() == 0
    assert alive(server)
    assert "1 server left running" in up.err
    up.start()
    assert up.ready("ada")
    assert up.ask("GET", "/user/ada/api")[0] == 200
    up.stop()
    assert not alive(server)
    assert up.server_pids("ada") == [server], "never a second one"


def test_after_kill_9_of_all_three_the_next_up_adopts(up: Up) -> None:
    up.start()
    server = up.server("ada")
    up.kill("up", "hub", "proxy")
    assert alive(server)
    up.start()
    until(lambda: up.ready("ada"), "adopted")
    assert up.ask("GET", "/user/ada/api")[0] == 200
    assert up.server_pids("ada") == [server]
    up.stop()
    assert not alive(server)


def test_after_kill_9_of_the_supervisor_its_parts_are_replaced_not_doubled(up: Up) -> None:
    old = up.start()["pids"]
    server = up.server("ada")
    up.kill("up")
    assert alive(old["hub"]), "they live on without it"
    new = up.start()["pids"]
    assert not alive(old["hub"])
    assert not alive(old["proxy"])
    assert {up.pid(part) for part in new} == set(new.values())
    assert up.ready("ada")
    assert up.server_pids("ada") == [server]
    up.stop()


def refused(up: Up, *more: str, wrapped: Callable[[list[str]], list[str]] = list) -> str:
    """Return the one sentence of an `up` that cannot."""
    up.begin(*more, wrapped=wrapped)
    assert up.wait() == 1
    assert up.out == ""
    assert "Traceback" not in up.err
    lines = up.err.strip().splitlines()
    assert len(lines) == 1, lines
    return lines[0]


def test_two_at_once_on_one_directory_are_refused(up: Up, tmp_path: Path) -> None:
    up.start()
    folder = tmp_path / "second"
    folder.mkdir()
    second = Up(folder)
    second.data = up.data
    assert up.process
    assert f"already runs on {up.data} (process {up.process.pid})" in refused(second)
    assert up.ask("GET", "/hub/health")[0] == 200, "the first one noticed nothing"
    up.stop()


def test_a_port_that_is_taken_is_named_with_its_program(up: Up) -> None:
    with socket.create_server(("127.0.0.1", up.public)):
        words = refused(up)
    assert f"Port {up.public} is taken by" in words
    assert f"(process {os.getpid()})" in words
    assert "--port N" in words
    assert not (up.data / "ports.json").exists(), "a port that could not be had is not kept"


def test_the_hubs_port_does_not_move_and_its_taker_is_named(up: Up) -> None:
    up.start()
    up.stop()
    port = json.loads((up.data / "ports.json").read_text())["hub"]
    with socket.create_server(("127.0.0.1", port)):
        words = refused(up)
    assert f"Port {port}" in words
    assert f"(process {os.getpid()})" in words


def mounted(options: str, data: Path) -> Callable[[list[str]], list[str]]:
    """Return a wrapper that gives the command a file system of its own at `data`."""
    data.mkdir()
    privileged = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    script = f'mount -t tmpfs -o {options} none "$0" && exec "$@"'
    return lambda command: [
        "unshare",
        "--mount",
        *privileged,
        "sh",
        "-c",
        script,
        str(data),
        *command,
    ]


def test_read_only_data_is_one_sentence(up: Up) -> None:
    words = refused(up, wrapped=mounted("ro", up.data))
    assert f"Cannot write to the data directory {up.data}: it is read-only" in words
    assert "--data DIR" in words


def test_a_full_disk_is_one_sentence(up: Up) -> None:
    words = refused(up, wrapped=mounted("size=4m", up.data))
    assert f"The disk that holds {up.data} is full" in words


def test_the_data_of_a_newer_version_is_refused_untouched(up: Up) -> None:
    up.data.mkdir()
    (up.data / "format").write_text("99\n")
    (up.data / "version").write_text("7.8.9\n")
    words = f"{up.data} was last used by Perijove 7.8.9, and this is {__version__}"
    assert words in refused(up)
    assert not (up.data / "secrets" / "cookie").exists()


@pytest.mark.parametrize("kind", ["jupyterhub", "garbage"])
def test_a_database_that_is_not_ours_is_refused_in_one_sentence_untouched(
    tmp_path: Path, kind: str
) -> None:
    file = tmp_path / "perijove.sqlite"
    if kind == "jupyterhub":
        with closing(sqlite3.connect(file)) as database:
            for table in ("users", "spawners", "api_tokens"):
                database.execute(f"CREATE TABLE {table} (id INTEGER)")
            database.commit()
    else:
        file.write_text("this is no database")
    before = file.read_bytes()
    command = [sys.executable, "-m", "perijove", "hub", "--data", str(tmp_path)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert ran.returncode == 1
    code = "database-jupyterhub" if kind == "jupyterhub" else "database-unknown"
    assert ran.stderr.strip().endswith(sentence(code, {}, "en"))
    assert ran.stderr.count("\n") == 1
    assert file.read_bytes() == before


def test_a_missing_server_program_is_named(up: Up) -> None:
    up.file.write_text(json.dumps({"singleuser": {"cmd": ["no-such-singleuser"]}}))
    words = refused(up)
    assert "no-such-singleuser" in words
    assert "singleuser.cmd" in words


def test_every_mistake_of_the_configuration_is_told_at_once(up: Up) -> None:
    up.file.write_text("proxy:\n  prot: 8000\nsingleuser:\n  startTimeuot: 3\n")
    up.begin()
    assert up.wait() == 2
    assert up.out == ""
    assert "prot" in up.err
    assert "startTimeuot" in up.err


def test_help_is_quick() -> None:
    command = [sys.executable, "-m", "perijove", "up", "--help"]
    text = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    assert "--keep-servers" in text
