"""What servers use is what they really use."""

import asyncio
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from perijove.model.placement import Placement
from perijove.model.usage import Process, Usage
from perijove.model.workload import State
from perijove.spawners import kernel_log
from perijove.spawners.bounds import Rlimits
from perijove.spawners.cgroups import find
from perijove.spawners.process import ProcessSpawner
from tests.integration.test_process import python, spawner_in, spec, until, until_gone

MIB = 1 << 20
HERE = find("i")
PYTHON = Path(sys.executable).name[:15]
WORK = """
    import pathlib, subprocess, sys, time
    b = bytearray(64 << 20)
    b[:] = b"x" * len(b)
    files = [open(f"f{n}", "w") for n in range(40)]
    end = time.process_time() + 0.5
    while time.process_time() < end:
        pass
    code = "import time; e = time.process_time() + 0.5\\nwhile time.process_time() < e: pass"
    subprocess.run([sys.executable, "-c", code])
    child = subprocess.Popen(["sleep", "300"])
    pathlib.Path("ready").touch()
    time.sleep(300)
"""


@pytest.fixture(params=["groups", "rlimits"])
async def spawner(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ProcessSpawner]:
    it = spawner_in(tmp_path)
    if request.param == "rlimits":
        it.__dict__["bounds"] = Rlimits()
    elif isinstance(HERE, Rlimits):
        pytest.skip("no control groups can be made here")
    await asyncio.to_thread(lambda: it.bounds)
    yield it
    await until_gone(it, force=True)


async def usage(it: ProcessSpawner) -> Usage:
    found = await asyncio.to_thread(it.gauge.usage, ["srv-1", "srv-2"])
    assert set(found) == {"srv-1"}
    return found["srv-1"]


async def test_memory_processors_processes_and_files_are_those_of_all_it_has_started(
    spawner: ProcessSpawner, tmp_path: Path
) -> None:
    traits = {"mem_limit": "512M", "mem_guarantee": "128M"}
    await spawner.start(replace(spec(python(WORK)), overrides=traits))
    async with asyncio.timeout(30):
        while not (tmp_path / "homes/1-ada/ready").exists():
            await asyncio.sleep(0.05)
    found = await usage(spawner)
    assert (found.incarnation, found.processes, found.out_of_memory) == (1, 2, 0)
    assert found.memory
    assert 64 * MIB < found.memory < 100 * MIB
    assert found.biggest
    assert found.biggest.name == PYTHON
    assert 64 * MIB < found.biggest.memory < 90 * MIB
    assert found.open_files
    assert 40 <= found.open_files < 70
    assert found.cpu_seconds
    assert 0.9 < found.cpu_seconds < 5, "what has ended counts as well"
    grouped = not isinstance(spawner.bounds, Rlimits)
    assert found.memory_limit == (512 * MIB if grouped else None)
    assert found.memory_kept == (128 * MIB if grouped else None)


async def test_nothing_is_said_of_what_does_not_run(spawner: ProcessSpawner) -> None:
    assert await asyncio.to_thread(spawner.gauge.usage, ["srv-1"]) == {}
    await spawner.start(spec(("true",)))
    await until(spawner, State.EXITED)
    assert await asyncio.to_thread(spawner.gauge.usage, ["srv-1"]) == {}


@pytest.mark.parametrize("spawner", ["groups"], indirect=True)
async def test_a_process_that_is_ended_for_its_memory_is_counted_and_named(
    spawner: ProcessSpawner,
) -> None:
    lives = """
        import subprocess, sys, time
        much = "b = bytearray(200 << 20); b[:] = b'x' * len(b)"
        subprocess.call([sys.executable, "-c", much])
        time.sleep(300)
    """
    await spawner.start(replace(spec(python(lives)), overrides={"mem_limit": "96M"}))
    async with asyncio.timeout(30):
        while not (await until_counted(spawner)).out_of_memory:
            await asyncio.sleep(0.05)
    found = await usage(spawner)
    assert found.out_of_memory == 1
    if kernel_log.readable():
        assert found.last_ended
        assert found.last_ended.name == PYTHON
        assert 60 * MIB < found.last_ended.memory < 97 * MIB


async def until_counted(spawner: ProcessSpawner) -> Usage:
    found = await asyncio.to_thread(spawner.gauge.usage, ["srv-1"])
    return found.get("srv-1") or Usage(incarnation=0)


def test_a_home_is_as_big_as_its_files(tmp_path: Path) -> None:
    gauge = spawner_in(tmp_path).gauge
    there = Placement(workload="srv-1", port=1, client="c", home="1-ada")
    before = gauge.home(there)
    assert before is not None
    (tmp_path / "homes/1-ada/big").write_bytes(b"x" * 5 * MIB)
    (tmp_path / "homes/1-ada/elsewhere").symlink_to("/usr")
    after = gauge.home(there)
    assert after is not None
    assert 5 * MIB <= after - before < 6 * MIB
    assert gauge.home(replace(there, home="2-eve")) is None


LOG = """\
4,564,1,-;python invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0
6,505,2,-;oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,\
oom_memcg=/a/perijove-i/srv-1.1,task_memcg=/a/perijove-i/srv-1.1,task=jupyter-lab,pid=7,uid=0
3,506,3,-;Memory cgroup out of memory: Killed process 7 (jupyter-lab) total-vm:217308kB, \
anon-rss:1000kB, file-rss:20kB, shmem-rss:4kB, UID:0 pgtables:240kB oom_score_adj:0
6,605,4,-;oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,\
oom_memcg=/a/perijove-i/srv-1.10,task_memcg=/a/perijove-i/srv-1.10,task=x,pid=8,uid=0
3,606,5,-;Memory cgroup out of memory: Killed process 8 (x) total-vm:1kB, anon-rss:1kB
6,705,6,-;oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,\
oom_memcg=/a/perijove-i/srv-2.1,task_memcg=/a/perijove-i/srv-2.1/inner,task=y,pid=9,uid=0
3,706,7,-;Memory cgroup out of memory: Killed process 9 (y) total-vm:1kB, anon-rss:2kB
"""


def test_the_log_of_the_kernel_is_read_as_it_is_written(tmp_path: Path) -> None:
    """Recorded on Linux 6.18; in the second the process was in a group below."""
    log = tmp_path / "kmsg"
    log.write_text(LOG)
    assert kernel_log.ended("perijove-i/srv-1.1", log) == Process("jupyter-lab", 1004 << 10)
    assert kernel_log.ended("perijove-i/srv-2.1", log) == Process("y", 2 << 10)
    assert kernel_log.ended("perijove-i/srv-1.2", log) is None
    assert kernel_log.ended("perijove-i/srv-1.1", tmp_path / "none") is None
    assert not kernel_log.readable(tmp_path / "none")
