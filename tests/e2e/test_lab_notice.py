"""Whoever sits before JupyterLab is told there that their server is stopped soon."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.chromium import person
from tests.e2e.lab import Lab
from tests.singleuser.box import Box
from tests.singleuser.server import COMMANDS


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    it = Box(
        tmp_path,
        hub={
            "config": {
                "JupyterHub": {"authenticator_class": "dummy"},
                "Authenticator": {"allow_all": True},
            }
        },
        singleuser={
            "cmd": COMMANDS["ours"],
            "extraEnv": {"JUPYTERHUB_ACTIVITY_INTERVAL": "1"},
        },
        cull={"timeout": 600, "warn": 600},
    )
    try:
        it.start()
        assert it.hub("POST", "/users/ada")[0] == 201
        it.run_server("ada")
        yield it
        assert it.stop() == 0
    finally:
        it.open.close()
        it.end()


@pytest.mark.parametrize(
    ("locale", "words", "button"),
    [("en-US", "This server will be stopped at", "Extend…"), ("zh-CN", "服务器将于", "去延长")],
)
def test_jupyterlab_tells_of_a_stop_and_leads_to_where_it_is_put_off(
    box: Box, browser: Browser, locale: str, words: str, button: str
) -> None:
    with person(browser, box.url(), locale) as context:
        page = context.new_page()
        page.goto("/hub/login?next=/user/ada/lab")
        page.locator("input[name=username]").fill("ada")
        page.locator("input[name=password]").fill("any")
        page.keyboard.press("Enter")
        Lab(page).wait()
        toast = page.get_by_role("alert").filter(has_text=words)
        expect(toast.get_by_text(words)).to_be_visible()
        with context.expect_page() as opened:
            toast.get_by_role("button", name=button).click()
        opened.value.wait_for_url("**/hub/home")
        expect(opened.value.locator("article form button").first).to_be_visible()
