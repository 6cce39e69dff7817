"""The page about the REST API: every call of it, found by a word, with an example that works."""

import asyncio
import json
import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from perijove.http.openapi import SUBJECTS, document
from perijove.store.database import Database
from perijove.web.docs import ORDER, kind, operations
from tests.parts import ADMIN_TOKEN
from tests.ports import free_port
from tests.web.desk import Browser, Desk, Shown
from tests.web.desk import desk as open_desk


def calls(page: str) -> list[str]:
    return re.findall(r'<details class="drawer" id="(\w+)"', page)


async def told(browser: Browser) -> dict[str, Any]:
    found: dict[str, Any] = (await browser.get("/api/openapi.json")).json()
    return found


@pytest.mark.parametrize("language", ["en", "zh"])
async def test_every_call_is_on_the_page_for_everybody(desk: Desk, language: str) -> None:
    browser = Browser(desk, language)
    page = await browser.get("/api/docs")
    assert page.status_code == 200
    methods = [it for path in (await told(browser))["paths"].values() for it in path.values()]
    assert sorted(calls(page.text)) == sorted(it["operationId"] for it in methods)
    assert "default-src 'self'" in page.headers["content-security-policy"]
    assert {it["tags"][0] for it in methods} <= set(ORDER)
    word = {"en": "Needs one of these permissions", "zh": "需要以下权限之一"}[language]
    assert word in page.text
    assert "<style" not in page.text
    assert re.findall(r"<script[^>]*>", page.text) == re.findall(
        r'<script type="module" src="[^"]+app.js">', page.text
    )


async def test_calls_are_found_by_path_method_permission_or_word(desk: Desk) -> None:
    browser = Browser(desk)
    for query, found in {
        "get+list:users": ["get_api_users"],
        "POST+/groups/+members": [],
        "POST+groups/{group}/users": ["post_api_groups_group_users"],
        "shutdown": ["post_api_shutdown"],
    }.items():
        page = (await browser.get(f"/api/docs?q={query}")).text
        shown = calls(page)
        assert [it for it in found if it not in shown] == [], query
        assert len(shown) < 8, query
        assert ("No call matches" in page) == (not shown), query
    one = (await browser.get("/api/docs?q=post_+shutdown")).text
    assert "No call matches" in one
    assert '" open><summary>' in (await browser.get("/api/docs?q=/shutdown")).text, "few stand open"
    nasty = (await browser.get("/api/docs?q=<img src=x>")).text
    assert "<img" not in nasty


async def test_a_call_tells_of_its_parameters_body_answers_and_permissions(desk: Desk) -> None:
    text = Shown((await Browser(desk).get("/api/docs?q=post+/hub/api/users+add")).text).text
    assert "Needs one of these permissions: admin:users" in text
    assert "failures boolean in the query" in text
    assert "usernames list of string is needed" in text
    assert "201 Made list of UserModel" in text
    assert "last_activity string (date-time) or null" in text
    assert "409 There is one already Problem" in text


async def test_examples_work_in_a_shell(database: Database, tmp_path: Path) -> None:
    port = free_port()
    async with open_desk(database, tmp_path, baseUrl="/jupyter/") as desk:
        server = uvicorn.Server(
            uvicorn.Config(desk.running.app, port=port, log_level="warning", lifespan="off")
        )
        serving = asyncio.ensure_future(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        browser = Browser(desk)
        browser.http.headers["host"] = f"127.0.0.1:{port}"
        page = (await browser.get("/api/docs")).text
        examples = {
            id: unescape(text)
            for id, text in re.findall(r'<code id="(\w+)-example">(.*?)</code>', page, re.DOTALL)
        }
        base = f'"http://127.0.0.1:{port}/jupyter/hub/api'
        assert all(base in it or f"127.0.0.1:{port}/jupyter/hub/" in it for it in examples.values())
        made = await _shell(examples["post_api_users_user"].replace("USER", "wu.min"))
        assert made["name"] == "wu.min"
        assert [it["name"] for it in await _shell(examples["get_api_users"])] == ["wu.min"]
        many = await _shell(examples["post_api_users"].replace("…", "gao.lin"))
        assert [it["name"] for it in many] == ["gao.lin"]
        assert (await _shell(examples["get_api_user"]))["kind"] == "service"
        server.should_exit = True
        await serving


async def _shell(line: str) -> Any:
    process = await asyncio.create_subprocess_exec(
        "sh", "-c", line, env={"PERIJOVE_TOKEN": ADMIN_TOKEN, "PATH": "/usr/bin:/bin"},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate()
    assert process.returncode == 0, err
    return json.loads(out)


async def test_a_host_that_somebody_made_up_is_not_kept_for_the_next(desk: Desk) -> None:
    browser = Browser(desk)
    browser.http.headers["host"] = 'evil.test"><img src=x'
    assert "<img" not in (await browser.get("/api/docs")).text
    browser.http.headers["host"] = "hub.example"
    page = (await browser.get("/api/docs")).text
    assert "evil" not in page
    assert "http://hub.example/hub/api/users" in unescape(page)
    assert "site.invalid" not in page


def test_a_kind_is_told_in_words() -> None:
    assert kind({"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "null"}]}) == (
        "list of string or null"
    )
    assert kind({"enum": ["a", "b"]}) == "a or b"
    assert kind({"$ref": "#/components/schemas/UserModel"}) == "UserModel"
    assert kind({}) == "anything"
    assert operations(document([])) == []
    assert len({name for name, _ in SUBJECTS}) == len(ORDER)
