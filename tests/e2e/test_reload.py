"""A changed configuration on a box that runs: by command, by SIGHUP, and none by a bad file."""

import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.box import Up, alive, until


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    box = Up(tmp_path_factory.mktemp("reload"))
    box.start()
    yield box
    box.stop()


def perijove(up: Up, *given: str, rc: int = 0) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "perijove", *given, "--data", str(up.data)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == rc, (done.stdout, done.stderr)
    return done


def write(up: Up, **settings: Any) -> None:
    put(up, json.dumps({**json.loads(up.file.read_text()), **settings}))


def put(up: Up, text: str) -> None:
    """Write the file as an editor does: who reads it just then has one or the other, whole."""
    new = up.file.with_suffix(".new")
    new.write_text(text)
    new.replace(up.file)


def test_a_change_is_shown_and_then_in_effect_and_nobody_notices(up: Up) -> None:
    assert "as it is" in perijove(up, "config", "diff").stdout
    perijove(up, "user", "add", "ada")
    perijove(up, "server", "start", "ada")
    hub, public = up.pid("hub"), up.public
    write(up, people={"users": {"grace": {"admin": True}}}, proxy={"port": public, "ip": "0.0.0.0"})
    shown = perijove(up, "config", "diff", rc=1)
    assert "people.users.grace" in shown.stdout
    done = perijove(up, "reload")
    assert "people.users.grace" in done.stdout
    assert "proxy.ip" not in done.stdout
    assert "until Perijove is started again: proxy.ip." in done.stderr
    names = {it["name"]: it for it in json.loads(perijove(up, "user", "list", "-o", "json").stdout)}
    assert names["grace"]["admin"] is True
    assert (up.pid("hub"), up.public) == (hub, public)
    assert len((up.folder / "starts").read_text().splitlines()) == 1, "its server goes on"
    assert up.ask("GET", "/user/ada/")[0] != 0
    left = json.loads(perijove(up, "config", "diff", "-o", "json", rc=1).stdout)
    assert [(it["key"], it["effect"]) for it in left["changes"]] == [("proxy.ip", "restart")]
    write(up, proxy={"port": public})


def test_a_bad_file_is_refused_in_words_by_command_and_by_signal(up: Up) -> None:
    good = up.file.read_text()
    write(up, hub={"activeServerLimit": "many"})
    for command in (("reload",), ("config", "diff")):
        told = perijove(up, *command, rc=2)
        assert "hub.activeServerLimit" in told.stderr
        assert "Traceback" not in told.stderr
    assert up.process is not None
    up.process.send_signal(signal.SIGHUP)
    until(lambda: "hub.activeServerLimit" in up.err, "the reason, where `up` was started")
    assert up.hub("GET", "/info")[0] == 200
    put(up, good)
    perijove(up, "config", "diff")


def test_sighup_reloads(up: Up) -> None:
    assert up.process is not None
    hub = up.pid("hub")
    write(up, people={"users": {"lin": None}})
    up.process.send_signal(signal.SIGHUP)
    until(lambda: up.hub("GET", "/users/lin")[0] == 200, "the account that the file names")
    assert up.pid("hub") == hub
    assert "reads the configuration again" in up.err


def test_sighup_of_the_hub_alone_reloads_it_too(up: Up) -> None:
    hub = up.pid("hub")
    write(up, people={"users": {"lin": None, "kim": None}})
    os.kill(hub, signal.SIGHUP)
    until(lambda: up.hub("GET", "/users/kim")[0] == 200, "the account that the file names")
    assert up.pid("hub") == hub


OWN_TERMINAL = """
import fcntl, os, sys, termios
os.setsid()
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


def test_a_terminal_that_closes_is_no_reload(tmp_path: Path) -> None:
    box = Up(tmp_path)
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", OWN_TERMINAL, *box.command()]
    with (tmp_path / "out").open("wb") as out, (tmp_path / "err").open("wb") as err:
        box.process = subprocess.Popen(command, stdin=theirs, stdout=out, stderr=err)
    os.close(theirs)
    until(lambda: "\n" in box.out, "a line")
    pids = json.loads(box.out)["pids"]
    os.close(ours)
    assert box.wait() == 0
    assert not any(alive(pid) for pid in pids.values())
    assert "reads the configuration again" not in box.err


def test_what_came_through_a_pipe_is_not_taken_for_an_empty_file(tmp_path: Path) -> None:
    box = Up(tmp_path)
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    command = [sys.executable, "-m", "perijove", "hub", "-f", str(fifo), "--data", str(box.data)]
    with (tmp_path / "err").open("wb") as err:
        hub = subprocess.Popen(command, stderr=err)
    fifo.write_text(box.file.read_text())
    try:
        until((box.data / "run" / "base_url").exists, "a hub")
        until(lambda: "Cannot reach" not in status(box), "that it answers")
        told = perijove(box, "reload", rc=2)
        assert "no file that can be read again" in told.stderr
        assert hub.poll() is None
    finally:
        hub.terminate()
        hub.wait(timeout=30)


def status(box: Up) -> str:
    command = [sys.executable, "-m", "perijove", "config", "diff", "--data", str(box.data)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stderr
