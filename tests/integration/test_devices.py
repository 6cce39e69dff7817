"""Who has which GPU: never two the same, whatever dies when (on machines of tests/gpus.py)."""

import asyncio
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from perijove.core.devices import DeviceSettings
from perijove.core.lifecycle import Lifecycle
from perijove.core.options import Profiles
from perijove.core.orphans import Policy
from perijove.core.profiles import Profile
from perijove.model.errors import Busy, Invalid, Stale, Untimely
from perijove.model.server import Phase, Server
from perijove.model.workload import LaunchSpec, State
from perijove.spawners.fake import FakeSpawner
from perijove.spawners.gpus import Gpus
from perijove.spawners.process import ProcessSpawner
from perijove.store import phase_log, servers, users
from perijove.store.database import Database
from tests.gpus import SLICED, WHOLE, tool
from tests.integration.test_crash import settle
from tests.integration.test_process import python, spawner_in, spec, until, until_gone
from tests.life import hub, row, user

GPU, SLICE = "nvidia.com/gpu", "nvidia.com/mig-1g.10gb"
A100, ANOTHER = (line.split("UUID: ")[1].rstrip(")") for line in WHOLE.splitlines())
PROFILES = Profiles(
    tuple(
        Profile(slug=slug, display_name=slug, overrides={"extra_resource_limits": limits})
        for slug, limits in {
            "none": {},
            "one": {GPU: 1},
            "two": {GPU: "2"},
            "three": {GPU: 3},
            "slice": {SLICE: 1},
            "odd": {GPU: "many"},
        }.items()
    )
)
NONE, ONE, TWO = ({"profile": it} for it in ("none", "one", "two"))


class Place(FakeSpawner):
    """A machine with the GPUs of a recorded one."""

    def __init__(self, root: Path, text: str = WHOLE) -> None:
        super().__init__("i")
        (root / "workloads").mkdir()
        self.devices = Gpus(root / "workloads", {}, tool(root, text))
        self.stays = False
        """Whether what runs takes no notice of being stopped."""

    async def stop(self, name: str, incarnation: int, *, force: bool = False) -> None:
        if not self.stays:
            await super().stop(name, incarnation, force=force)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


async def begun(database: Database, place: FakeSpawner, share: int = 1, **more: Any) -> Lifecycle:
    settings = DeviceSettings(share=share, **more)
    return await hub(database, place, profiles=PROFILES, devices=settings, limit=64)


async def started(
    life: Lifecycle, name: str, options: dict[str, str] = ONE, who: str = "ada"
) -> Server:
    server = await life.servers.start(await user(life, who), name, options)
    await settle(life.reconciler, server.key)
    return await row(life.servers.database, server.key)


async def stopped(life: Lifecycle, name: str) -> None:
    server = await life.servers.stop(await user(life), name)
    assert server
    await settle(life.reconciler, server.key)


async def test_no_two_servers_have_one_gpu_and_one_that_stops_gives_it_back(
    database: Database, place: Place
) -> None:
    life = await begun(database, place)
    first, second = await started(life, "a"), await started(life, "b")
    assert {*first.devices, *second.devices} == {A100, ANOTHER}
    assert place.world[first.key].origin == life.reconciler.launch(first).origin
    assert life.reconciler.launch(first).origin.devices == first.devices[0]
    with pytest.raises(Busy) as full:
        await started(life, "c")
    assert full.value.code == "devices-in-use"
    assert full.value.params["count"] == 2
    assert await life.servers.find(await user(life), "c") is None
    await stopped(life, "a")
    assert (await row(database, first.key)).devices == ()
    assert (await started(life, "c")).devices == first.devices
    log = await database.read(phase_log.of(first.id))
    assert [it.facts.get("devices") for it in log] == [*first.devices * 3, None]


async def test_who_asks_for_none_has_none_and_needs_no_place(
    database: Database, place: Place
) -> None:
    life = await begun(database, place)
    await started(life, "a", TWO)
    assert (await started(life, "b", NONE)).devices == ()
    with pytest.raises(Invalid, match="devices-too-few"):
        await started(life, "c", {"profile": "three"})
    with pytest.raises(Invalid, match="devices-none"):
        await started(life, "c", {"profile": "slice"})
    with pytest.raises(Invalid, match="bad-count"):
        await started(life, "c", {"profile": "odd"})


async def test_slices_are_given_by_their_size(database: Database, tmp_path: Path) -> None:
    life = await begun(database, Place(tmp_path, SLICED))
    assert (await started(life, "a", {"profile": "slice"})).devices[0].startswith("MIG-a25704ba")
    with pytest.raises(Busy):
        await started(life, "b", {"profile": "slice"})
    assert (await started(life, "b")).devices == (ANOTHER,)


async def test_one_gpu_is_shared_if_the_settings_say_so(database: Database, place: Place) -> None:
    life = await begun(database, place, share=2)
    held = Counter([(await started(life, name)).devices[0] for name in "abcd"])
    assert held == {A100: 2, ANOTHER: 2}
    with pytest.raises(Busy):
        await started(life, "e")
    assert len(set((await started_two(life, "a")).devices)) == 2


async def started_two(life: Lifecycle, name: str) -> Server:
    for each in "abcd":
        await stopped(life, each)
    return await started(life, name, TWO)


async def test_only_those_that_may_be_had_are_given_and_a_reload_counts_at_once(
    database: Database, place: Place
) -> None:
    life = await begun(database, place, only=(1,))
    assert (await started(life, "a")).devices == (ANOTHER,)
    with pytest.raises(Busy):
        await started(life, "b")
    life.servers.allotment.settings = DeviceSettings(only=("GPU-7fda",))
    assert (await started(life, "b")).devices == (A100,)


async def test_requests_of_the_same_moment_get_each_their_own(
    database: Database, place: Place
) -> None:
    lives = [await begun(database, place) for _ in range(3)]
    await user(lives[0])
    asked = [
        life.servers.start(await user(life), f"s{n}{m}", ONE)
        for m, life in enumerate(lives)
        for n in range(4)
    ]
    given = await asyncio.gather(*asked, return_exceptions=True)
    won = [it for it in given if isinstance(it, Server)]
    assert sorted(it.devices[0] for it in won) == sorted([A100, ANOTHER])
    assert all(isinstance(it, Busy) for it in given if not isinstance(it, Server)), given


async def test_a_write_that_would_double_one_is_not_made(database: Database, place: Place) -> None:
    life = await begun(database, place)
    first, second = await started(life, "a"), await started(life, "b", NONE)
    wish = replace(second, devices=first.devices, version=second.version + 1)
    with pytest.raises(Stale):
        await database.write(servers.change(second, wish), *life.servers.allotment.confirmed(wish))
    assert (await row(database, second.key)).devices == ()


async def test_what_cannot_be_stopped_keeps_what_it_has(database: Database, place: Place) -> None:
    life = await begun(database, place)
    first = await started(life, "a", TWO)
    place.stays = True
    await life.servers.stop(await user(life), "a")
    for _ in range(5):
        await life.reconciler.step(first.key)
    assert (await row(database, first.key)).phase is Phase.STOPPING
    with pytest.raises(Busy):
        await started(life, "b")
    next_hub = await begun(database, place)
    with pytest.raises(Busy):
        await started(next_hub, "b")
    place.stays = False
    await settle(next_hub.reconciler, first.key)
    assert (await started(next_hub, "b")).devices


async def test_one_that_has_failed_keeps_it_until_it_has_really_ended(
    database: Database, place: Place
) -> None:
    life = await begun(database, place)
    first = await started(life, "a")
    seen = place.world[first.key]
    place.stays = True
    place.become(first.key, replace(seen, state=State.EXITED, exit_code=None, address=None))
    for _ in range(5):
        await life.reconciler.step(first.key)
    failed = await row(database, first.key)
    assert (failed.phase, failed.devices) == (Phase.FAILED, first.devices)
    with pytest.raises(Untimely, match="pending-stop"):
        await life.servers.start(await user(life), "a", TWO)
    # The hub dies here; nobody rings for what is failed, and yet the next one sees to it.
    next_hub = await begun(database, place)
    assert [it.id for it in await database.read(servers.in_motion())] == [first.id]
    place.become(first.key, replace(seen, state=State.EXITED, exit_code=1, address=None))
    await settle(next_hub.reconciler, first.key)
    over = await row(database, first.key)
    assert (over.phase, over.devices, over.reason) == (Phase.FAILED, (), failed.reason)
    assert over.since == failed.since
    assert await database.read(servers.in_motion()) == []
    assert place.world[first.key].state is State.EXITED, "what is left of it is for whoever asks"


async def test_who_starts_again_at_once_keeps_theirs(database: Database, place: Place) -> None:
    life = await begun(database, place)
    first = await started(life, "a")
    await started(life, "b")
    seen = place.world[first.key]
    place.become(first.key, replace(seen, state=State.EXITED, exit_code=1, address=None))
    await life.reconciler.step(first.key)
    again = await started(life, "a")
    assert (again.phase, again.devices) == (Phase.RUNNING, first.devices)
    assert again.incarnation == first.incarnation + 1


async def test_one_that_waits_in_the_queue_has_it_and_who_cancels_gives_it_back(
    database: Database, place: Place
) -> None:
    life = await hub(database, place, profiles=PROFILES, limit=1)
    ada = await user(life)
    await life.servers.start(ada, "a", NONE)
    waits = await life.servers.start(ada, "b", TWO, in_line=True)
    assert (waits.phase, len(waits.devices)) == (Phase.QUEUED, 2)
    with pytest.raises(Busy, match="devices-in-use"):
        await life.servers.start(ada, "c", ONE, in_line=True)
    await stopped(life, "b")
    assert (await life.servers.start(ada, "c", ONE, in_line=True)).devices


async def test_a_lost_database_learns_who_has_what(database: Database, place: Place) -> None:
    life = await begun(database, place)
    first = await started(life, "a")
    await database.write(
        servers.remove(first),
        *life.transitions.credentials.take(first),
        users.remove(first.user_id),
    )
    next_hub = await hub(database, place, profiles=PROFILES, replaces="i", orphans=Policy.ADOPT)
    await settle(next_hub.reconciler, first.key)
    assert (await row(database, first.key)).devices == first.devices


async def test_what_no_row_knows_has_what_it_has(
    database: Database, place: Place, tmp_path: Path
) -> None:
    """A workload of a lost database that is only reported."""
    runs = spawner_in(tmp_path)
    known = replace(spec().origin, devices=A100)
    await runs.start(replace(spec(), origin=known))
    await until(runs, State.UP)
    life = await begun(database, place)
    assert (await started(life, "a")).devices == (ANOTHER,)
    with pytest.raises(Busy):
        await started(life, "b")
    await until_gone(runs, force=True)
    assert (await started(life, "b")).devices == (A100,)


async def told(spawner: ProcessSpawner, folder: Path, it: LaunchSpec) -> dict[str, str]:
    source = """
        import json, os, pathlib, time
        told = {name: it for name, it in os.environ.items() if "VISIBLE" in name}
        pathlib.Path("new").write_text(json.dumps(told))
        os.rename("new", "told")
        time.sleep(300)
    """
    file = folder / "homes" / "1-ada" / "told"
    file.unlink(missing_ok=True)
    await spawner.start(replace(it, command=python(source)))
    async with asyncio.timeout(20):
        while not file.exists():
            await asyncio.sleep(0.02)
    await until_gone(spawner, force=True)
    found: dict[str, str] = json.loads(file.read_text())
    return found


async def test_a_process_sees_its_own_gpu_and_no_other(tmp_path: Path) -> None:
    spawner = spawner_in(tmp_path)
    spawner.devices = Gpus(tmp_path / "workloads", {}, tool(tmp_path / "machine"))
    has = replace(spec().origin, devices=A100)
    assert await told(spawner, tmp_path, replace(spec(), origin=has)) == {
        "CUDA_VISIBLE_DEVICES": A100,
        "NVIDIA_VISIBLE_DEVICES": A100,
    }
    assert await told(spawner, tmp_path, spec()) == {
        "CUDA_VISIBLE_DEVICES": "",
        "NVIDIA_VISIBLE_DEVICES": "void",
    }
    administrator = {"CUDA_VISIBLE_DEVICES": "7"}
    said = await told(spawner, tmp_path, spec(environment=administrator))
    assert said["CUDA_VISIBLE_DEVICES"] == "7"
    spawner.devices = Gpus(tmp_path / "workloads", {}, tmp_path / "nowhere")
    assert await told(spawner, tmp_path, spec()) == {}
