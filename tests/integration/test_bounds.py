"""What local servers may use: told apart from a crash, and left behind by nobody."""

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from perijove.model.errors import Refused
from perijove.model.workload import State
from perijove.spawners.bounds import Bound, Bounds, Entry, Rlimits
from perijove.spawners.cgroups import Version1, Version2, find
from perijove.spawners.process import ProcessSpawner
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


@pytest.fixture
async def spawner(tmp_path: Path) -> AsyncIterator[ProcessSpawner]:
    it = spawner_in(tmp_path)
    yield it
    await until_gone(it, force=True)
    assert not await asyncio.to_thread(groups, it), "nothing is left of them"


def groups(it: ProcessSpawner) -> list[Path]:
    match it.bounds:
        case Version1(memory=memory, cpu=cpu):
            return [*memory.glob("srv-1.*"), *cpu.glob("srv-1.*")]
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
    assert [(it.code, it.params, it.terminal) for it in seen.signals] == [
        ("out-of-memory", {"limit": 96 * MIB, "container": "srv-1"}, True)
    ]


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
    async with asyncio.timeout(10):
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
    entry = bounds.make("srv-1", 3, Bound(memory=96 * MIB, cpu=0.5))
    assert entry == Entry((group / "cgroup.procs",))
    assert (group / "memory.max").read_text() == str(96 * MIB)
    assert (group / "cpu.max").read_text() == "50000 100000"
    assert (own / "cgroup.subtree_control").read_text() == "+cpu +memory"
    assert bounds.out_of_memory("srv-1", 3) is None
    (group / "memory.events").write_text("low 0\nhigh 0\nmax 9\noom 1\noom_kill 1\n")
    assert bounds.out_of_memory("srv-1", 3) == 96 * MIB
    assert bounds.out_of_memory("srv-1", 2) is None


def test_an_entry_is_what_the_launcher_reads() -> None:
    assert str(Entry()) == ""
    assert str(Entry((Path("/a"), Path("/b")), 7)) == "data=7:/a:/b"
