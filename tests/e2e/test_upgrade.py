"""From an earlier release to today's on the same data directory, while people work."""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from perijove import __version__
from perijove.cli.box import FORMAT
from perijove.cli.hold import started
from perijove.store.migrations import HEAD
from tests.databases import empty, settings
from tests.e2e.box import alive, until
from tests.e2e.release import RELEASES, here, python_of
from tests.singleuser.box import Box
from tests.singleuser.kernel import Kernel

FACTS = """
import json, perijove
from perijove.cli.box import FORMAT
from perijove.store.migrations import HEAD
print(json.dumps([perijove.__version__, FORMAT, HEAD]))
"""
COUNTS = """
import os, threading, time
answer, ticks = 6 * 7, []
def count():
    while True:
        ticks.append(time.time())
        time.sleep(0.05)
threading.Thread(target=count, daemon=True).start()
"""
SIGN_IN = {"JupyterHub": {"authenticator_class": "dummy"}, "Authenticator": {"allow_all": True}}


def stopped(box: Box) -> None:
    """Stop it as the guide says; it was started with --keep-servers."""
    assert box.stop() == 0
    assert "1 server left running" in box.err


def killed(box: Box) -> None:
    """End the supervisor alone, which stops no server; the next `up` ends hub and proxy."""
    box.kill("up")


@pytest.fixture(params=RELEASES)
def release(request: pytest.FixtureRequest) -> str:
    if not here(request.param):
        pytest.skip(f"NOT TESTED: this clone lacks the commit of {request.param}; fetch it whole")
    return str(request.param)


@pytest.fixture
def db(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, str]:
    """Return `hub.db`: a file, unless the test names a server."""
    if not getattr(request, "param", ""):
        return {}
    # 0.1.0 needs greenlet for PostgreSQL, and had it with SQLAlchemy 2.0 only: its lock lacks it.
    (tmp_path / "more").mkdir()
    found = find_spec("greenlet")
    assert found
    assert found.origin
    (tmp_path / "more" / "greenlet").symlink_to(Path(found.origin).parent)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "more"))
    url = request.getfixturevalue(request.param)
    asyncio.run(empty(url))
    return settings(url)


@pytest.fixture
def box(release: str, tmp_path: Path, db: dict[str, str]) -> Iterator[Box]:
    """Yield what the release has started, with a server of its own."""
    it = Box(tmp_path)
    it.python = python_of(release)
    it.file.write_text(
        json.dumps({"proxy": {"port": it.public}, "hub": {"config": SIGN_IN, "db": db}})
    )
    try:
        it.start("--keep-servers")
        assert it.hub("POST", "/users/ada")[0] == 201
        assert it.hub("POST", "/users/ada/server")[0] in {201, 202}
        until(lambda: it.ask("GET", "/user/ada/api")[0] == 200, "the server is reached")
        yield it
    finally:
        it.open.close()
        it.end()


def facts(python: str) -> tuple[str, int, str]:
    """Return the version of a program, the format and the revision that it makes."""
    ran = subprocess.run([python, "-c", FACTS], capture_output=True, check=True, text=True)
    version, number, revision = json.loads(ran.stdout)
    return version, number, revision


def servers(box: Box) -> dict[str, str]:
    """Return the launchers that run: process id and when it started."""
    found = [file.read_text().split() for file in box.data.glob("workloads/*/pid")]
    return {pid: ticks for pid, ticks, *_ in found if started(int(pid)) == ticks}


def checked(box: Box, rc: int = 0) -> Any:
    """Return what today's `perijove db check` says."""
    command = [sys.executable, "-m", "perijove", "db", "check", "-o", "json"]
    where = ["--data", str(box.data), "-f", str(box.file)]
    ran = subprocess.run([*command, *where], capture_output=True, check=False, text=True)
    assert ran.returncode == rc, ran.stdout
    return json.loads(ran.stdout)


def said(box: Box, name: str) -> str:
    return (box.data / name).read_text().strip()


def refused(box: Box, python: str) -> str:
    """Return the one sentence with which the program of `python` refuses the directory."""
    command = [python, "-m", "perijove", "up", "--data", str(box.data)]
    ran = subprocess.run(command, capture_output=True, check=False, text=True, timeout=60)
    assert ran.returncode == 1, ran
    assert ran.stdout == ""
    lines = ran.stderr.splitlines()
    assert len(lines) == 1, lines
    return lines[0]


class Work:
    """What ada does while the program under her is replaced."""

    def __init__(self, box: Box) -> None:
        self.box = box
        self.servers = servers(box)
        assert len(self.servers) == 1
        self.browser = box.browser("ada")
        self.headers = {"Authorization": f"token {box.token('ada')}"}
        with Kernel(box.url("/user/ada/"), self.headers) as kernel:
            kernel.run(COUNTS)
            self.pid = kernel.run("print(os.getpid())").strip()
        self.kernel = kernel.id

    def went_on(self, away: float, back: float) -> None:
        """Between these two times as well, in the same processes."""
        assert servers(self.box) == self.servers, "the same process, and no other"
        with Kernel(self.box.url("/user/ada/"), self.headers, self.kernel) as kernel:
            assert kernel.run("print(answer, os.getpid())") == f"42 {self.pid}\n"
            counted = kernel.run(f"print(sum({away} < it < {back} for it in ticks))")
        assert int(counted) > 2 * (back - away), "it computed while nobody was there"

    def is_signed_in(self) -> None:
        """At the hub, and at the server."""
        for path in ("/hub/home", "/user/ada/lab"):
            page = self.browser.follow(self.browser.go(path))
            assert (page.status_code, page.url.path) == (200, path)


@pytest.mark.parametrize("end", [stopped, killed])
def test_an_upgrade_stops_no_server_and_no_kernel(box: Box, end: Callable[[Box], None]) -> None:
    work, (_, _, revision) = Work(box), facts(box.python)
    before = checked(box, 7)
    assert before["revision"] == revision
    assert "older version" in before["wrong"]
    end(box)
    away = time.time()
    box.python = sys.executable
    box.start("--keep-servers")
    back = time.time()
    until(lambda: box.ready("ada"), "the server is adopted")
    work.went_on(away, back)
    work.is_signed_in()
    assert checked(box)["revision"] == HEAD
    assert box.hub("DELETE", "/users/ada/server")[0] in {202, 204}
    until(lambda: not any(alive(int(it)) for it in work.servers), "the old server is stopped")
    until(lambda: box.hub("POST", "/users/ada/server")[0] in {201, 202}, "it may start again")
    box.run_server("ada")
    assert box.hub("DELETE", "/users/ada/server")[0] in {202, 204}
    until(lambda: not servers(box), "today's server is stopped")


@pytest.mark.parametrize("db", ["postgres"], indirect=True)
def test_an_upgrade_on_postgresql_keeps_people_tokens_and_servers(box: Box) -> None:
    """The earlier release knew no other server."""
    ran, token, revision = servers(box), box.token("ada"), facts(box.python)[2]
    before = checked(box, 7)
    assert (before["kind"], before["revision"]) == ("postgresql", revision)
    stopped(box)
    box.python = sys.executable
    box.start("--keep-servers")
    until(lambda: box.ready("ada"), "the server is adopted")
    assert servers(box) == ran
    after = checked(box)
    assert (after["revision"], after["wrong"]) == (HEAD, None)
    assert after["rows"].items() >= {"pj_users": 1, "pj_servers": 1}.items()
    bearer = {"Authorization": f"token {token}"}
    assert json.loads(box.ask("GET", "/hub/api/user", bearer)[1])["name"] == "ada"


def test_the_old_program_refuses_what_the_new_one_has_used(box: Box) -> None:
    old, ran, (_, number, _) = box.python, servers(box), facts(box.python)
    assert said(box, "format") == str(number)
    stopped(box)
    box.python = sys.executable
    box.start("--keep-servers")
    assert (said(box, "version"), said(box, "format")) == (__version__, str(FORMAT))
    words = (
        f"{box.data} was made by a newer Perijove (format {FORMAT}, this one knows {number}):"
        " install that version, or choose another with --data DIR."
    )
    assert words in refused(box, old), "beside the new one"
    stopped(box)
    assert words in refused(box, old), "and alone"
    assert servers(box) == ran
    box.start()
    until(lambda: box.ready("ada"), "nothing was touched")
    assert box.stop() == 0
    assert not servers(box), "without --keep-servers they are stopped, those of before as well"


def test_a_release_with_another_database_has_another_format(release: str) -> None:
    version, number, revision = facts(python_of(release))
    assert version == release
    assert facts(sys.executable) == (__version__, FORMAT, HEAD)
    assert (number < FORMAT) == (revision != HEAD), "else an older program would not know it"


def test_an_upgrade_that_fails_leaves_the_way_back(box: Box) -> None:
    """What the new program cannot do, the old one can go on with."""
    old, ran = box.python, servers(box)
    assert box.stop() == 0
    box.python, good = sys.executable, box.file.read_text()
    box.file.write_text(json.dumps({**json.loads(good), "no": {"such": "key"}}))
    box.begin("--keep-servers")
    assert box.wait() == 2
    assert said(box, "format") == "1"
    box.python = old
    box.file.write_text(good)
    box.start()
    until(lambda: box.ready("ada"), "the server is adopted")
    assert servers(box) == ran
