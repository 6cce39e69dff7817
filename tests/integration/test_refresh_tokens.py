"""Who comes with a token is asked about as well, by one question for all."""

from collections.abc import AsyncIterator

import pytest

from perijove.store import auth_states as store
from perijove.store.database import Database
from tests.directory import role
from tests.integration.test_refresh import Asked

TOLD = {"en": "Signed out by the authenticator", "zh": "被认证方式退出登录"}


@pytest.fixture
async def asked(database: Database) -> AsyncIterator[Asked]:
    it = Asked(database)
    async with it.place.stack:
        yield it


async def test_a_token_opens_nothing_once_they_have_to_sign_in_again(asked: Asked) -> None:
    at = await asked.hub()
    token = await at.enter("ada")
    asked.directory.known = False
    asked.hands.seconds += 299
    assert (await at.client.get("/user", headers=token)).status_code == 200
    assert asked.directory.asked == []
    asked.hands.seconds += 1
    for _ in range(3):
        assert (await at.client.get("/user", headers=token)).status_code == 403
    assert len(asked.directory.asked) == 1
    asked.directory.known = RuntimeError("away")
    asked.hands.seconds += 301
    assert (await at.client.get("/user", headers=token)).status_code == 403
    [entry] = [
        it for it in (await at.client.get("/audit")).json()["entries"] if it["call"] == "GET /user"
    ]
    assert entry["details"] == {"name": "ada", "signed_out": True}
    asked.directory.known = None
    await at.signed_in("ada")
    asked.hands.seconds += 1  # what is read is believed for half a second
    assert (await at.client.get("/user", headers=token)).status_code == 200


async def test_a_token_has_the_new_rights_of_its_owner_at_once(asked: Asked) -> None:
    at = await asked.hub()
    token = await at.enter("ada")
    assert (await at.client.get("/users/ada", headers=token)).json()["groups"] == ["physics"]
    asked.directory.put("ada", groups=frozenset({"chem"}), roles=(role("admin"),))
    asked.hands.seconds += 301
    assert (await at.client.post("/users/x1", headers=token)).status_code == 201
    assert (await at.of("ada"))["groups"] == ["chem"]


async def test_what_it_cannot_say_lets_a_token_be_and_is_asked_once_in_a_while(
    asked: Asked,
) -> None:
    at = await asked.hub()
    token = await at.enter("ada")
    asked.directory.known = RuntimeError("away")
    asked.hands.seconds += 301
    for _ in range(3):
        assert (await at.client.get("/user", headers=token)).status_code == 200
    assert len(asked.directory.asked) == 1
    asked.hands.seconds += 31
    assert (await at.client.get("/user", headers=token)).status_code == 200
    assert len(asked.directory.asked) == 2


async def test_of_tokens_and_browsers_one_asks_and_the_others_claim_nothing(
    asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = await asked.hub()
    token, browser = await at.enter("ada"), await asked.browser(at)
    claims, claim = list[int](), store.claim_old

    def counted(user_id: int, *more: object) -> object:
        claims.append(user_id)
        return claim(user_id, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(store, "claim_old", counted)
    asked.directory.known = RuntimeError("away")
    asked.hands.seconds += 301
    await browser.get("/home")
    for _ in range(5):
        asked.hands.seconds += 1
        assert (await browser.get("/home")).url.path == "/hub/home"
        assert (await at.client.get("/user", headers=token)).status_code == 200
    assert len(claims) == len(asked.directory.asked) == 1


@pytest.mark.parametrize("language", ["en", "zh"])
async def test_the_audit_page_says_who_was_signed_out_by_it(asked: Asked, language: str) -> None:
    at = await asked.hub(admin_users=["root"])
    asked.directory.put("root")
    browser = await asked.browser(at)
    asked.directory.known = False
    await asked.later(browser)
    asked.directory.known = None
    admin = at.browser(language)
    await admin.sign_in("root", asked.directory.password)
    page = (await admin.get("/audit")).text
    assert TOLD[language] in page
