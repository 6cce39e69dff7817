"""The home of a deleted person: kept, restored or deleted, whatever dies in between."""

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from asyncio import to_thread
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from perijove.app import Running
from perijove.core.trash import Trash as Trashcan
from perijove.kit.tasks import in_background
from perijove.model.errors import Conflict, Invalid, Unknown
from perijove.model.placement import Placement
from perijove.model.trash import Label
from perijove.model.user import User
from perijove.model.workload import LaunchSpec
from perijove.settings import of
from perijove.spawners.fake import FakeSpawner
from perijove.spawners.homes import Homes
from perijove.spawners.trash import Trash
from perijove.store.database import Database
from tests.life import LABEL
from tests.parts import ADMIN_TOKEN
from tests.parts import hub as whole_hub

of({"hub": {"config": {"JupyterHub": {}}}})  # settings read their tables when they are first used
BIG = 300
"""Folders of ten files: enough to be killed in."""


class Housed(FakeSpawner):
    """Its homes are real folders, and so is their trash."""

    def __init__(self, folder: Path) -> None:
        super().__init__("i")
        self.folders = Homes(folder / "homes")
        self.bin = Trash(self.folders)
        self.trash = self.bin

    async def make(self, home: str) -> None:
        await to_thread(self.folders.make, home)

    async def ensure_storage(self, spec: LaunchSpec) -> None:
        await self.make(spec.origin.home)

    async def remove_storage(self, placement: Placement, label: Label) -> None:
        await to_thread(self.bin.throw, placement.home, label)


@pytest.fixture
def spawner(tmp_path: Path) -> Housed:
    return Housed(tmp_path)


@pytest.fixture
async def running(database: Database, spawner: Housed) -> AsyncIterator[Running]:
    it = await whole_hub(database, spawner)
    async with in_background(it.life.run()):
        yield it


async def home_of(running: Running, spawner: Housed, user: User) -> Path:
    return spawner.folders.path(await running.hub.servers.home(user))


async def deleted(running: Running, spawner: Housed, name: str, file: str = "work") -> str:
    """Make somebody with a file, delete them, and return the key of their home."""
    user = await running.hub.accounts.create(name, display_name=name.title())
    home = await home_of(running, spawner, user)
    await spawner.make(home.name)
    (home / file).write_text(name)
    await running.hub.accounts.delete(user)
    assert not home.exists()
    return (await running.hub.trash.all())[0].key


async def test_a_deleted_person_comes_back_with_their_home_and_nothing_else(
    running: Running, spawner: Housed
) -> None:
    hub = running.hub
    key = await deleted(running, spawner, "ada")
    [it] = await hub.trash.all()
    assert it.label
    assert (it.label.user, it.label.display_name) == ("ada", "Ada")
    assert hub.trash.goes(it) == it.at + timedelta(days=30)
    user = await hub.trash.restore(key)
    assert (user.name, user.display_name, user.admin, user.groups) == (
        "ada",
        "Ada",
        False,
        frozenset(),
    )
    assert (await home_of(running, spawner, user) / "work").read_text() == "ada"
    assert await hub.trash.all() == []
    assert list(spawner.bin.path.iterdir()) == [], "nothing is left beside it"
    with pytest.raises(Unknown):
        await hub.trash.restore(key)


async def test_a_new_person_of_that_name_gets_nothing_and_is_not_taken_for_the_old_one(
    running: Running, spawner: Housed
) -> None:
    hub = running.hub
    key = await deleted(running, spawner, "ada")
    new = await hub.accounts.create("ada")
    assert not (await home_of(running, spawner, new)).exists()
    with pytest.raises(Conflict) as refused:
        await hub.trash.restore(key)
    assert refused.value.code == "trash.name-taken"
    assert [it.key for it in await hub.trash.all()] == [key], "it is still there"
    folder = await hub.trash.give(key, new)
    assert (await home_of(running, spawner, new) / folder / "work").read_text() == "ada"


async def test_a_restore_that_dies_at_any_step_is_done_when_asked_again(
    running: Running, spawner: Housed
) -> None:
    hub, place = running.hub, spawner.bin
    key = await deleted(running, spawner, "ada")

    class Dead(Exception):
        pass

    async def dies(*_: object) -> None:
        raise Dead

    steps = (place, "meant_for"), (place, "give")
    for thing, step in steps:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(thing, step, dies)
            with pytest.raises(Dead):
                await hub.trash.restore(key)
    user = await hub.trash.restore(key)
    assert (await home_of(running, spawner, user) / "work").read_text() == "ada"


async def test_files_that_came_meanwhile_are_not_overwritten(
    running: Running, spawner: Housed
) -> None:
    key = await deleted(running, spawner, "ada")
    await spawner.bin.meant_for(key, 1)
    user = User(id=1, name="ada")
    await running.hub.accounts.enter(user)
    home = await home_of(running, spawner, user)
    await spawner.make(home.name)
    (home / "new").touch()
    with pytest.raises(Conflict) as refused:
        await running.hub.trash.restore(key)
    assert refused.value.code == "trash.home-there"
    assert (home / "new").exists()
    assert [it.key for it in await running.hub.trash.all()] == [key]


async def test_a_home_is_counted_at_the_next_look_and_goes_after_its_days(
    running: Running, spawner: Housed
) -> None:
    trash = running.hub.trash
    key = await deleted(running, spawner, "ada")
    assert (await trash.one(key)).size is None
    await trash.turn()
    assert (await trash.one(key)).size
    old = Label(user="old", user_id=1, at=running.hub.clock() - timedelta(days=29, hours=23))
    older = Label(user="older", user_id=2, at=running.hub.clock() - timedelta(days=30, minutes=1))
    for label in (old, older):
        await spawner.make(f"{label.user_id}-x")
        await to_thread(spawner.bin.throw, f"{label.user_id}-x", label)
    await trash.turn()
    left = {it.label.user for it in await trash.all() if it.label}
    assert left == {"ada", "old"}
    trash.days = 0
    await trash.turn()
    assert len(await trash.all()) == 2, "nobody empties it then"


async def test_what_an_earlier_version_threw_away_stays_until_somebody_decides(
    running: Running, spawner: Housed
) -> None:
    trash = running.hub.trash
    legacy = await asyncio.to_thread(lambda: spawner.bin.path) / "7-eve.0011aabb"
    legacy.mkdir(parents=True)
    (legacy / "work").touch()
    os.utime(legacy, (0, 0))
    for broken in ("", "{}", "[]", '{"user": "eve", "user_id": 7, "at": "soon"}'):
        (spawner.bin.path / f"{legacy.name}.json").write_text(broken)
        [found] = await trash.all()
        assert (found.label, trash.goes(found)) == (None, None), broken
    await trash.turn()
    with pytest.raises(Invalid):
        await trash.restore(legacy.name)
    heir = await running.hub.accounts.create("grace")
    folder = await trash.give(legacy.name, heir)
    assert (await home_of(running, spawner, heir) / folder / "work").exists()


@pytest.mark.parametrize(
    "key", ["../homes", "..", ".", "", "x", "a/b", "1-ada.0000.json", "x" * 300]
)
async def test_no_key_leads_out_of_the_trash(running: Running, spawner: Housed, key: str) -> None:
    await deleted(running, spawner, "ada")
    for call in (running.hub.trash.restore, running.hub.trash.empty):
        with pytest.raises(Unknown):
            await call(key)
    assert len(await running.hub.trash.all()) == 1


async def test_folders_that_nobody_may_read_are_deleted_all_the_same(
    running: Running, spawner: Housed, tmp_path: Path
) -> None:
    key = await deleted(running, spawner, "ada")
    outside = tmp_path / "outside"
    outside.mkdir(mode=0o755)
    (outside / "file").touch()
    locked = spawner.bin.path / key / "locked"
    locked.mkdir()
    (locked / "file").touch()
    (spawner.bin.path / key / "link").symlink_to(outside)
    locked.chmod(0)
    await running.hub.trash.empty(key)
    assert list(spawner.bin.path.iterdir()) == []
    assert (outside / "file").exists()
    assert outside.stat().st_mode & 0o777 == 0o755


PURGE = """
import asyncio, sys
from datetime import datetime, UTC
from pathlib import Path
from perijove.spawners.homes import Homes
from perijove.spawners.trash import Trash
trash = Trash(Homes(Path(sys.argv[1])))
async def main():
    print("begins", flush=True)
    await trash.sweep(datetime.now(UTC))
    for it in await trash.all():
        if it.label.user == "old":
            await trash.empty(it.key)
asyncio.run(main())
"""


def test_a_purge_that_is_killed_goes_on_and_takes_nothing_else(tmp_path: Path) -> None:
    homes = Homes(tmp_path / "homes")
    trash = Trash(homes)
    for name in ("old", "young"):
        homes.make(f"1-{name}")
        for n in range(BIG):
            (homes.path(f"1-{name}") / f"{n}").mkdir()
            for m in range(10):
                (homes.path(f"1-{name}") / f"{n}" / f"{m}").write_text("x")
        trash.throw(f"1-{name}", Label(user=name, user_id=1, at=datetime(2026, 1, 1, tzinfo=UTC)))
    half = False
    for turn in range(6):
        process = subprocess.Popen(
            [sys.executable, "-c", PURGE, str(homes.root)], stdout=subprocess.PIPE
        )
        assert process.stdout
        process.stdout.readline()
        while not turn and not any(trash.path.glob("*.going")):
            pass  # in the middle, for certain
        time.sleep(random.uniform(0, 0.02) if turn else 0)
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        half = half or any(trash.path.glob("*.going"))
        listed = asyncio.run(trash.all())
        assert [it.label.user for it in listed if it.label][-1:] == ["young"]
        for it in listed:
            found = sum(1 for each in (trash.path / it.key).rglob("*") if each.is_file())
            assert found == 10 * BIG, "what can be restored is whole"
    subprocess.run([sys.executable, "-c", PURGE, str(homes.root)], check=True, capture_output=True)
    assert half, "it was never killed in the middle"
    [left] = asyncio.run(trash.all())
    assert left.label
    assert left.label.user == "young"
    assert not list(trash.path.glob("*.going"))
    assert not list(trash.path.glob("1-old*"))


async def test_a_restore_and_a_purge_at_the_same_moment_do_one_of_both(tmp_path: Path) -> None:
    homes = Homes(tmp_path / "homes")
    trash = Trash(homes)
    for n in range(20):
        await to_thread(homes.make, f"{n}-a")
        for m in range(20):
            (homes.path(f"{n}-a") / f"{m}").write_text("x")
        await to_thread(trash.throw, f"{n}-a", LABEL)
    keys = [it.key for it in await trash.all()]
    calls = [
        call for n, key in enumerate(keys) for call in (trash.give(key, f"{n}-b"), trash.empty(key))
    ]
    await asyncio.gather(*calls, return_exceptions=True)
    assert await trash.all() == []
    for n in range(len(keys)):
        home = homes.path(f"{n}-b")
        assert not home.exists() or len(list(home.iterdir())) == 20


async def test_programs_list_restore_and_empty_it(running: Running, spawner: Housed) -> None:
    first = await deleted(running, spawner, "ada")
    second = await deleted(running, spawner, "bob")
    await running.hub.trash.turn()
    transport = httpx.ASGITransport(app=running.app)
    headers = {"authorization": f"token {ADMIN_TOKEN}"}
    base = "http://perijove.test/hub/api"
    async with httpx.AsyncClient(transport=transport, headers=headers, base_url=base) as client:
        listed = (await client.get("/trash")).json()
        assert [it["user"] for it in listed] == ["bob", "ada"]
        assert set(listed[0]) == {"key", "user", "display_name", "deleted", "size", "goes"}
        await client.post("/users/ada")
        taken = await client.post(f"/trash/{first}/restore", json={})
        assert (taken.status_code, taken.json()["code"]) == (409, "trash.name-taken")
        nobody = await client.post(f"/trash/{first}/restore", json={"into": "nobody"})
        assert (nobody.status_code, nobody.json()["code"]) == (404, "trash.no-heir")
        given = (await client.post(f"/trash/{first}/restore", json={"into": "ada"})).json()
        assert given["user"] == "ada"
        assert given["folder"].startswith("restored-")
        assert (await client.delete(f"/trash/{second}")).status_code == 204
        assert (await client.delete(f"/trash/{second}")).status_code == 404
        assert (await client.get("/trash")).json() == []
        assert (await client.get("/info")).json()["homes_days"] == 30
        stranger = {"authorization": "token none"}
        assert (await client.get("/trash", headers=stranger)).status_code == 403


async def test_what_somebody_left_is_put_elsewhere_only_by_who_could_be_them(
    running: Running, spawner: Housed
) -> None:
    """Whoever removes people would read all their files else."""
    nobodys = await asyncio.to_thread(lambda: spawner.bin.path) / "7-zoe.0011aabb"
    nobodys.mkdir(parents=True)  # of a version that wrote nothing down
    key = await deleted(running, spawner, "bob", "secret")
    eve = await running.hub.accounts.create("eve")
    maker = await running.hub.tokens.principal(ADMIN_TOKEN)
    assert maker
    transport = httpx.ASGITransport(app=running.app)
    base = "http://perijove.test/hub/api"
    root = await running.hub.accounts.create("root", admin=True)
    _, secret = await running.hub.tokens.make(root, by=maker, scopes=["admin:users"])
    headers = {"authorization": f"token {secret}"}
    async with httpx.AsyncClient(transport=transport, headers=headers, base_url=base) as client:
        for each in (key, nobodys.name):
            refused = await client.post(f"/trash/{each}/restore", json={"into": eve.name})
            assert (refused.status_code, refused.json()["code"]) == (403, "home.gives-more")
        assert {it.key for it in await running.hub.trash.all()} == {key, nobodys.name}
        back = await client.post(f"/trash/{key}/restore", json={})
        assert (back.status_code, back.json()) == (200, {"user": "bob", "folder": ""})


async def test_a_place_without_a_trash_has_nothing_in_it(database: Database) -> None:
    running = await whole_hub(database, FakeSpawner("i"))
    assert isinstance(running.hub.trash, Trashcan)
    assert await running.hub.trash.all() == []
    with pytest.raises(Unknown):
        await running.hub.trash.restore("x")
    await running.hub.trash.run()
