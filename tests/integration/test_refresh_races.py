"""An answer of before somebody signed in is old; one that nobody has changes nothing."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from perijove.authenticators import Identity
from perijove.core.sessions import Sessions
from perijove.model.errors import Stale
from perijove.store import auth_states as store
from perijove.store.database import Database
from tests.directory import role
from tests.integration.test_managed import At
from tests.integration.test_refresh import NEWER, STATE, TREE, Asked, start
from tests.web.desk import Browser

OLD = Identity(
    "ada", admin=True, groups=frozenset({"staff", "gpu"}), roles=(role("admin"),), auth_state=STATE
)
NOW = datetime(2026, 11, 30, tzinfo=UTC)
OTHER_KEY = {**TREE, "config": {"CryptKeeper": {"keys": ["22" * 32]}}}


@pytest.fixture
async def asked(database: Database) -> AsyncIterator[Asked]:
    it = Asked(database)
    async with it.place.stack:
        yield it


async def asks(asked: Asked, browser: Browser) -> "asyncio.Future[httpx.Response]":
    """Come with an answer that is old; return when the authenticator is being asked."""
    asked.directory.slow = asyncio.Event()
    before = len(asked.directory.asked)
    page = asyncio.ensure_future(asked.later(browser))
    async with asyncio.timeout(20):
        while len(asked.directory.asked) == before:
            await asyncio.sleep(0.01)
    return page


def less(asked: Asked) -> None:
    """Answer what was true; from now on they are in one group, and have no role."""
    asked.directory.known = OLD
    asked.directory.put("ada", groups=frozenset({"staff"}), roles=(), auth_state=NEWER)
    asked.hands.seconds += 1


@pytest.mark.parametrize("rules", [[], ["ada"]])
async def test_an_answer_takes_the_administrator_from_whom_no_rule_names(
    asked: Asked, rules: list[str]
) -> None:
    at = await asked.hub(admin_users=rules)
    asked.directory.put("ada", admin=True)
    browser = await asked.browser(at)
    assert (await browser.get("/admin")).status_code == 200
    asked.directory.put("ada", admin=None)
    asked.hands.seconds += 301
    assert (await browser.get("/admin")).status_code == 200
    asked.directory.put("ada", admin=False)
    asked.hands.seconds += 301
    assert (await browser.get("/admin")).status_code == (200 if rules else 403)


async def has_less(at: At) -> None:
    found = await at.of("ada")
    assert (found["groups"], found["roles"], found["admin"]) == (["staff"], ["user"], False)
    assert found["auth_state"] == NEWER


async def test_an_old_answer_writes_nothing_over_a_newer_sign_in(asked: Asked) -> None:
    at = await asked.hub()
    browser = await asked.browser(at)
    page = await asks(asked, browser)
    less(asked)
    new = await asked.browser(at)
    assert asked.directory.slow
    asked.directory.slow.set()
    assert (await page).url.path == "/hub/home"
    await has_less(at)
    assert (await new.get("/home")).url.path == "/hub/home"


@pytest.mark.parametrize("traits", [{"manage_groups": False}, {"manage_roles": False}, {}])
async def test_nor_over_one_that_is_not_done_yet(
    asked: Asked, monkeypatch: pytest.MonkeyPatch, traits: dict[str, bool]
) -> None:
    at = await asked.hub(**traits)
    browser = await asked.browser(at)
    page = await asks(asked, browser)
    less(asked)
    begin, settled, go = Sessions.begin, asyncio.Event(), asyncio.Event()

    async def later(self: Sessions, *args: Any, **more: Any) -> Any:
        settled.set()
        await go.wait()
        return await begin(self, *args, **more)

    monkeypatch.setattr(Sessions, "begin", later)
    new = asyncio.ensure_future(asked.browser(at))
    async with asyncio.timeout(20):
        await settled.wait()
    before = await at.of("ada")
    assert asked.directory.slow
    asked.directory.slow.set()
    assert (await page).url.path == "/hub/home"
    found = await at.of("ada")
    for what in ("groups", "roles", "admin", "auth_state"):
        assert found[what] == before[what]
    go.set()
    await new
    assert (await at.of("ada"))["auth_state"] == NEWER


async def test_an_answer_is_kept_only_by_who_has_claimed_it(asked: Asked) -> None:
    at = await asked.hub()
    await asked.browser(at)
    database = asked.place.database
    user = await at.running.hub.accounts.named("ada")
    assert user
    mine, other = NOW + timedelta(seconds=30), NOW + timedelta(seconds=31)
    was = await database.read(store.find(user.id))
    assert was
    for claimed in (None, other):
        if claimed:
            await database.write(store.claim(user.id, NOW, claimed))
        for sealed in ("of an old answer", None):
            with pytest.raises(Stale):
                await database.write(*store.answered(user.id, mine, NOW, sealed))
        with pytest.raises(Stale):
            await database.write(store.hold(user.id, mine))
        kept = await database.read(store.find(user.id))
        assert kept
        assert (kept.sealed, kept.refreshed) == (was.sealed, was.refreshed)
    await database.write(store.hold(user.id, other))
    await database.write(*store.answered(user.id, other, NOW, "of mine"))
    kept = await database.read(store.find(user.id))
    assert kept
    assert (kept.sealed, kept.refreshed) == ("of mine", NOW)


async def test_who_has_a_state_that_no_key_opens_is_not_asked_about(
    asked: Asked, caplog: pytest.LogCaptureFixture
) -> None:
    one = await asked.hub()
    two = await asked.place.hub(OTHER_KEY, enable_auth_state=True)
    browser = await asked.browser(one)
    there = two.browser()
    there.http.cookies.update(dict(browser.http.cookies))
    asked.directory.known = False  # an authenticator that lives by the state says so without it
    assert (await asked.later(there)).url.path == "/hub/home"
    assert asked.directory.asked == []
    assert "cannot be decrypted" in caplog.text
    asked.directory.known = None
    assert (await asked.later(browser, 31)).url.path == "/hub/home"
    assert asked.directory.asked == [("ada", STATE)]


STRICT = {"refresh_pre_spawn": True, "auth_refresh_strict": True}


async def waits(started: "asyncio.Future[httpx.Response]") -> None:
    """Require that the start goes on waiting for a while."""
    done, _ = await asyncio.wait([started], timeout=0.3)
    assert not done, started.result().text


@pytest.mark.parametrize(
    ("known", "status"), [(None, 202), (False, 403), (RuntimeError("away"), 503)]
)
async def test_a_start_waits_for_the_answer_that_another_hub_is_about_to_get(
    asked: Asked, known: Any, status: int
) -> None:
    one, two = await asked.hub(**STRICT), await asked.hub(**STRICT)
    browser = await asked.browser(one)
    page = await asks(asked, browser)
    asked.directory.put("ada", groups=frozenset({"chem"}))
    asked.directory.known = known
    many = [asyncio.ensure_future(start(at)) for at in (one, two)]
    for started in many:
        await waits(started)
    assert asked.directory.slow
    asked.directory.slow.set()
    async with asyncio.timeout(20):  # also of what was asked in vain it is known that it is over
        answers = await asyncio.gather(*many)
    assert status in {it.status_code for it in answers}, [it.text for it in answers]
    # Of two starts of one server that both may be, one comes too late.
    assert {it.status_code for it in answers} <= {status, 400 if status == 202 else status}
    for answer in answers:
        assert answer.headers.get("retry-after") == ("30" if status == 503 else None)
    await page
    assert len(asked.directory.asked) == 1
    assert (await two.of("ada"))["groups"] == (["chem"] if known is None else ["physics"])


async def test_a_start_that_waits_for_an_answer_goes_on_with_a_newer_sign_in(
    asked: Asked,
) -> None:
    at = await asked.hub(**STRICT)
    browser = await asked.browser(at)
    page = await asks(asked, browser)
    started = asyncio.ensure_future(start(at))
    await waits(started)
    slow, asked.directory.slow = asked.directory.slow, None
    asked.hands.seconds += 1
    await asked.browser(at)
    async with asyncio.timeout(20):
        assert (await started).status_code == 202
    asked.directory.known = False
    assert slow
    slow.set()
    await page


async def test_a_start_waits_no_longer_than_the_authenticator_may_take(
    asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = await asked.hub(**STRICT)
    await asked.browser(at)
    user = await at.running.hub.accounts.named("ada")
    assert user
    now = asked.hands.clock()()
    claim = store.claim(user.id, now, now + timedelta(seconds=40))
    await asked.place.database.write(claim)  # by a hub that was killed then
    monkeypatch.setattr("perijove.core.refresh._PATIENCE", 1)
    started = asyncio.ensure_future(start(at))
    await waits(started)
    async with asyncio.timeout(20):
        answer = await started
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")
    assert answer.json()["code"] == "signin.unknown"
    asked.hands.seconds += 11  # whatever asked can be at it no more
    monkeypatch.setattr("perijove.core.refresh._PATIENCE", 60)
    async with asyncio.timeout(20):
        assert (await start(at)).status_code == 503
    asked.hands.seconds += 30
    assert (await start(at)).status_code == 202
