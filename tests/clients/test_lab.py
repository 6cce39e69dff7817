"""What people add to JupyterLab, unmodified, in a server of ours, and the menu of the hub."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.clients import editor
from tests.clients.programs import python
from tests.e2e.box import until
from tests.e2e.chromium import person
from tests.e2e.lab import Lab
from tests.ports import free_port
from tests.singleuser.box import Box
from tests.singleuser.server import COMMANDS

_SLOW = 60_000


def beside(folder: Path) -> dict[str, str]:
    """Return what a server finds the additions by, and the program `code-server`."""
    root = python("lab").parents[1]
    programs = folder / "programs"
    programs.mkdir()
    program = programs / "code-server"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{editor.__file__}" "$@"\n')
    program.chmod(0o755)
    return {
        "PATH": f"{programs}:{root / 'bin'}:{os.environ['PATH']}",
        "PYTHONPATH": str(next(root.glob("lib/python*/site-packages"))),
        "JUPYTER_CONFIG_PATH": str(root / "etc/jupyter"),
        "JUPYTER_PATH": str(root / "share/jupyter"),
        "GIT_CONFIG_GLOBAL": "/dev/null",
    }


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    folder = tmp_path_factory.mktemp("box")
    hub = {
        "JupyterHub": {"authenticator_class": "dummy"},
        "Authenticator": {"allow_all": True},
    }
    server = {"cmd": COMMANDS["ours"], "extraEnv": beside(folder)}
    it = Box(folder, hub={"config": hub}, singleuser=server)
    try:
        it.start()
        for name in ("ada", "bob"):
            assert it.hub("POST", f"/users/{name}")[0] == 201
        it.run_server("ada")
        yield it
        assert it.stop() == 0
    finally:
        it.open.close()
        it.end()


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """A program that somebody runs beside their server."""
    port = free_port()
    with subprocess.Popen([sys.executable, editor.__file__, f"--port={port}"]) as program:
        until(partial(answers, port), "it listens")
        yield port
        program.terminate()


def answers(port: int) -> bool:
    with suppress(httpx.TransportError):
        return httpx.get(f"http://127.0.0.1:{port}/").status_code == 200
    return False


def cookies(box: Box, name: str) -> dict[str, str]:
    """Return the headers of somebody's browser that has opened ada's server."""
    browser = box.browser(name)
    browser.follow(browser.go("/user/ada/lab"))
    line = "; ".join(
        f"{key}={value}" for (key, at), value in browser.cookies().items() if at != "/hub/"
    )
    return {"Cookie": line, "Origin": box.url().rstrip("/")}


def test_what_runs_beside_the_server_is_reached_through_it_after_a_sign_in(
    box: Box, port: int
) -> None:
    path = f"/user/ada/proxy/{port}/some/file"
    nobody = httpx.get(box.url(path))
    assert nobody.status_code in {302, 403}
    ada = box.browser("ada")
    answer = ada.follow(ada.go(path))
    assert (answer.status_code, answer.text) == (200, "the editor at /some/file")
    bob = box.browser("bob")
    assert bob.follow(bob.go(path)).status_code in {403, 404}
    token = {"Authorization": f"token {box.token('bob')}"}
    assert httpx.get(box.url(path), headers=token).status_code == 403


def test_scripts_of_its_pages_reach_it_too_as_it_checks_them_itself(box: Box, port: int) -> None:
    url = box.url(f"/user/ada/proxy/{port}/save")
    page = {**cookies(box, "ada"), "Sec-Fetch-Mode": "cors", "Sec-Fetch-Site": "same-origin"}
    for method in ("GET", "POST"):
        answer = httpx.request(method, url, headers=page)
        assert (answer.status_code, answer.text) == (200, "the editor at /save")
    assert httpx.post(url, headers={**page, "Cookie": ""}).status_code == 403
    evil = {**page, "Sec-Fetch-Site": "cross-site"}
    assert httpx.post(url, headers=evil).status_code == 403
    form = {**evil, "Sec-Fetch-Mode": "navigate"}
    assert httpx.post(url, headers=form).status_code in {302, 403}
    contents = box.url("/user/ada/api/contents")
    assert httpx.post(contents, headers=page, json={}).status_code == 403, "it is not its own"


def test_its_websockets_are_too(box: Box, port: int) -> None:
    url = box.url(f"/user/ada/proxy/{port}/echo").replace("http", "ws", 1)
    with connect(url, additional_headers=cookies(box, "ada")) as socket:
        for message in ("some text", b"\x00\xff" * 40_000):
            socket.send(message)
            assert socket.recv(timeout=20) == message
    with pytest.raises(InvalidStatus), connect(url):
        pass
    with pytest.raises(InvalidStatus), connect(url, additional_headers=cookies(box, "bob")):
        pass


def test_vs_code_stands_in_the_launcher_and_is_started_when_it_is_opened(box: Box) -> None:
    ada = box.browser("ada")
    ada.follow(ada.go("/user/ada/lab"))
    entries = ada.fetch("/user/ada/server-proxy/servers-info").json()["server_processes"]
    assert [it["name"] for it in entries] == ["vscode"]
    assert entries[0]["launcher_entry"]["title"] == "VS Code"
    answer = ada.follow(ada.go("/user/ada/vscode/"))
    assert (answer.status_code, answer.text) == (200, "the editor at /")


@pytest.fixture
def course(tmp_path: Path) -> Path:
    """The repository of a course."""
    course = tmp_path / "course"
    course.mkdir()
    (course / "welcome.md").write_text("# Welcome to the course\n")
    me = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    for words in (("init", "-q", "-b", "main"), ("add", "."), (*me, "commit", "-qm", "Begin")):
        subprocess.run(["git", *words], cwd=course, check=True)
    return course


def test_a_link_of_nbgitpuller_brings_the_course_and_the_hubs_menu_leads_back(
    box: Box, browser: Browser, course: Path
) -> None:
    with person(browser, box.url()) as context:
        page = context.new_page()
        page.goto(
            f"/hub/user-redirect/git-pull?repo=file://{course}&branch=main"
            "&urlpath=lab%2Ftree%2Fcourse%2Fwelcome.md%3Fautodecode"
        )
        page.locator("input[name=username]").fill("cleo")
        page.locator("input[name=password]").fill("any")
        page.keyboard.press("Enter")
        page.wait_for_url("**/user/cleo/lab/tree/course/welcome.md**", timeout=_SLOW)
        Lab(page).wait()
        expect(page.get_by_text("Welcome to the course").first).to_be_visible(timeout=_SLOW)

        with context.expect_page() as opened:
            of_the_menu(page, "Hub Control Panel")
        opened.value.wait_for_url("**/hub/home")
        of_the_menu(page, "Log Out")
        page.wait_for_url("**/hub/login**", timeout=_SLOW)
        page.goto("/user/cleo/lab")
        expect(page.locator("input[name=username]")).to_be_visible()


def of_the_menu(page: Page, entry: str) -> None:
    """Choose an entry of the menu File."""
    page.locator("#jp-MainMenu").get_by_text("File", exact=True).click()
    page.locator(".lm-Menu-itemLabel").get_by_text(entry, exact=True).filter(visible=True).click()
