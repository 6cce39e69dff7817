"""The page of services, and their place on the home page and at the top."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from perijove.store.database import Database
from tests.web.desk import Browser, Desk, Shown
from tests.web.desk import desk as open_desk

SERVICES = {
    "grades": {"url": "http://127.0.0.1:9001"},
    "forms": {"url": "http://127.0.0.1:9002"},
    "hidden": {"url": "http://127.0.0.1:9003", "display": False},
    "cull": {"api_token": "the-token-of-cull"},
    "<b>": {"url": "http://127.0.0.1:9004"},
}
ROLES = {
    "graders": {
        "scopes": ["access:services!service=grades", "access:services!service=hidden",
                   "access:services!service=<b>"],
        "users": ["lin.xiao"],
    }
}  # fmt: skip


@pytest.fixture
async def desk(database: Database, tmp_path: Path) -> AsyncIterator[Desk]:
    async with open_desk(database, tmp_path, services=SERVICES, loadRoles=ROLES) as it:
        yield it


@pytest.mark.parametrize("path", ["/services", "/services/", "/home"])
async def test_people_see_what_they_may_open(desk: Desk, lin: Browser, path: str) -> None:
    del desk
    page = (await lin.get(path)).text
    shown = Shown(page)
    leads = {about["href"] for tag, about in shown.tags if tag == "a" and "href" in about}
    assert {it for it in leads if it.startswith("/services/")} == {
        "/services/grades/", "/services/%3Cb%3E/",
    }  # fmt: skip
    assert "/hub/services" in leads
    assert "<b>" in shown.texts
    assert not {"forms", "hidden", "cull"} & set(shown.texts)


async def test_whoever_may_open_none_is_not_bothered(desk: Desk) -> None:
    await desk.person("bob")
    bob = Browser(desk)
    await bob.sign_in("bob")
    assert "/services" not in (await bob.get("/home")).text
    assert "None is open to you." in (await bob.get("/services")).text


async def test_an_administrator_sees_all_and_how_they_do(desk: Desk, chen: Browser) -> None:
    services = desk.hub.services
    services.kept |= {"grades", "forms"}
    services.answering |= {"grades": True, "forms": False}
    texts = Shown((await chen.get("/services")).text).texts
    every = texts[texts.index("All services") :]
    assert {it for it in every if it in SERVICES} == set(SERVICES)
    assert {"Running", "Does not answer", "Runs elsewhere"} <= set(every)


async def test_an_address_without_its_last_slash_leads_on(desk: Desk, lin: Browser) -> None:
    del desk
    lin.http.follow_redirects = False
    answer = await lin.get("/services/grades")
    assert (answer.status_code, answer.headers["location"]) == (302, "/services/grades/")
    assert (await lin.get("/services/none")).status_code == 404
    assert (await lin.get("/services/cull")).status_code == 404


async def test_both_languages(desk: Desk, lin: Browser) -> None:
    del lin
    browser = Browser(desk, "zh")
    await browser.sign_in("lin.xiao")
    assert "服务器之外的程序" in (await browser.get("/services")).text
