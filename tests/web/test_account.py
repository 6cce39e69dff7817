"""My account and my tokens."""

import re
from pathlib import Path

import pytest

from perijove.model.token import Kind, Token
from perijove.store import tokens
from perijove.store.database import Database
from tests.web.desk import PASSWORD, Browser, Desk, Shown
from tests.web.desk import desk as open_desk


async def test_name_language_and_theme_are_saved(lin: Browser) -> None:
    page = await lin.post("/account", "/account", name="林晓", language="zh", theme="dark")
    assert '<html lang="zh-Hans"' in page.text
    assert 'data-theme="dark"' in page.text
    assert "已保存。" in page.text
    assert 'value="林晓"' in page.text
    back = await lin.post("/account", "/account", name="林晓", language="", theme="")
    assert '<html lang="en"' in back.text
    assert "data-theme=" not in back.text.partition("<body>")[0]


async def test_a_language_that_was_chosen_below_a_page_stands_in_the_account(lin: Browser) -> None:
    page = await lin.get("/language/zh?next=/hub/account")
    assert re.search(r'name="language" value="zh" checked', page.text)


async def test_the_password_changes_only_for_who_knows_it(desk: Desk, lin: Browser) -> None:
    other = Browser(desk)
    await other.sign_in("lin.xiao")
    wrong = await lin.post("/account/password", "/account", old="no", new="another sentence")
    assert "That is not the current password." in wrong.text
    assert "another sentence" not in wrong.text
    done = await lin.post("/account/password", "/account", old=PASSWORD, new="another sentence")
    assert "The password is changed." in done.text
    assert (await other.get("/home")).url.path == "/hub/login"


async def test_browsers_are_listed_and_ended(desk: Desk, lin: Browser) -> None:
    other = Browser(desk)
    await other.sign_in("lin.xiao")
    page = (await lin.get("/account")).text
    assert page.count("Firefox on Linux") >= 2
    assert "203.0.113.24" in page
    id = re.search(r"/hub/account/sessions/(\d+)", page)
    assert id
    assert "signed out" in (await lin.post(f"/account/sessions/{id[1]}", "/account")).text
    assert (await other.get("/home")).url.path == "/hub/login"
    await other.sign_in("lin.xiao")
    await lin.post("/account/sessions", "/account")
    assert (await other.get("/home")).url.path == "/hub/login"
    assert (await lin.get("/home")).url.path == "/hub/home"


async def test_a_token_is_shown_once_works_and_is_revoked(desk: Desk, lin: Browser) -> None:
    page = await lin.post(
        "/token", "/token", note="backup", expires_in="86400", scopes="read:users!user"
    )
    secret = re.search(r'<code id="token">(\w+)</code>', page.text)
    assert secret
    shown = await desk.hub.tokens.principal(secret[1])
    assert shown
    assert shown.name == "lin.xiao"
    listed = (await lin.get("/token")).text
    assert secret[1] not in listed
    assert "see who I am and what runs" in Shown(listed).text
    id = re.search(r"/hub/token/revoke/(\d+)", listed)
    assert id
    for odd in (str(1 << 63), 19 * "9", "\N{SUPERSCRIPT TWO}"):
        assert (await lin.post(f"/token/revoke/{odd}", "/token")).status_code == 404
    assert "revoked" in (await lin.post(f"/token/revoke/{id[1]}", "/token")).text
    assert await desk.hub.tokens.principal(secret[1]) is None


async def test_a_token_cannot_hold_more_than_its_owner(lin: Browser) -> None:
    page = await lin.post("/token", "/token", note="x", expires_in="86400", scopes="admin:users")
    assert page.status_code == 400
    assert "Not assigning requested scopes" in page.text


async def test_a_scope_of_the_configuration_is_offered_to_who_holds_it_in_its_words(
    database: Database, tmp_path: Path
) -> None:
    words = "see the <script>bench</script>"
    config = {
        "Authenticator": {"allow_all": True},
        "JupyterHub": {"custom_scopes": {"custom:lab:read": {"description": words}}},
    }
    role = {"scopes": ["custom:lab:read"], "users": ["lin.xiao"]}
    async with open_desk(database, tmp_path, loadRoles={"bench": role}, config=config) as at:
        lin, chen = Browser(at), Browser(at)
        for browser, name in ((lin, "lin.xiao"), (chen, "chen.wei")):
            await at.person(name)
            await browser.sign_in(name)
        assert words in Shown((await lin.get("/token")).text).text
        assert "custom:lab:read" not in (await chen.get("/token")).text
        made = {"note": "robot", "expires_in": "0"}
        page = await lin.post("/token", "/token", **made, scopes="custom:lab:read")
        secret = re.search(r'<code id="token">(\w+)</code>', page.text)
        assert secret
        shown = await at.hub.tokens.principal(secret[1])
        assert shown
        assert {it.text for it in shown.scopes} == {"custom:lab:read"}
        assert Shown((await lin.get("/token")).text).text.count(words) == 2  # offered, and given
        refused = await chen.post("/token", "/token", **made, scopes="custom:lab:read")
        assert refused.status_code == 400


OPENED = {
    "en": ("Server at /user/lin.xiao/", "Knows who you are · just now"),
    "zh": ("位于 /user/lin.xiao/ 的服务器", "可以确认你的身份 · 刚刚"),
}


@pytest.mark.parametrize("language", OPENED)
async def test_what_was_opened_is_said_in_the_language_of_who_reads(
    desk: Desk, language: str
) -> None:
    user = await desk.person("lin.xiao")
    for id, what in ((1, "Server at /user/lin.xiao/"), (2, "Grade book")):
        token = Token(
            id=id, kind=Kind.OAUTH, user_id=user.id, user="lin.xiao", note=f"OAuth: {what}",
            scopes=("inherit",), created=desk.hub.clock(), client=f"client-{id}",
        )  # fmt: skip
        await desk.hub.accounts.database.write(tokens.add(token, f"{id:064}"))
    lin = Browser(desk, language)
    await lin.sign_in("lin.xiao")
    said = Shown((await lin.get("/token")).text).text
    for words in (*OPENED[language], "Grade book"):
        assert words in said
    assert "OAuth" not in said
