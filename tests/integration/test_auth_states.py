"""What the authenticator says of people is kept encrypted, shown to who may see it, and no more."""

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from perijove.authenticators import Identity
from perijove.core.auth_states import MOST
from perijove.kit.journal import Journal
from perijove.kit.keyring import KeyRing
from perijove.settings import of
from perijove.store.access_tables import tokens
from perijove.store.database import Database
from perijove.store.once import reading, writing
from perijove.store.open import open_database
from perijove.store.rows import load, save, sums
from perijove.store.statement import Query, Statement
from tests.directory import PASSWORD, Directory
from tests.integration.test_managed import At, Place
from tests.parts import services

KEY, OTHER = "11" * 32, "22" * 32
SECRET = "gho_nobody_may_read_this_7f3a"
STATE = {"access_token": SECRET, "天文": {"scopes": ["a", None, 1.5]}}
ALL = {"hub": services(all=("admin:users", "list:users"), some=("read:users", "list:users"))["hub"]}
of(ALL)  # settings read their tables when they are first used


@dataclass
class EachItsOwn(Directory):
    """It says another state at each sign-in."""

    said: int = 0

    async def authenticate(self, name: str, password: str) -> Identity | None:
        found = await super().authenticate(name, password)
        self.said += 1
        return replace(found, auth_state={**STATE, "n": self.said}) if found else None


def keys(*those: str, **more: Any) -> dict[str, Any]:
    return {"config": {"CryptKeeper": {"keys": list(those)}}, **ALL, **more}


@pytest.fixture
async def place(database: Database) -> AsyncIterator[Place]:
    it = Place(database)
    async with it.stack:
        yield it


async def kept(place: Place, *those: str) -> At:
    return await place.hub(keys(*those or (KEY,)), enable_auth_state=True)


async def rows_of(database: Database) -> dict[str, list[str]]:
    """Return all that the database holds, of every table and column."""
    found = {}
    for table in tokens.metadata.sorted_tables:
        rows = await database.read(Statement(Query(select(table)), {}, list))
        found[table.name] = [str(list(row)) for row in rows]
    return found


async def everything(database: Database) -> str:
    """Return it as one text."""
    return str(await rows_of(database))


async def test_it_is_kept_at_the_sign_in_and_shown_to_who_may_see_it(place: Place) -> None:
    at = await kept(place)
    place.directory.put("ada", auth_state=STATE)
    await at.enter("ada")
    assert (await at.of("ada"))["auth_state"] == STATE
    one = await at.client.get("/users/ada", headers={"authorization": "token all-token"})
    assert one.json()["auth_state"] == STATE
    listed = await at.client.get("/users", headers={"authorization": "token all-token"})
    assert [(it["name"], it["auth_state"]) for it in listed.json()] == [("ada", None)]
    for path in ("/users/ada", "/users"):
        seen = await at.client.get(path, headers={"authorization": "token some-token"})
        assert seen.status_code == 200
        assert "auth_state" not in seen.text
    place.directory.put("ada", auth_state=None)  # it says nothing, so what is there stays
    await at.enter("ada")
    assert (await at.of("ada"))["auth_state"] == STATE
    place.directory.put("ada", auth_state={})
    await at.enter("ada")
    assert (await at.of("ada"))["auth_state"] == {}


async def test_the_person_does_not_see_it(place: Place) -> None:
    at = await kept(place)
    place.directory.put("ada", auth_state=STATE)
    token = await at.enter("ada")
    for path in ("/user", "/users/ada"):
        assert SECRET not in (await at.client.get(path, headers=token)).text
    browser = at.browser()
    await browser.sign_in("ada", PASSWORD)
    for page in ("/home", "/account", "/token", "/api/user"):
        assert SECRET not in (await browser.get(page)).text


async def test_it_is_written_and_forgotten_by_a_patch(place: Place) -> None:
    at = await kept(place)
    await at.client.post("/users/ada")
    told = await at.client.patch("/users/ada", json={"auth_state": STATE})
    assert (told.status_code, told.json()["auth_state"]) == (200, STATE)
    assert (await at.of("ada"))["auth_state"] == STATE
    same = await at.client.patch("/users/ada", json={"admin": False})
    assert same.json()["auth_state"] == STATE
    again = await at.client.patch("/users/ada", json={"auth_state": None})
    assert (again.status_code, again.json()["auth_state"]) == (200, None)
    for bad in ("text", 1, [1]):
        refused = await at.client.patch("/users/ada", json={"auth_state": bad})
        assert refused.status_code == 400, bad


async def test_what_is_too_large_is_refused_and_nothing_else_of_the_call_is_done(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    at = await kept(place)
    await at.client.post("/users/ada")
    most = {"x": "天" * ((MOST - 9) // 3)}
    assert (await at.client.patch("/users/ada", json={"auth_state": most})).status_code == 200
    assert (await at.of("ada"))["auth_state"] == most
    larger = {"name": "grace", "admin": True, "auth_state": {"x": "天" * (MOST // 3)}}
    refused = await at.client.patch("/users/ada", json=larger)
    assert (refused.status_code, refused.json()["code"]) == (400, "auth-state.large")
    assert (await at.of("ada"))["admin"] is False
    place.directory.put("ada", auth_state={"x": "x" * MOST})
    await at.enter("ada")  # a sign-in never fails for it
    assert (await at.of("ada"))["auth_state"] == most
    assert "cannot be kept (auth-state.large)" in caplog.text
    for odd in ({"x": float("nan")}, {"x": {1, 2}}, {"x": "\ud800"}):
        place.directory.put("ada", auth_state=odd)
        await at.enter("ada")
    assert (await at.of("ada"))["auth_state"] == most


async def test_where_it_is_off_nothing_is_kept_and_a_patch_is_refused(place: Place) -> None:
    async with place.briefly(keys(KEY), enable_auth_state=True) as at:
        await at.client.post("/users/bob")
        await at.client.patch("/users/bob", json={"auth_state": STATE})
    async with place.briefly(keys(KEY)) as at:
        place.directory.put("ada", auth_state=STATE)
        await at.enter("ada")
        for state in (STATE, {}, None):
            refused = await at.client.patch("/users/ada", json={"auth_state": state})
            assert (refused.status_code, refused.json()["code"]) == (400, "auth-state.off")
        assert [(await at.of(name))["auth_state"] for name in ("ada", "bob")] == [None, None]
    async with place.briefly(keys(KEY), enable_auth_state=True) as at:
        assert [(await at.of(name))["auth_state"] for name in ("ada", "bob")] == [None, STATE]


async def test_keys_are_changed_one_after_the_other(place: Place) -> None:
    for name in ("ada", "bob"):
        place.directory.put(name, auth_state=STATE)
    async with place.briefly(keys(KEY), enable_auth_state=True) as at:
        await at.enter("ada")
        await at.enter("bob")
    async with place.briefly(keys(OTHER, KEY), enable_auth_state=True) as at:
        assert (await at.of("ada"))["auth_state"] == STATE
        await at.enter("ada")  # whatever is written is by the new one
    async with place.briefly(keys(OTHER), enable_auth_state=True) as at:
        assert (await at.of("ada"))["auth_state"] == STATE
        assert (await at.of("bob"))["auth_state"] is None


async def test_what_cannot_be_decrypted_reads_as_null_and_is_not_lost(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    place.directory.put("ada", auth_state=STATE)
    async with place.briefly(keys(KEY), enable_auth_state=True) as at:
        await at.enter("ada")
    place.directory.put("ada", auth_state=None)
    async with place.briefly(keys(OTHER), enable_auth_state=True) as at:
        await at.enter("ada")
        assert (await at.of("ada"))["auth_state"] is None
        said = [it.getMessage() for it in caplog.records if "cannot be decrypted" in it.message]
        assert said
        assert all("ada" in it and "end of CryptKeeper.keys" in it for it in said)
    async with place.briefly(keys(OTHER, KEY), enable_auth_state=True) as at:
        assert (await at.of("ada"))["auth_state"] == STATE


async def test_it_goes_with_the_person(place: Place) -> None:
    at = await kept(place)
    place.directory.put("ada", auth_state=STATE)
    await at.enter("ada")
    sealed = KeyRing([bytes.fromhex(KEY)])
    assert (await at.client.delete("/users/ada")).status_code == 204
    there = await everything(place.database)
    assert "gAAAA" not in there, sealed  # no Fernet token is left
    place.directory.put("ada", auth_state=None)
    await at.enter("ada")
    assert (await at.of("ada"))["auth_state"] is None


async def test_its_text_is_nowhere_but_in_the_answer(
    place: Place, tmp_path: Path, caplog: pytest.LogCaptureFixture, database_url: str
) -> None:
    caplog.set_level(logging.DEBUG)
    place.journal = Journal(tmp_path / "audit.log")
    at = await kept(place)
    place.directory.put("ada", auth_state=STATE)
    await at.enter("ada")
    await at.client.patch("/users/ada", json={"auth_state": {"token": f"patched {SECRET}"}})
    await at.client.patch("/users/ada", json={"auth_state": {"x": SECRET * 20_000}})
    await at.client.patch("/users/ada", json={"auth_state": SECRET})
    assert (await at.of("ada"))["auth_state"] == {"token": f"patched {SECRET}"}
    entries = (await at.client.get("/audit")).text
    await asyncio.to_thread(place.journal.close)
    written = await asyncio.to_thread((tmp_path / "audit.log").read_text)
    assert '"auth_state":"new"' in written.replace(" ", "")
    feed = await at.client.get("/proxy/feed")
    info = (await at.client.get("/info")).text + (await at.client.get("/metrics")).text
    for text in (written, entries, caplog.text, feed.text, info, await everything(place.database)):
        assert SECRET not in text
        assert KEY not in text
    if "://" not in database_url:
        for file in tmp_path.iterdir():  # the file itself, and what is beside it
            assert SECRET.encode() not in await asyncio.to_thread(file.read_bytes), file
    assert SECRET not in repr(place.directory.people["ada"])


async def test_hubs_of_one_database_read_what_the_other_has_kept(place: Place) -> None:
    one, other = await kept(place), await kept(place)
    place.directory.put("ada", auth_state=STATE)
    await one.enter("ada")
    assert (await other.of("ada"))["auth_state"] == STATE


async def test_many_who_sign_in_at_once_leave_one_of_their_states(place: Place) -> None:
    place.directory = directory = EachItsOwn()
    hubs = [await kept(place) for _ in range(2)]
    directory.put("ada")
    pages = await asyncio.gather(*(hubs[n % 2].signed_in("ada") for n in range(8)))
    assert [it.url.path for it in pages] == ["/hub/home"] * 8
    assert directory.said == 8
    found = (await hubs[0].of("ada"))["auth_state"]
    assert found in [{**STATE, "n": n} for n in range(1, 9)]
    assert (await hubs[1].of("ada"))["auth_state"] == found
    await hubs[1].signed_in("ada")
    assert (await hubs[0].of("ada"))["auth_state"] == {**STATE, "n": 9}


async def test_who_may_not_enter_leaves_none(place: Place) -> None:
    async with place.briefly(keys(KEY), enable_auth_state=True) as at:
        place.directory.put("eve", auth_state=STATE)
        await at.enter("eve")
        await at.client.patch("/users/eve", json={"auth_state": None})
    rules = {"enable_auth_state": True, "blocked_users": ["eve"]}
    async with place.briefly(keys(KEY), **rules) as at:
        assert (await at.signed_in("eve")).status_code == 403
        assert (await at.of("eve"))["auth_state"] is None
    assert "gAAAA" not in await everything(place.database)


async def test_it_is_not_in_the_row_that_is_written_all_the_time_and_goes_with_it(
    place: Place,
) -> None:
    at = await kept(place)
    place.directory.put("ada", auth_state=STATE)
    await at.enter("ada")
    most = {"x": "x" * (MOST - 10)}
    for _ in range(2):
        assert (await at.client.patch("/users/ada", json={"auth_state": most})).status_code == 200
    rows = await rows_of(place.database)
    assert max(len(it) for it in rows["pj_users"]) < 1000
    assert [len(it) > MOST for it in rows["pj_auth_states"]] == [True]
    assert (await at.client.delete("/users/ada")).status_code == 204
    assert (await rows_of(place.database))["pj_auth_states"] == []


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_backup_takes_it_along_and_another_database_gives_it_back(
    place: Place, tmp_path: Path, database_url: str
) -> None:
    at = await kept(place)
    place.directory.put("ada", auth_state=STATE)
    await at.enter("ada")
    counted = await asyncio.to_thread(reading, database_url, lambda it: save(it, tmp_path))
    assert counted["pj_auth_states"].rows == 1
    other = f"{tmp_path}/other.sqlite"
    await (await open_database(other)).close()
    again = partial(load, folder=tmp_path, names=tuple(counted))
    assert (await asyncio.to_thread(writing, other, again)) == counted
    found = await asyncio.to_thread(reading, other, sums)
    assert found["pj_auth_states"] == counted["pj_auth_states"]
