"""What holds for every page: language, policy, hidden values, no scripts or styles inside."""

import re

import pytest

from perijove.http.reader import Reader
from perijove.kit.clock import Clock
from perijove.web import drawing
from perijove.web.routes import PAGES
from tests.i18n.messages import all_of_them
from tests.web.desk import SECRET, Browser, Desk, Shown

LOOKED_AT = [
    ("", "/login", 200),
    ("", "/signup", 200),
    ("", f"/first?secret={SECRET}", 200),
    ("", "/first?secret=no", 403),
    ("lin.xiao", "/home", 200),
    ("lin.xiao", "/spawn/lin.xiao", 200),
    ("lin.xiao", "/token", 200),
    ("lin.xiao", "/account", 200),
    ("lin.xiao", "/account/audit", 200),
    ("lin.xiao", "/api/docs?q=zhuo", 200),
    ("lin.xiao", "/hoem", 404),
    ("lin.xiao", "/admin", 403),
    ("lin.xiao", "/language/fr", 404),
    ("lin.xiao", "/user/lin.xiao/lab", 424),
    ("chen.wei", "/admin", 200),
    ("chen.wei", "/admin?q=zhuo", 200),
    ("chen.wei", "/audit", 200),
    ("chen.wei", "/audit?since=soon", 200),
    ("chen.wei", "/admin/lin.xiao", 200),
    ("chen.wei", "/visit/lin.xiao", 200),
    ("", "/error/503?url=/hub/home", 200),
]
CHINESE = Reader(language="zh")


def test_each_template_compiles() -> None:
    """The hub compiles them when it runs already."""
    environment = drawing.load("/", Clock()).environment
    assert [environment.get_template(name).name for name in drawing.SOURCES] == [*drawing.SOURCES]


@pytest.mark.parametrize(("language", "tag"), [("en", "en"), ("zh", "zh-Hans")])
async def test_each_page_speaks_the_language_of_the_browser(
    desk: Desk, language: str, tag: str
) -> None:
    await desk.person("lin.xiao")
    await desk.person("chen.wei", admin=True)
    english = {text for text in all_of_them() if CHINESE.say(text.replace("%%", "%")) != text}
    browsers = {name: Browser(desk, language) for name in ("", "lin.xiao", "chen.wei")}
    for name in ("lin.xiao", "chen.wei"):
        await browsers[name].sign_in(name)
    for name, path, status in LOOKED_AT:
        answer = await browsers[name].get(path)
        assert answer.status_code == status, path
        assert f'<html lang="{tag}"' in answer.text, path
        shown = Shown(answer.text)
        if language == "zh":
            assert [text for text in shown.texts if text in english] == [], path
        policy = answer.headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert answer.headers["cache-control"] == "no-store"
        for kind, attributes in shown.tags:
            assert "style" not in attributes, path
            assert kind != "style", path
            assert kind != "script" or attributes.get("src"), path
            assert not any(each.startswith("on") for each in attributes), path
        forms = answer.text.count('method="post"')
        assert answer.text.count('name="_xsrf"') == forms, path
        assert not re.search(r'name="_xsrf" value=""', answer.text), path


async def test_no_form_is_taken_without_its_hidden_value(lin: Browser, chen: Browser) -> None:
    del lin
    for page in PAGES:
        if page.method == "POST" and not page.forged:
            path = re.sub(r"\{user\}", "lin.xiao", page.path)
            answer = await chen.http.post(chen.base + re.sub(r"\{\w+\}", "1", path))
            assert answer.status_code in {403, 404}, page.path
            assert "_xsrf" in answer.text or answer.status_code == 404, page.path


async def test_who_has_not_signed_in_is_sent_to_sign_in(desk: Desk) -> None:
    await desk.person("lin.xiao")
    for page in PAGES:
        if page.method == "GET" and not page.public:
            path = re.sub(r"\{user\}", "lin.xiao", page.path)
            browser = Browser(desk)
            browser.http.follow_redirects = False
            answer = await browser.get(re.sub(r"\{\w+\}", "x", path))
            assert answer.status_code == 302, page.path
            assert answer.headers["location"].startswith("/hub/login?next="), page.path


async def test_what_people_write_is_never_html(desk: Desk, chen: Browser) -> None:
    nasty = "<img src=x onerror=alert(1)>'\"&"
    await desk.person("lin.xiao", display_name=nasty, note=nasty)
    lin = Browser(desk)
    await lin.sign_in("lin.xiao")
    await lin.post("/token", "/token", note=nasty, expires_in="0", scopes="read:users!user")
    seen = [
        (lin, "/home"), (lin, "/account"), (lin, "/token"), (chen, "/admin"),
        (chen, "/admin/lin.xiao"), (chen, "/visit/lin.xiao"), (chen, f"/admin?q={nasty}"),
        (chen, f"/admin?said=deleted&what={nasty}"), (lin, f"/login?username={nasty}"),
        (Browser(desk), f"/login?username={nasty}"),
    ]  # fmt: skip
    for language in ("en", "zh"):
        for browser, path in seen:
            browser.http.headers["accept-language"] = language
            assert "<img" not in (await browser.get(path)).text, path
