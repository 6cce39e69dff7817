"""Servers whose hub is away, refuses, or speaks nonsense; and one whose kernel is busy."""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Timer
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.ports import free_port
from tests.singleuser.desk import Desk, open_desk
from tests.singleuser.kernel import Kernel
from tests.singleuser.server import COMMANDS, Server, until

ADA = {
    "kind": "user",
    "name": "ada",
    "admin": False,
    "groups": [],
    "scopes": ["access:servers!server=ada/"],
}
WITHOUT_JUPYTERHUB = """
import sys
sys.modules["jupyterhub"] = None
import perijove.singleuser.__main__ as it
it.main()
"""
"""None in sys.modules makes every import of it fail."""


@pytest.fixture(scope="module", autouse=True)
def early(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, tuple[Server, Server]]]:
    """Both servers under a hub that says 401, and under one that is not there for 20 seconds.

    Started before all tests of this module, for their patience takes most of a minute.
    """
    folder = tmp_path_factory.mktemp("early")
    with open_desk() as refusing, opening_after(20) as late:
        refusing.answers["GET /hub/api"] = (401, {})
        pairs = {
            kind: (
                Server(folder / kind / "refused", refusing.server_port).start(command),
                Server(folder / kind / "alone", late).start(command),
            )
            for kind, command in COMMANDS.items()
        }
        yield pairs
        for pair in pairs.values():
            for server in pair:
                server.end()


@contextmanager
def opening_after(seconds: float) -> Iterator[int]:
    """Yield the port of a hub that opens later."""
    port = free_port()
    with ExitStack() as stack:
        timer = Timer(seconds, lambda: stack.enter_context(open_desk(port)))
        timer.start()
        yield port
        timer.join()


@pytest.fixture
def desk() -> Iterator[Desk]:
    with open_desk() as it:
        it.people["good"] = ADA
        yield it


@pytest.fixture
def server(desk: Desk, tmp_path: Path) -> Iterator[Server]:
    it = Server(tmp_path / "ada", desk.server_port)
    yield it.start(
        [sys.executable, "-c", WITHOUT_JUPYTERHUB], JUPYTERHUB_ACTIVITY_INTERVAL="0.4"
    ).ready()
    it.end()


GOOD = {"Authorization": "token good"}


def test_our_server_needs_no_jupyterhub(server: Server) -> None:
    status = server.get("api/status", headers=GOOD)
    assert status.status_code == 200
    assert "jupyterhub" not in server.log.lower()


def test_what_the_hub_cannot_say_is_never_a_yes(server: Server, desk: Desk) -> None:
    for answer, shown in ((401, 500), (404, 500), (429, 500), (500, 502), (503, 502)):
        desk.answers["GET /hub/api/user"] = (answer, {"status": answer})
        assert (
            server.get("api/status", headers={"Authorization": f"token t{answer}"}).status_code
            == shown
        )
        page = server.get("lab", headers={"Authorization": f"token t{answer}"})
        assert page.status_code == shown
        assert "Traceback" not in page.text
    odd: tuple[Any, ...] = ("<html>", [], {}, {"name": ""})
    for nonsense in odd:
        desk.answers["GET /hub/api/user"] = (200, nonsense)
        assert server.get("api/status", headers={"Authorization": "token odd"}).status_code == 500
    del desk.answers["GET /hub/api/user"]
    assert server.get("api/status", headers={"Authorization": "token bad"}).status_code == 403
    assert server.get("api/status", headers=GOOD).status_code == 200
    assert server.get("api").status_code == 200


def test_a_visitor_without_the_scope_is_told_so_and_not_sent_in_circles(
    server: Server, desk: Desk
) -> None:
    desk.people["bobs"] = {**ADA, "name": "bob", "scopes": ["access:servers!server=bob/"]}
    page = server.get("lab", headers={"Authorization": "token bobs"})
    assert page.status_code == 403
    assert "bob is not allowed" in page.text


def test_a_busy_kernel_is_active_and_an_idle_one_is_not(server: Server, desk: Desk) -> None:
    def reports() -> list[str]:
        bodies = desk.asked("POST /hub/api/users/ada/activity")
        assert all(set(body) == {"servers", "last_activity"} for body in bodies)
        assert all(
            body["servers"] == {"": {"last_activity": body["last_activity"]}} for body in bodies
        )
        return [body["last_activity"] for body in bodies]

    until(lambda: len(reports()) >= 3, "three reports")
    assert len(set(reports()[-2:])) == 1, "nobody does anything"
    with Kernel(f"http://127.0.0.1:{server.port}{server.prefix}", GOOD) as kernel:
        kernel.run("1")
        kernel.begin("import time; time.sleep(6)")
        time.sleep(0.5)
        seen = len(reports())
        until(lambda: len(reports()) >= seen + 4, "four reports while it sleeps")
        assert len(set(reports()[seen : seen + 4])) == 4, "each says: now"
        kernel.run("1")
        time.sleep(0.5)
        seen = len(reports())
        until(lambda: len(reports()) >= seen + 3, "three reports")
        assert len(set(reports()[seen + 1 :])) == 1, "at rest again"


def test_a_terminal_that_computes_in_silence_is_active(server: Server, desk: Desk) -> None:
    def reports() -> list[str]:
        bodies = desk.asked("POST /hub/api/users/ada/activity")
        return [body["last_activity"] for body in bodies]

    where = f"127.0.0.1:{server.port}{server.prefix}"
    made = httpx.post(f"http://{where}api/terminals", headers=GOOD).json()
    with connect(f"ws://{where}terminals/websocket/{made['name']}", additional_headers=GOOD) as it:
        it.send(json.dumps(["stdin", "while :; do :; done\r"]))
        time.sleep(2)
    seen = len(reports())
    until(lambda: len(reports()) >= seen + 4, "four reports with nobody there")
    assert len(set(reports()[seen : seen + 4])) == 4, "each says: now"


def test_activity_is_sent_again_until_the_hub_takes_it(desk: Desk, tmp_path: Path) -> None:
    what = "POST /hub/api/users/zo%C3%AB%20x@y/activity"
    desk.answers[what] = (503, "")
    server = Server(tmp_path / "zoe", desk.server_port, user="zoë x@y", name="lab2")
    server.start(COMMANDS["ours"]).ready()
    try:
        until(lambda: len(desk.asked(what)) >= 2, "a second try")
        del desk.answers[what]
        tries = len(desk.asked(what))
        until(lambda: len(desk.asked(what)) > tries, "one more")
        assert set(desk.asked(what)[-1]["servers"]) == {"lab2"}
        assert server.get("api").status_code == 200
    finally:
        server.end()


def speak(kernel: Kernel) -> None:
    """Ask for a cell, and listen; what the kernel itself still says may end it sooner."""
    kernel.begin("open('made-it', 'w').close()")
    list(kernel.socket)


def test_who_is_signed_out_loses_the_kernels_socket_with_the_next_message(
    server: Server, desk: Desk
) -> None:
    with Kernel(f"http://127.0.0.1:{server.port}{server.prefix}", GOOD) as kernel:
        assert kernel.run("print(6 * 7)") == "42\n"
        desk.people.clear()
        time.sleep(1.0)
        with pytest.raises(ConnectionClosed) as closed:
            speak(kernel)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1008
        time.sleep(0.5)
        assert not (server.folder / "made-it").exists()


def test_who_is_signed_out_and_only_listens_hears_no_more_after_a_moment(
    server: Server, desk: Desk
) -> None:
    with Kernel(f"http://127.0.0.1:{server.port}{server.prefix}", GOOD) as kernel:
        kernel.run("1")
        kernel.begin("import time\nfor n in range(200): print(n, flush=True); time.sleep(0.1)")
        desk.people.clear()
        began = time.monotonic()
        with pytest.raises(ConnectionClosed) as closed:
            list(kernel.socket)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1008
        assert time.monotonic() - began < 10


def test_it_ends_within_seconds_with_a_busy_kernel(server: Server) -> None:
    with Kernel(f"http://127.0.0.1:{server.port}{server.prefix}", GOOD) as kernel:
        kernel.run("1")
        kernel.begin("import time; time.sleep(60)")
        time.sleep(0.3)
        assert server.stop() < 8
    assert server.process is not None
    assert server.process.returncode == 0


@pytest.mark.parametrize("kind", COMMANDS)
def test_a_hub_that_refuses_five_times_ends_the_server(
    early: dict[str, tuple[Server, Server]], kind: str
) -> None:
    refused, _ = early[kind]
    assert refused.process is not None
    assert refused.process.wait(timeout=70) == 1


@pytest.mark.parametrize("kind", COMMANDS)
def test_a_hub_that_comes_twenty_seconds_late_is_waited_for(
    early: dict[str, tuple[Server, Server]], kind: str
) -> None:
    _, alone = early[kind]
    alone.ready()


def last_used(server: Server) -> str:
    """Return what the server says of itself, as the hub asks it before it stops it."""
    return str(server.get("api/status", headers=GOOD).json()["last_activity"])


def test_an_open_tab_uses_nothing_and_whoever_saves_or_opens_a_page_does(server: Server) -> None:
    tab = ("api/kernels", "api/sessions", "api/terminals", "api/contents", "api/me")
    before = last_used(server)
    for path in tab:
        assert server.get(path, headers=GOOD).status_code == 200
    assert last_used(server) == before
    where = f"http://127.0.0.1:{server.port}{server.prefix}"
    body = {"type": "file", "format": "text", "content": "x"}
    assert httpx.put(f"{where}api/contents/a.txt", headers=GOOD, json=body).status_code == 201
    saved = last_used(server)
    assert saved > before
    assert server.get("lab", headers={**GOOD, "Sec-Fetch-Mode": "navigate"}).status_code == 200
    assert last_used(server) > saved


def test_what_installs_something_in_a_terminal_uses_the_server(server: Server) -> None:
    where = f"127.0.0.1:{server.port}{server.prefix}"
    made = httpx.post(f"http://{where}api/terminals", headers=GOOD).json()
    install = f'{sys.executable} -c "while True: sum(range(99999))"  # pip install\r'
    with connect(f"ws://{where}terminals/websocket/{made['name']}", additional_headers=GOOD) as it:
        it.send(json.dumps(["stdin", install]))
        time.sleep(1)
    last_used(server)
    time.sleep(1)
    one = last_used(server)
    time.sleep(1)
    assert last_used(server) > one
    assert httpx.delete(f"http://{where}api/terminals/{made['name']}", headers=GOOD).is_success
