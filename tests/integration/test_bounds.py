"""What local servers may use: told apart from a crash, and left behind by nobody."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from perijove.http.sentences import sentence
from perijove.model.errors import Refused
from perijove.model.signal import Signal
from perijove.model.workload import State
from perijove.spawners.bounds import Bound, Bounds, Charged, Entry, Rlimits, Tasks
from perijove.spawners.cgroups import find
from perijove.spawners.group_files import Counting
from perijove.spawners.process import ProcessSpawner
from perijove.spawners.version_1 import Version1
from perijove.spawners.version_2 import Version2
from tests.integration.test_process import python, spawner_in, spec, until, until_gone

MIB = 1 << 20
GREEDY = """
    held = []
    while True:
        held.append(bytearray(16 << 20))
        held[-1][:] = b"x" * len(held[-1])
"""
TOLD = """
    import json, os, pathlib, time
    told = {name: it for name, it in os.environ.items() if "LIMIT" in name or "GUARANTEE" in name}
    pathlib.Path("told").write_text(json.dumps(told))
    time.sleep(300)
"""
HERE = find("i")
PYTHON = Path(sys.executable).name[:15]
"""As the kernel calls it."""


@pytest.fixture
async def spawner(tmp_path: Path) -> AsyncIterator[ProcessSpawner]:
    it = spawner_in(tmp_path)
    yield it
    await until_gone(it, force=True)
    assert not await asyncio.to_thread(groups, it), "nothing is left of them"


def groups(it: ProcessSpawner) -> list[Path]:
    match it.bounds:
        case Version1(memory=memory, cpu=cpu, pids=pids):
            bases = [it for it in (memory, cpu, pids) if it]
            return [group for base in bases for group in base.glob("srv-1.*")]
        case Version2(base=base):
            return list(base.glob("srv-1.*"))
        case _:
            return []


def limited(source: str, **traits: Any) -> Any:
    return replace(spec(python(source)), overrides=traits)


@pytest.mark.skipif(isinstance(HERE, Rlimits), reason="no control groups can be made here")
async def test_a_server_that_takes_too_much_memory_is_ended_and_says_so(
    spawner: ProcessSpawner,
) -> None:
    await spawner.start(limited(GREEDY, mem_limit="96M"))
    seen = await until(spawner, State.EXITED)
    (signal,) = seen.signals
    assert (signal.code, signal.terminal) == ("out-of-memory", True)
    assert (signal.params["limit"], signal.params["container"]) == (96 * MIB, "srv-1")
    assert signal.params["process"] in {PYTHON, ""}, "the kernel tells root"
    if signal.params["process"]:
        assert 64 * MIB < size(signal) < 97 * MIB
    assert seen.signals == (await spawner.poll("srv-1")).signals


@pytest.mark.skipif(isinstance(HERE, Rlimits), reason="no control groups can be made here")
async def test_where_the_kernel_tells_nothing_the_biggest_is_remembered(
    spawner: ProcessSpawner, tmp_path: Path
) -> None:
    spawner.gauge._log = tmp_path / "nothing"
    slow = """
        import time
        held = []
        while True:
            held.append(bytearray(1 << 20))
            held[-1][:] = b"x" * len(held[-1])
            time.sleep(0.1 if len(held) > 60 else 0)
    """
    await spawner.start(limited(slow, mem_limit="96M"))
    bells = spawner.watch()
    async with asyncio.timeout(60):
        while (seen := await spawner.poll("srv-1")).state is not State.EXITED:
            await anext(bells)
    (signal,) = seen.signals
    assert signal.params["process"] == PYTHON
    assert 60 * MIB < size(signal) < 97 * MIB


@pytest.mark.skipif(isinstance(HERE, Rlimits), reason="no control groups can be made here")
async def test_what_nobody_has_seen_is_said_to_be_unknown(
    spawner: ProcessSpawner, tmp_path: Path
) -> None:
    spawner.gauge._log = tmp_path / "nothing"
    await spawner.start(limited(GREEDY, mem_limit="96M"))
    (signal,) = (await until(spawner, State.EXITED)).signals
    assert signal.params["process"] == ""
    said = sentence(signal.code, signal.params)
    assert said.endswith("Files are kept. Which process was the biggest is not known.")


def size(signal: Signal) -> float:
    found = signal.params["size"]
    assert isinstance(found, int)
    return found


@pytest.mark.skipif(isinstance(HERE, Rlimits), reason="no control groups can be made here")
async def test_what_it_has_started_is_bound_with_it(spawner: ProcessSpawner) -> None:
    child = """
        import subprocess, sys
        much = "b = bytearray(200 << 20); b[:] = b'x' * len(b)"
        sys.exit(subprocess.call([sys.executable, "-c", much]))
    """
    await spawner.start(limited(child, mem_limit=96 * MIB))
    seen = await until(spawner, State.EXITED)
    assert seen.exit_code != 0
    limit = await asyncio.to_thread(spawner.bounds.out_of_memory, "srv-1", 1)
    assert limit == 96 * MIB


async def test_who_kills_it_by_hand_is_not_taken_for_want_of_memory(
    spawner: ProcessSpawner,
) -> None:
    await spawner.start(limited("import os; os.kill(os.getpid(), 9)", mem_limit="500M"))
    seen = await until(spawner, State.EXITED)
    assert seen.exit_code == -9
    assert seen.signals == ()


@pytest.mark.skipif(isinstance(HERE, Rlimits), reason="no control groups can be made here")
async def test_processors_are_limited(spawner: ProcessSpawner) -> None:
    await spawner.start(limited("while True: pass", cpu_limit=0.2))
    await until(spawner, State.UP)
    made = await asyncio.to_thread(groups, spawner)
    (stat,) = [it / "cpu.stat" for it in made if (it / "cpu.stat").exists()]
    async with asyncio.timeout(20):
        while number(stat, "nr_throttled") < 3:
            await asyncio.sleep(0.05)


@pytest.mark.skipif(isinstance(HERE, Rlimits), reason="no control groups can be made here")
async def test_who_has_left_no_trace_of_where_they_belong_ends_with_it_all_the_same(
    spawner: ProcessSpawner, tmp_path: Path
) -> None:
    hidden = "setsid env -i sh -c 'echo $$ > hidden; exec sleep 300' & sleep 300"
    await spawner.start(replace(spec(("sh", "-c", hidden))))
    file = tmp_path / "homes" / "1-ada" / "hidden"
    async with asyncio.timeout(30):
        while not file.exists() or not file.read_text().strip():
            await asyncio.sleep(0.02)
    seen = await until(spawner, State.UP)
    os.kill(int(seen.facts["pid"]), 9)  # the launcher, which would have seen to it
    await until(spawner, State.EXITED)
    await until_gone(spawner, force=False)
    state = Path(f"/proc/{file.read_text().strip()}/stat")
    assert not state.exists() or state.read_text().split()[2] in "ZX"


def number(file: Path, key: str) -> int:
    return int(dict(line.split() for line in file.read_text().splitlines())[key])


async def test_it_is_told_its_limits_as_pods_are(spawner: ProcessSpawner, tmp_path: Path) -> None:
    traits = {"mem_limit": "1G", "mem_guarantee": "512M", "cpu_limit": 2, "cpu_guarantee": 0.5}
    await spawner.start(limited(TOLD, **traits))
    told = tmp_path / "homes" / "1-ada" / "told"
    while not told.exists() or not told.read_text():
        await asyncio.sleep(0.02)
    assert eval(told.read_text()) == {
        "MEM_LIMIT": str(1024 * MIB),
        "MEM_GUARANTEE": str(512 * MIB),
        "CPU_LIMIT": "2",
        "CPU_GUARANTEE": "0.5",
    }


async def test_an_amount_that_is_none_refuses_the_start(spawner: ProcessSpawner) -> None:
    with pytest.raises(Refused) as refused:
        await spawner.start(limited("pass", mem_limit="a lot"))
    assert refused.value.code == "bad-amount"


async def test_where_there_are_no_groups_each_process_has_its_limit(
    spawner: ProcessSpawner,
) -> None:
    spawner.__dict__["bounds"] = Rlimits()
    await spawner.start(limited(GREEDY, mem_limit="96M"))
    seen = await until(spawner, State.EXITED)
    assert seen.exit_code == 1
    assert "MemoryError" in await spawner.logs("srv-1")


def recorded(root: Path) -> Path:
    """Make the files of a service that systemd runs with `Delegate=yes` (Linux 6.8, Ubuntu 24.04).

    No machine of ours has version 2, so this stands for one.
    """
    own = root / "sys/fs/cgroup/system.slice/perijove.service"
    own.mkdir(parents=True)
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/cgroup").write_text("0::/system.slice/perijove.service\n")
    (root / "sys/fs/cgroup/cgroup.controllers").write_text("cpuset cpu io memory hugetlb pids\n")
    (own / "cgroup.controllers").write_text("cpu memory pids\n")
    (own / "cgroup.procs").write_text("")
    (own / "cgroup.subtree_control").write_text("")
    return own


def test_version_2_is_written_as_the_kernel_reads_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = recorded(tmp_path)
    assert find("i", tmp_path).kind != "cgroup v2", "it is systemd's, not ours"
    monkeypatch.setattr(os, "getxattr", lambda *_: b"1")
    bounds: Bounds = find("i", tmp_path)
    assert bounds.kind == "cgroup v2"
    group = own / "perijove-i" / "srv-1.3"
    entry = bounds.make("srv-1", 3, Bound(96 * MIB, 0.5, memory_kept=64 * MIB, cpu_kept=1.5))
    assert entry == Entry((group / "cgroup.procs",))
    assert (group / "memory.max").read_text() == str(96 * MIB)
    assert (group / "cpu.max").read_text() == "50000 100000"
    assert (group / "memory.low").read_text() == str(64 * MIB)
    assert (group / "cpu.weight").read_text() == "150"
    assert (own / "perijove-i" / "memory.low").read_text() == "max"
    bounds.make("srv-2", 1, Bound())
    assert (own / "perijove-i" / "srv-2.1" / "cpu.weight").read_text() == "10"
    assert not (own / "perijove-i" / "srv-2.1" / "memory.low").exists()
    assert (own / "cgroup.subtree_control").read_text() == "+cpu +memory +pids"
    assert bounds.out_of_memory("srv-1", 3) is None
    (group / "memory.events").write_text("low 0\nhigh 0\nmax 9\noom 1\noom_kill 1\n")
    assert bounds.out_of_memory("srv-1", 3) == 96 * MIB
    assert bounds.out_of_memory("srv-1", 2) is None
    assert bounds.charged("srv-1", 3) is None
    (group / "memory.current").write_text(f"{80 * MIB}\n")
    (group / "memory.stat").write_text(f"anon 1\ninactive_file {16 * MIB}\n")
    (group / "cpu.stat").write_text("usage_usec 2500000\nuser_usec 1\n")
    (group / "cgroup.procs").write_text("11\n12\n")
    assert bounds.charged("srv-1", 3) == Charged(64 * MIB, 96 * MIB, 64 * MIB)
    assert bounds.cpu_seconds("srv-1", 3) == 2.5
    assert bounds.members("srv-1", 3) == [11, 12]


@pytest.mark.skipif(not isinstance(HERE, Version1), reason="no version 1 here")
async def test_guarantees_are_written_where_the_kernel_takes_them(
    spawner: ProcessSpawner,
) -> None:
    await spawner.start(limited("import time; time.sleep(60)", mem_guarantee="1G", cpu_guarantee=2))
    await until(spawner, State.UP)
    memory, cpu, *_ = await asyncio.to_thread(groups, spawner)
    assert (memory / "memory.soft_limit_in_bytes").read_text().strip() == str(1024 * MIB)
    assert (cpu / "cpu.shares").read_text().strip() == "2048"
    assert int((cpu.parent / "cpu.shares").read_text()) == 1024 * (os.cpu_count() or 1)


def test_a_guarantee_is_no_more_than_the_limit() -> None:
    assert Bound.of({"mem_limit": "512M", "mem_guarantee": "1G"}).memory_kept == 512 * MIB
    assert Bound.of({"mem_guarantee": "1G"}) == Bound(memory_kept=1024 * MIB)


def test_an_entry_is_what_the_launcher_reads() -> None:
    assert str(Entry()) == ""
    assert str(Entry((Path("/a"), Path("/b")), 7)) == "data=7:/a:/b"
    assert str(Entry(data=7, tasks=9)) == "data=7:tasks=9"


def test_version_2_counts_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = recorded(tmp_path)
    monkeypatch.setattr(os, "getxattr", lambda *_: b"1")
    bounds: Bounds = find("i", tmp_path)
    group = own / "perijove-i" / "srv-1.3"
    assert bounds.make("srv-1", 3, Bound(tasks=64)).tasks is None, "the group sees to it"
    assert (group / "pids.max").read_text() == "64"
    (group / "pids.events").write_text("max 0\n")
    assert bounds.tasks("srv-1", 3) == Tasks(64, 0)
    (group / "pids.events").write_text("max 12\n")
    assert bounds.tasks("srv-1", 3) == Tasks(64, 12)
    assert bounds.tasks("srv-1", 2) == Tasks()
    bounds.make("srv-2", 1, Bound())
    assert (own / "perijove-i" / "srv-2.1" / "pids.max").read_text() == "max"
    assert (own / "perijove-i" / "cgroup.subtree_control").read_text() == "+cpu +memory +pids"
    (own / "perijove-i" / "srv-2.1" / "pids.events").write_text("max 1\n")
    assert bounds.tasks("srv-2", 1) == Tasks(), "it was the limit of somebody above"


def test_version_2_without_the_controller_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = recorded(tmp_path)
    (own / "cgroup.controllers").write_text("cpu memory\n")
    monkeypatch.setattr(os, "getxattr", lambda *_: b"1")
    bounds: Bounds = find("i", tmp_path)
    assert bounds.make("srv-1", 1, Bound(tasks=64)).tasks == 64, "each account, at least"
    assert (own / "cgroup.subtree_control").read_text() == "+cpu +memory"
    assert not (own / "perijove-i" / "srv-1.1" / "pids.max").exists()
    assert bounds.tasks("srv-1", 1) == Tasks()


@pytest.mark.parametrize("there", [True, False])
def test_version_1_counts_processes_where_it_may(tmp_path: Path, *, there: bool) -> None:
    trees = ("memory", "cpu", *(["pids"] if there else []))
    (tmp_path / "proc/self").mkdir(parents=True)
    lines = (f"{number}:{it}:/\n" for number, it in enumerate(trees, 1))
    (tmp_path / "proc/self/cgroup").write_text("".join(lines))
    for it in trees:
        (tmp_path / "sys/fs/cgroup" / it).mkdir(parents=True)
    bounds: Bounds = find("i", tmp_path)
    assert bounds.kind == "cgroup v1"
    entry = bounds.make("srv-1", 1, Bound(tasks=64))
    group = tmp_path / "sys/fs/cgroup/pids/perijove-i/srv-1.1"
    assert (group / "cgroup.procs" in entry.groups) is there
    assert entry.tasks == (None if there else 64)
    if there:
        assert (group / "pids.max").read_text() == "64"
        (group / "pids.events").write_text("max 3\n")
    assert bounds.tasks("srv-1", 1) == (Tasks(64, 3) if there else Tasks())


@pytest.mark.parametrize("given", ["many", -1, 1.5, True])
def test_a_number_of_processes_that_is_none_is_refused(given: Any) -> None:
    with pytest.raises(Refused) as refused:
        Bound.of({"pids_limit": given})
    assert refused.value.code == "bad-pids"
    assert "no number of processes" in sentence("bad-pids", refused.value.params)
    assert Bound.of({"pids_limit": None}).tasks is None
    assert Bound.of({"pids_limit": "512"}).tasks == 512


BOMB = """
    import os, sys, time
    def more():
        while True:
            try:
                os.fork()
            except BlockingIOError:
                time.sleep(0.01)
    {first}
    more()
"""
COUNTED = isinstance(HERE, Counting) and HERE.counts is not None
counted = pytest.mark.skipif(not COUNTED, reason="nobody counts processes here (pids)")


@counted
async def test_a_fork_bomb_stays_inside_its_server(spawner: ProcessSpawner) -> None:
    await spawner.start(limited(BOMB.format(first=""), pids_limit=48))
    await until(spawner, State.UP)
    async with asyncio.timeout(60):
        while not (usage := await asyncio.to_thread(spawner.gauge.usage, ["srv-1"])) or not (
            usage["srv-1"].processes_refused
        ):
            await asyncio.sleep(0.05)
    assert usage["srv-1"].processes_limit == 48
    assert 40 <= (usage["srv-1"].processes or 0) <= 48
    await until_gone(spawner, force=True)


@counted
@pytest.mark.parametrize("kept", [True, False], ids=["launcher lives", "launcher killed"])
async def test_who_forks_faster_than_anybody_kills_ends_all_the_same(
    spawner: ProcessSpawner, *, kept: bool
) -> None:
    fast = BOMB.replace("time.sleep(0.01)", "pass")
    await spawner.start(limited(fast.format(first=""), pids_limit=400, cpu_limit=0.7))
    seen = await until(spawner, State.UP)
    async with asyncio.timeout(60):
        while not (await asyncio.to_thread(spawner.bounds.tasks, "srv-1", 1)).refused:
            await asyncio.sleep(0.05)
    if not kept:
        os.kill(int(seen.facts["pid"]), 9)
        await until(spawner, State.EXITED)
    async with asyncio.timeout(60):
        while (await spawner.poll("srv-1")).state is not State.GONE:
            await spawner.stop("srv-1", 1, force=True)
            await asyncio.sleep(0.1)


@counted
async def test_who_ends_for_want_of_processes_says_so(spawner: ProcessSpawner) -> None:
    starts = "held = [os.fork() or time.sleep(300) for _ in range(64)]"
    await spawner.start(limited(BOMB.format(first=starts), pids_limit=16))
    (signal,) = (await until(spawner, State.EXITED)).signals
    assert (signal.code, signal.terminal) == ("too-many-processes", True)
    assert signal.params == {"limit": 16, "exit_code": 1}
    said = sentence(signal.code, signal.params)
    assert "begun 16 processes, as many as it may have" in said
