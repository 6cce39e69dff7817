"""The authenticator is asked again who somebody is; what it cannot say changes nothing."""

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from perijove.settings import of
from perijove.store.database import Database
from tests.directory import PASSWORD, AskedAgain, role
from tests.doors import Hands
from tests.integration.test_managed import At, Place
from tests.parts import services
from tests.web.desk import Browser

SECRET = "gho_nobody_may_read_this_7f3a"
STATE, NEWER = {"access_token": SECRET, "n": 1}, {"access_token": SECRET, "n": 2}
TREE = {
    "config": {"CryptKeeper": {"keys": ["11" * 32]}},
    "hub": services(starts=("servers", "read:users"))["hub"],
}
of({"hub": TREE["hub"]})  # settings read their tables when they are first used
GONE = "sign in again, to show that it is still you"


class Asked:
    """Hubs whose authenticator can be asked, at a clock that the test moves."""

    def __init__(self, database: Database) -> None:
        self.hands, self.directory = Hands(), AskedAgain()
        self.place = Place(database, self.directory, self.hands.clock())
        self.directory.put("ada", auth_state=STATE, groups=frozenset({"physics"}))

    async def hub(self, **traits: Any) -> At:
        return await self.place.hub(TREE, enable_auth_state=True, **traits)

    async def browser(self, at: At, language: str = "en") -> Browser:
        browser = at.browser(language)
        entered = await browser.sign_in("ada", PASSWORD)
        assert entered.url.path == "/hub/home", entered.text
        return browser

    async def later(self, browser: Browser, seconds: float = 301) -> httpx.Response:
        self.hands.seconds += seconds
        return await browser.get("/home")


@pytest.fixture
async def asked(database: Database) -> AsyncIterator[Asked]:
    it = Asked(database)
    async with it.place.stack:
        yield it


async def test_it_is_asked_when_its_answer_is_old_and_not_before(asked: Asked) -> None:
    at = await asked.hub()
    browser = await asked.browser(at)
    assert (await asked.later(browser, 299)).url.path == "/hub/home"
    assert asked.directory.asked == []  # the sign-in was an answer
    await asked.later(browser, 1)
    assert asked.directory.asked == [("ada", STATE)]
    await asked.later(browser, 299)
    assert len(asked.directory.asked) == 1
    await asked.later(browser, 1)
    assert len(asked.directory.asked) == 2


@pytest.mark.parametrize("age", [0, 60])
async def test_how_old_it_may_be_is_a_setting(asked: Asked, age: int) -> None:
    at = await asked.hub(auth_refresh_age=age)
    browser = await asked.browser(at)
    await asked.later(browser, 60)
    assert len(asked.directory.asked) == bool(age)
    await asked.later(browser, 9999)
    assert len(asked.directory.asked) == 2 * bool(age)


async def test_what_it_answers_is_written(asked: Asked) -> None:
    at = await asked.hub()
    browser = await asked.browser(at)
    asked.directory.put(
        "ada", auth_state=NEWER, groups=frozenset({"chem"}), roles=(role("tutor", "read:hub"),)
    )
    assert (await asked.later(browser)).url.path == "/hub/home"
    found = await at.of("ada")
    assert (found["groups"], found["roles"]) == (["chem"], ["tutor", "user"])
    assert found["auth_state"] == NEWER
    asked.directory.known = True  # as before
    await asked.later(browser)
    assert (await at.of("ada"))["auth_state"] == NEWER


async def test_the_request_that_asks_has_the_new_rights_already(asked: Asked) -> None:
    at = await asked.hub()
    browser = await asked.browser(at)
    assert (await browser.get("/admin")).status_code == 403
    asked.directory.put("ada", roles=(role("admin"),))
    asked.hands.seconds += 301
    assert (await browser.get("/admin")).status_code == 200
    asked.directory.put("ada", roles=())
    asked.hands.seconds += 301
    assert (await browser.get("/admin")).status_code == 403


@pytest.mark.parametrize(("language", "words"), [("en", GONE), ("zh", "请重新登录")])
async def test_who_is_not_known_any_more_is_signed_out_in_words(
    asked: Asked, language: str, words: str
) -> None:
    at = await asked.hub()
    browser, other = await asked.browser(at, language), await asked.browser(at)
    cookies = dict(browser.http.cookies)
    asked.directory.known = False
    page = await asked.later(browser)
    assert page.url.path == "/hub/login"
    assert page.url.params["next"] == "/hub/home"
    assert words in page.text
    asked.directory.known = None
    for each in (browser, other):  # the sessions are gone, wherever they were
        assert (await each.get("/home")).url.path == "/hub/login"
    stolen = at.browser()
    stolen.http.cookies.update(cookies)
    assert (await stolen.get("/home")).url.path == "/hub/login"
    [entry] = [it for it in (await at.client.get("/audit")).json()["entries"]
               if it["call"] == "GET /home"]  # fmt: skip
    assert (entry["details"]["name"], entry["details"]["signed_out"]) == ("ada", True)
    again = await browser.sign_in("ada", PASSWORD)
    assert again.url.path == "/hub/home"
    assert (await at.of("ada"))["auth_state"] == STATE  # nothing was lost by it


async def test_a_program_with_the_cookie_is_told_as_any_that_is_not_known(asked: Asked) -> None:
    at = await asked.hub()
    browser = await asked.browser(at)
    assert (await browser.get("/api/user")).status_code == 200
    asked.directory.known = False
    asked.hands.seconds += 301
    assert (await browser.get("/api/user")).status_code == 403
    asked.directory.known = None
    assert (await browser.get("/api/user")).status_code == 403


async def test_a_secret_in_the_path_is_not_in_the_audit_log(asked: Asked) -> None:
    at = await asked.hub()
    shows = await at.enter("ada")
    secret = (await at.client.post("/users/ada/tokens")).json()["token"]
    asked.directory.known = False
    asked.hands.seconds += 301
    await at.client.get(f"/authorizations/token/{secret}", headers=shows)
    told = str((await at.client.get("/audit")).json())
    assert "/authorizations/token/{secret}" in told
    assert secret not in told


@pytest.mark.parametrize("wrong", ["raises", "another", "slow"])
async def test_what_it_cannot_say_changes_nothing_and_is_asked_again(
    asked: Asked, wrong: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.DEBUG)
    at = await asked.hub()
    browser = await asked.browser(at)
    if wrong == "raises":
        asked.directory.known = RuntimeError(f"401 for {SECRET}")
    elif wrong == "another":
        asked.directory.people["ada"] = asked.directory.people["ada"].__class__("eve")
    else:
        monkeypatch.setattr("perijove.core.refresh._PATIENCE", 0.2)
        asked.directory.slow = asyncio.Event()
    assert (await asked.later(browser)).url.path == "/hub/home"
    found = await at.of("ada")
    assert (found["auth_state"], found["groups"]) == (STATE, ["physics"])
    assert "all stays as it was" in caplog.text
    assert SECRET not in caplog.text
    await asked.later(browser, 20)
    assert len(asked.directory.asked) == 1  # nobody hammers what is ill
    asked.directory.known, asked.directory.slow = True, None
    await asked.later(browser, 11)
    assert len(asked.directory.asked) == 2


async def test_of_many_requests_at_several_hubs_one_asks(asked: Asked) -> None:
    hubs = [await asked.hub() for _ in range(3)]
    browser = await asked.browser(hubs[0])
    many = [at.browser() for at in hubs for _ in range(5)]
    for each in many:
        each.http.cookies.update(dict(browser.http.cookies))
    asked.directory.slow = asyncio.Event()
    asked.hands.seconds += 301
    pages = [asyncio.ensure_future(each.get("/home")) for each in many]
    async with asyncio.timeout(30):
        while sum(it.done() for it in pages) < len(many) - 1:
            await asyncio.sleep(0.02)
        assert len(asked.directory.asked) == 1
        asked.directory.slow.set()
        for page in await asyncio.gather(*pages):
            assert page.url.path == "/hub/home"
    await asyncio.gather(*(each.get("/home") for each in many))
    assert len(asked.directory.asked) == 1


async def test_an_old_answer_does_not_end_a_sign_in_of_after_it_was_asked(asked: Asked) -> None:
    at = await asked.hub()
    browser = await asked.browser(at)
    asked.directory.known, asked.directory.slow = False, asyncio.Event()
    asked.hands.seconds += 301
    page = asyncio.ensure_future(browser.get("/home"))
    while not asked.directory.asked:
        await asyncio.sleep(0.01)
    asked.hands.seconds += 1
    asked.directory.put("ada", auth_state=NEWER)
    new = await asked.browser(at)
    asked.directory.slow.set()
    assert (await page).url.path == "/hub/login"
    assert (await new.get("/home")).url.path == "/hub/home"
    assert len(asked.directory.asked) == 1
    assert (await at.of("ada"))["auth_state"] == NEWER


async def start(at: At, token: str = "starts-token") -> httpx.Response:
    header = {"authorization": f"token {token}"}
    return await at.client.post("/users/ada/server", headers=header)


async def test_before_a_start_it_is_asked_if_that_is_wished(asked: Asked) -> None:
    at = await asked.hub()
    await asked.browser(at)
    assert (await start(at)).status_code == 202
    assert asked.directory.asked == []


async def test_before_a_start_it_is_asked_and_its_answer_counts(asked: Asked) -> None:
    at = await asked.hub(refresh_pre_spawn=True)
    browser = await asked.browser(at)
    asked.directory.put("ada", groups=frozenset({"chem"}))
    started = await browser.post("/spawn/ada", "/account")
    assert started.url.path == "/hub/spawn-pending/ada", started.text
    assert len(asked.directory.asked) == 1
    assert (await at.of("ada"))["groups"] == ["chem"]


async def test_who_is_not_known_any_more_starts_nothing(asked: Asked) -> None:
    at = await asked.hub(refresh_pre_spawn=True)
    browser = await asked.browser(at)
    asked.directory.known = False
    page = await browser.post("/spawn/ada", "/account")
    assert page.url.path == "/hub/login"
    assert page.url.params["next"] == "/hub/spawn/ada"
    assert GONE in page.text
    entries = (await at.client.get("/audit")).json()["entries"]
    [entry] = [it for it in entries if it["call"] == "POST /spawn/{user}"]
    assert entry["details"]["signed_out"] is True
    assert (await at.of("ada"))["servers"] == {}
    assert (await browser.get("/home")).url.path == "/hub/login"


async def test_others_and_programs_start_it_all_the_same_unless_strict(
    asked: Asked, caplog: pytest.LogCaptureFixture
) -> None:
    at = await asked.hub(refresh_pre_spawn=True)
    browser = await asked.browser(at)
    asked.directory.known = False
    assert (await start(at)).status_code == 202
    assert "has to sign in again; their server starts as before" in caplog.text
    assert (await browser.get("/home")).url.path == "/hub/login"  # it was asked for them as well


@pytest.mark.parametrize(
    ("known", "status", "code"),
    [(False, 403, "signin.again"), (OSError("away"), 503, "signin.unknown"), (True, 202, "")],
)
async def test_strict_refuses_what_is_not_answered_for(
    asked: Asked, known: Any, status: int, code: str
) -> None:
    at = await asked.hub(refresh_pre_spawn=True, auth_refresh_strict=True)
    browser = await asked.browser(at)
    asked.directory.known = known
    answer = await start(at)
    assert answer.status_code == status, answer.text
    assert not code or (answer.json()["code"], bool(answer.json()["message"])) == (code, True)
    if isinstance(known, Exception):
        assert (await browser.get("/home")).url.path == "/hub/home"  # unknown is never gone
        asked.directory.known = True
        asked.hands.seconds += 31
        assert (await start(at)).status_code == 202


async def test_an_authenticator_that_cannot_be_asked_is_not(database: Database) -> None:
    place = Place(database, clock=(hands := Hands()).clock())
    async with place.stack:
        at = await place.hub(TREE, enable_auth_state=True, refresh_pre_spawn=True)
        place.directory.put("ada", auth_state=STATE)
        browser = at.browser()
        await browser.sign_in("ada", PASSWORD)
        hands.seconds += 9999
        assert (await browser.get("/home")).url.path == "/hub/home"
        assert (await start(at)).status_code == 202
