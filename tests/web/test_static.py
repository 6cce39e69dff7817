"""Stylesheet, icons and modules: small, kept by browsers, and asked for again when they change."""

import re

from perijove.web.static_files import ASSETS, FOLDER, VERSION
from tests.web.desk import Browser, Desk

BUDGET = 40_000


def test_stylesheet_and_modules_are_light() -> None:
    weights = {path.name: path.stat().st_size for path in FOLDER.iterdir()}
    assert sum(size for name, size in weights.items() if name.endswith((".css", ".js"))) <= BUDGET


def test_a_module_loads_only_modules_that_are_there() -> None:
    for name, asset in ASSETS.items():
        for wanted in re.findall(rb'from "\./([\w.]+)"', asset.body):
            assert wanted.decode() in ASSETS, name


async def test_an_address_with_the_hash_is_kept_for_ever(desk: Desk) -> None:
    answer = await Browser(desk).get(f"/static/{VERSION}/app.js")
    assert answer.status_code == 200
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["content-type"].startswith("text/javascript")
    assert answer.content == ASSETS["app.js"].body
    old = await Browser(desk).get("/static/of-another-version/app.js")
    assert old.headers["cache-control"] == "no-cache"


async def test_what_is_known_is_not_sent_again(desk: Desk) -> None:
    browser = Browser(desk)
    first = await browser.get("/static/perijove.css")
    browser.http.headers["if-none-match"] = first.headers["etag"]
    again = await browser.get("/static/perijove.css")
    assert (again.status_code, again.content) == (304, b"")


async def test_nothing_outside_the_folder_is_sent(desk: Desk) -> None:
    browser = Browser(desk)
    for path in ("/static/../routes.py", "/static/%2e%2e/routes.py", "/static/x", "/static/"):
        assert (await browser.get(path)).status_code == 404, path


async def test_the_logo_and_the_icon_stand_where_servers_look_for_them(desk: Desk) -> None:
    browser = Browser(desk)
    for path in ("/logo", "/static/favicon.ico"):
        answer = await browser.get(path)
        assert answer.headers["content-type"] == "image/svg+xml", path
