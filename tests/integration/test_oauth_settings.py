"""What the values say of OAuth and tokens, at the hub's own door."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from perijove.app import Running
from perijove.http.cookies import LOGIN
from perijove.kit.tasks import in_background
from perijove.model.token import Kind
from perijove.settings import of
from perijove.store.database import Database
from tests import oauth
from tests.browser import Browser
from tests.parts import ADMIN_TOKEN, hub, user

of({})  # settings read their tables when they are first used
HOUR = 3600
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
"""Those of RFC 7636, appendix B."""


@pytest.fixture
async def running(database: Database, request: pytest.FixtureRequest) -> AsyncIterator[Running]:
    traits: dict[str, Any] = request.param
    it = await hub(database, tree={"hub": {"config": {"JupyterHub": traits}}})
    async with in_background(it.life.run()):
        yield it


@pytest.fixture
async def ada(running: Running) -> Browser:
    browser = Browser(running)
    await browser.sign_in(await user(running, "ada"))
    return browser


def told(**traits: object) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("running", [traits], indirect=True, ids=["told"])


@told(oauth_require_pkce=True)
async def test_a_client_that_sends_no_challenge_is_refused_if_the_values_demand_one(
    running: Running, ada: Browser
) -> None:
    client = await oauth.client_of(running)
    for none in ({}, {"code_challenge": ""}, {"code_challenge_method": "S256"}):
        refused = await oauth.ask(ada, client, **none)
        assert refused.headers["location"].startswith(f"{client.redirect_uri}?error=")
        assert oauth.led(refused) == {"error": ["invalid_request"], "state": ["opaque"]}
    asked = {"code_challenge": CHALLENGE, "code_challenge_method": "S256"}
    proven = await oauth.code(ada, client, **asked)
    assert (await oauth.redeem(ada, client, proven)).json()["error"] == "invalid_request"
    answer = await oauth.redeem(ada, client, proven, code_verifier=VERIFIER)
    assert answer.status_code == 200


@told(oauth_token_expires_in=HOUR, cookie_max_age_days=2)
async def test_what_a_client_is_given_lives_as_long_as_the_values_say(
    running: Running, ada: Browser
) -> None:
    said = await oauth.given(ada, await oauth.client_of(running))
    assert said["expires_in"] == HOUR
    tokens = await running.hub.tokens.of(await user(running))
    (token,) = [each for each in tokens if each.kind is Kind.OAUTH]
    assert token.expires == token.created + timedelta(hours=1)


@told(cookie_max_age_days=60)
async def test_a_browser_keeps_its_cookie_as_long_as_the_sign_in_is_good(
    running: Running,
) -> None:
    await running.hub.accounts.create("bob", password="a sentence works well")
    bob = Browser(running)
    value = (await bob.get("hub/login")).text.partition('name="_xsrf" value="')[2]
    form = {"username": "bob", "password": "a sentence works well"}
    answer = await bob.post("hub/login", data={**form, "_xsrf": value.partition('"')[0]})
    (cookie,) = [it for it in answer.headers.get_list("set-cookie") if it.startswith(LOGIN)]
    assert f"Max-Age={60 * 86400};" in cookie
    (session,) = await running.hub.sessions.of(await user(running, "bob"))
    assert session.expires == session.created + timedelta(days=60)
    said = await oauth.given(bob, await oauth.client_of(running, "bob"))
    assert said["expires_in"] == 60 * 86400


@told(token_expires_in_max_seconds=HOUR)
async def test_no_token_lives_longer_than_the_values_allow(running: Running) -> None:
    await user(running)
    by = {"authorization": f"token {ADMIN_TOKEN}"}
    path = "hub/api/users/ada/tokens"
    root = Browser(running, **by)
    for asked in ({}, {"expires_in": None}, {"expires_in": HOUR}):
        made = (await root.post(path, json=asked)).json()
        begun, ends = (datetime.fromisoformat(made[key]) for key in ("created", "expires_at"))
        assert ends == begun + timedelta(hours=1), asked
    short = (await root.post(path, json={"expires_in": 1})).json()
    begun, ends = (datetime.fromisoformat(short[key]) for key in ("created", "expires_at"))
    assert ends == begun + timedelta(seconds=1)
    long = await root.post(path, json={"expires_in": HOUR + 1})
    assert (long.status_code, long.json()["code"]) == (400, "lives-too-long")


@told(token_expires_in_max_seconds=2 * 86400)
async def test_the_page_offers_no_longer_life_and_makes_none(
    running: Running, ada: Browser
) -> None:
    page = await ada.get("hub/token")
    assert [each in page.text for each in ("1 day, until", "2 days, until", "30 days")] == [
        True, True, False,
    ]  # fmt: skip
    assert "Until I revoke it" not in page.text
    form = {"_xsrf": await ada.xsrf(), "note": "mine", "scopes": "read:users!user"}
    refused = await ada.post("hub/token", data={**form, "expires_in": str(2 * 86400 + 1)})
    assert refused.status_code == 400
    assert "A token lives for 172800 seconds at most" in refused.text
    assert (await ada.post("hub/token", data={**form, "expires_in": "0"})).status_code == 200
    (token,) = await running.hub.tokens.of(await user(running))
    assert token.expires == token.created + timedelta(days=2)
