"""What a service asks of a person, on the page where they say yes: their scopes, in words."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from perijove.settings import of
from perijove.store.database import Database
from tests.web.desk import Browser, Desk, Shown
from tests.web.desk import desk as open_desk

SECRET = "the-token-of-the-service-grades"
BACK = "/services/grades/oauth_callback"
WRITE, READ = "use the <b>bench</b>", "see the bench"
CONFIG: dict[str, Any] = {
    "Authenticator": {"allow_all": True},
    "JupyterHub": {"custom_scopes": {
        "custom:lab:read": {"description": READ},
        "custom:lab:write": {"description": WRITE, "subscopes": ["custom:lab:read"]},
    }},
}  # fmt: skip
SERVICES = {
    "grades": {
        "url": "http://127.0.0.1:9001",
        "api_token": SECRET,
        "oauth_client_allowed_scopes": ["custom:lab:write", "read:servers!user"],
    }
}
ROLES = {
    "user": {"scopes": ["self", "access:services!service=grades"]},
    "bench": {"scopes": ["custom:lab:write"], "users": ["lin.xiao"]},
}
KEYS: dict[str, Any] = {"config": CONFIG, "services": SERVICES, "loadRoles": ROLES}
of({"hub": KEYS})  # settings read their tables when they are first used
ASKED = (
    "/api/oauth2/authorize?client_id=service-grades&response_type=code&state=x"
    f"&redirect_uri={quote(BACK, safe='')}"
)


@pytest.fixture
async def desk(database: Database, tmp_path: Path) -> AsyncIterator[Desk]:
    async with open_desk(database, tmp_path, **KEYS) as it:
        for name in ("lin.xiao", "chen.wei"):
            await it.person(name)
        yield it


async def consented(desk: Desk, browser: Browser, *scopes: str) -> set[str]:
    """Say yes to `scopes`; return what the token holds that the service is given."""
    browser.http.follow_redirects = False
    led = await browser.post(ASKED, ASKED, scopes=list(scopes))
    assert led.status_code == 302, led.text
    address = urlsplit(led.headers["location"])
    assert address.path == BACK
    secret, _ = await desk.hub.grants.redeem({
        "grant_type": "authorization_code", "client_id": "service-grades",
        "client_secret": SECRET, "redirect_uri": BACK, "code": parse_qs(address.query)["code"][0],
    })  # fmt: skip
    principal = await desk.hub.tokens.principal(secret)
    assert principal
    return {scope.text for scope in principal.scopes}


@pytest.mark.parametrize("language", ["en", "zh"])
async def test_a_scope_of_the_configuration_is_asked_for_in_its_own_words(
    desk: Desk, language: str
) -> None:
    lin = Browser(desk, language)
    await lin.sign_in("lin.xiao")
    shown = Shown((await lin.get(ASKED)).text)
    assert WRITE in shown.texts
    assert READ not in shown.text, "whoever may use it may see it: that is said once"
    offered = {it["value"] for _, it in shown.tags if it.get("name") == "scopes"}
    assert {"custom:lab:write", "read:servers!user=lin.xiao"} <= offered
    assert "custom:lab:read" not in offered
    held = await consented(desk, lin, *offered)
    assert {"custom:lab:write", "custom:lab:read", "read:servers!user=lin.xiao"} <= held


async def test_what_is_not_ticked_is_not_given_and_what_was_not_offered_neither(
    desk: Desk,
) -> None:
    lin = Browser(desk)
    await lin.sign_in("lin.xiao")
    held = await consented(desk, lin, "read:servers!user=lin.xiao", "tokens!user=lin.xiao")
    assert "read:servers!user=lin.xiao" in held
    assert not {it for it in held if it.startswith(("custom:", "tokens", "read:tokens"))}


async def test_whoever_does_not_hold_it_is_not_asked_for_it_and_cannot_give_it(desk: Desk) -> None:
    chen = Browser(desk)
    await chen.sign_in("chen.wei")
    page = (await chen.get(ASKED)).text
    assert "custom:" not in page
    assert "bench" not in Shown(page).text
    held = await consented(desk, chen, "custom:lab:write", "custom:lab:read")
    assert not {it for it in held if it.startswith("custom:")}
