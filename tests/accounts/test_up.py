"""`perijove up` with accounts of people: refused where it cannot work, repeatable where it dies."""

import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import pytest

from tests.accounts.box import Box, open_box
from tests.accounts.machine import run
from tests.e2e.box import SERVER, until

NOBODY = 65534
MOMENTS = (0, 0.03, 0.06, 0.12, 0.25)
"""Seconds."""


@pytest.fixture
def box() -> Iterator[Box]:
    """Yield a box whose servers are thirty lines each."""
    with open_box() as it:
        server, starts = it.folder / "server.py", it.folder / "starts"
        shutil.copyfile(SERVER, server)
        starts.touch()
        starts.chmod(0o666)
        command = [it.python, "-I", "-S", str(server), str(starts)]
        it.write(singleuser={"cmd": command})
        yield it


def refused(box: Box) -> str:
    """Return the one sentence of an `up` that cannot; nothing was made."""
    box.begin()
    assert box.wait() == 1
    lines = box.err.strip().splitlines()
    assert len(lines) == 1, lines
    assert not box.data.exists()
    return lines[0]


def as_nobody(box: Box) -> None:
    """Let `up` be run by somebody else, with a home of their own."""
    home = box.folder / "home"
    home.mkdir()
    for path in (box.file, home):
        os.chown(path, NOBODY, NOBODY)
    box.data = home / "data"
    drop = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    box.as_whom = [f"HOME={home}", *drop]


def test_without_root_it_is_refused_with_the_next_step(box: Box) -> None:
    as_nobody(box)
    said = refused(box)
    assert "`systemUsers: true` needs root" in said
    assert "perijove install-service" in said
    assert "take `systemUsers` out" in said


def test_where_accounts_cannot_run_it_it_is_refused_with_the_next_step(box: Box) -> None:
    private = box.folder / "private"
    private.mkdir(mode=0o700)
    server = private / "perijove-singleuser"
    server.write_text("#!/bin/sh\n")
    server.chmod(0o755)
    box.write(singleuser={"cmd": [str(server)]})
    said = refused(box)
    assert "People's accounts cannot run what their servers are made of" in said
    assert str(server) in said
    assert "/opt/perijove" in said


def test_a_python_for_root_alone_is_refused(box: Box) -> None:
    """As where Perijove was installed in root's own home."""
    private = box.folder / "private"
    private.mkdir(mode=0o700)
    shutil.copytree(box.program.source, private / "source")
    box.source = private / "source"
    said = refused(box)
    assert "People's accounts cannot run" in said
    assert "No module named 'perijove'" in said


def test_who_shares_an_account_is_told_so(box: Box) -> None:
    as_nobody(box)
    box.write(systemUsers=False)
    box.start()
    until(lambda: "share" in box.err, "the sentence")
    account = pwd.getpwuid(NOBODY).pw_name
    assert f"People share the Unix account {account}, so each can read" in box.err
    assert "`systemUsers: true` gives everybody their own" in box.err
    assert box.stop() == 0


def test_what_others_could_read_is_said(box: Box) -> None:
    box.file.chmod(0o644)
    (box.data / "homes" / "7-ada").mkdir(parents=True)
    box.start()
    until(lambda: "homes" in box.err, "the sentences")
    assert f"Every account of this machine can read the configuration {box.file}" in box.err
    assert f"chmod 600 {box.file}" in box.err
    assert f"There are homes in {box.data}/homes" in box.err
    assert box.stop() == 0


def test_a_hub_that_is_killed_while_accounts_are_made_makes_each_once(box: Box) -> None:
    """kill -9 a moment after a first start; test_accounts kills between any two steps of it."""
    box.start()
    people = [box.machine.name(f"k{number}") for number in range(len(MOMENTS))]
    for moment, name in zip(MOMENTS, people, strict=True):
        assert box.hub("POST", f"/users/{name}")[0] == 201
        hub = box.pid("hub")
        box.ask_for_server(name)
        run("sleep", str(moment))
        os.kill(hub, signal.SIGKILL)
        until(lambda hub=hub: box.pid("hub") != hub, "another hub")  # type: ignore[misc]
        until(lambda: box.ask("GET", "/hub/health")[0] == HTTPStatus.OK, "it answers")
    for name in people:
        box.ask_for_server(name)  # where the kill was faster than the wish
        until(lambda name=name: box.ready(name), f"{name} is ready")  # type: ignore[misc]
    made = [it.pw_name for it in pwd.getpwall() if box.machine.tag in it.pw_name]
    assert sorted(made) == sorted(f"jupyter-{name}" for name in people)
    for name in people:
        (pid,) = box.server_pids(name)
        assert Path(f"/proc/{pid}").stat().st_uid == box.account(name).pw_uid
    assert box.stop() == 0
    assert not [
        pid for name in people for pid in box.server_pids(name) if Path(f"/proc/{pid}").exists()
    ]


def test_a_launcher_that_is_killed_costs_one_start(box: Box) -> None:
    box.start()
    ada = box.person("ada")
    (file,) = box.data.glob("workloads/*/pid")
    os.kill(int(file.read_text().split()[0]), signal.SIGKILL)
    first = box.server_pids(ada)
    until(lambda: not Path(f"/proc/{first[0]}").exists(), "it ends with its launcher")
    until(lambda: not box.ready(ada), "the hub has seen it")
    assert box.person("ada") == ada
    second = box.server_pids(ada)[-1]
    assert Path(f"/proc/{second}").stat().st_uid == box.account(ada).pw_uid
    assert box.stop() == 0


def test_a_home_of_somebody_else_fails_in_words_and_works_once_it_is_put_right(box: Box) -> None:
    box.start()
    ada = box.person("ada")
    assert box.hub("DELETE", f"/users/{ada}/server")[0] in {202, 204}
    until(lambda: box.hub("GET", f"/users/{ada}")[1]["servers"] == {}, "stopped")
    home = Path(box.account(ada).pw_dir)
    (home / "work").write_text("kept")
    os.chown(home, 1, 1)
    command = [box.python, "-m", "perijove", "server", "start", ada, "--data", str(box.data)]
    done = subprocess.run(
        command, env=box.program.environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert f"The home folder of your Unix account {box.account(ada).pw_name} belongs to daemon" in (
        done.stdout + done.stderr
    )
    assert (home / "work").read_text() == "kept"
    assert home.stat().st_uid == 1
    os.chown(home, box.account(ada).pw_uid, -1)
    assert box.person("ada") == ada
    assert box.stop() == 0


def test_an_account_that_was_theirs_is_used_from_the_next_start_on(box: Box) -> None:
    name, ada = box.machine.name("grace"), box.machine.name("ada")
    account = box.machine.account(name, "--create-home")
    box.start()
    box.person("ada")
    box.write(people={"users": {ada: {"account": name}}})
    os.kill(box.process.pid, signal.SIGHUP)  # type: ignore[union-attr]
    until(lambda: "HUP" in box.log("hub") or "reload" in box.log("hub").lower(), "reloaded")
    assert box.hub("DELETE", f"/users/{ada}/server")[0] in {202, 204}
    until(lambda: box.hub("GET", f"/users/{ada}")[1]["servers"] == {}, "stopped")
    box.person("ada")
    pid = box.server_pids(ada)[-1]
    assert Path(f"/proc/{pid}").stat().st_uid == account.pw_uid
    assert box.stop() == 0


def test_servers_outlive_a_restart_as_their_accounts(box: Box) -> None:
    box.start("--keep-servers")
    ada = box.person("ada")
    pid = box.server_pids(ada)[-1]
    assert box.stop() == 0
    assert Path(f"/proc/{pid}").stat().st_uid == box.account(ada).pw_uid
    box.start()
    until(lambda: box.ready(ada), "adopted")
    assert box.server_pids(ada) == [pid]
    assert box.stop() == 0
    assert not Path(f"/proc/{pid}").exists()


def test_a_backup_says_that_it_has_no_homes_of_accounts(box: Box) -> None:
    box.start()
    command = [box.python, "-m", "perijove", "db", "backup", str(box.folder / "all.tar"), "--homes"]
    done = subprocess.run(
        [*command, "--data", str(box.data)], env=box.program.environment,
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "keep /home by other means" in done.stderr
    assert box.stop() == 0
