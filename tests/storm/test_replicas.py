"""Three hubs on one database, one killed and one put to sleep: nothing lost, nothing doubled."""

import signal
import sys
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path

import httpx
import pytest

from perijove.model.shard import shard_of
from tests.bar import size
from tests.storm.three import Three

USERS = 12
HOLDERS = "SELECT h.id, r.name FROM pj_shards h JOIN pj_replicas r ON r.id = h.replica"
PAUSE = size(11, 8.0, 60.0)
SOON = size(11, 40.0, 10.0)
"""Seconds until the others have done what a killed hub had begun; a busy machine needs longer."""


@pytest.fixture
def three(tmp_path: Path, emptied: str) -> Iterator[Three]:
    it = Three(tmp_path, emptied, USERS)
    try:
        it.begin()
        yield it
    finally:
        it.end()


def ask(three: Three, n: int, method: str, path: str) -> int:
    with suppress(httpx.TransportError):
        headers = {"authorization": three.box.client.headers["authorization"]}
        url = f"http://127.0.0.1:{three.ports[n]}/hub/api/users{path}"
        return httpx.request(method, url, headers=headers, timeout=30).status_code
    return 0


def every(round_: str) -> list[str]:
    return [f"/u{n}/servers/{round_}" for n in range(USERS)]


def click(three: Three, hubs: list[int], round_: str) -> list[str]:
    """Ask for a server of everybody, of one hub after the other; return those that were heard."""
    paths = every(round_)
    with ThreadPoolExecutor(USERS) as crowd:
        asked = [
            crowd.submit(ask, three, hubs[n % len(hubs)], "POST", path)
            for n, path in enumerate(paths)
        ]
    return [path for path, it in zip(paths, asked, strict=True) if it.result() == 202]


def all_ready(three: Three, n: int, paths: list[str]) -> float:
    """Wait until all that was asked for runs, by hub `n`; return how many seconds it took."""
    began = time.monotonic()
    three.at(n, lambda: True)
    for path in paths:
        three.box.until(partial(three.box.ready, path), path)
    return time.monotonic() - began


def assert_once(three: Three, paths: Iterable[str], perhaps: Iterable[str] = ()) -> None:
    """Assert that what was heard runs, and of the rest at most what was `perhaps` heard."""
    alive = three.box.alive()
    running = {it.partition("=")[2] for it in alive}
    wanted, also = (
        {f"/user{path.replace('/servers', '')}/" for path in some} for some in (paths, perhaps)
    )
    assert wanted <= running <= wanted | also
    assert set(alive.values()) == {1}, "doubled"
    twice = {it: n for it, n in three.box.starts().items() if n != 1}
    assert not twice, ("doubled and then stopped", (three.box.folder / "log").read_text())


def started_by(pid: int) -> str:
    """Return the files that a hub has open: it may sleep with the lock of what it was starting."""
    opened = list[str]()
    for file in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            opened.append(str(file.readlink()))
    return " ".join(opened)


def amid(three: Three) -> set[int]:
    """Return the hubs that have begun to start something."""
    hubs = {str(port): n for n, port in enumerate(three.ports)}
    holders = {shard: hubs[name.rpartition(":")[2]] for shard, name in three.box.ask(HOLDERS)}
    begun = three.box.ask("SELECT workload FROM pj_servers WHERE phase = 'starting'")
    held = {shard_of(workload) for (workload,) in begun}
    return {holders[shard] for shard in held if shard in holders}


def halted_amid(three: Three) -> int | None:
    """Return the hub that was halted as it had begun to start something; None: none was seen to."""
    for n in amid(three):
        three.hubs[n].send_signal(signal.SIGSTOP)
        if n in amid(three):
            return n
        three.hubs[n].send_signal(signal.SIGCONT)
    return None


def test_what_a_killed_hub_has_begun_the_others_finish(
    three: Three, capsys: pytest.CaptureFixture[str]
) -> None:
    with ThreadPoolExecutor(1) as beside:
        clicks = beside.submit(click, three, [0, 1, 2], "a")
        end = time.monotonic() + 20
        while (gone := halted_amid(three)) is None:
            assert time.monotonic() < end, "none was ever seen to start anything"
        three.hubs[gone].kill()
        killed = time.monotonic()
        three.hubs[gone].wait()
        heard = clicks.result()
    assert len(heard) >= USERS * 2 // 3, "the others were there"
    other, last = (n for n in range(3) if n != gone)
    all_ready(three, other, heard)
    took = time.monotonic() - killed
    assert took <= SOON
    unheard = [path for path in every("a") if path not in heard]
    assert_once(three, heard, unheard)
    three.start(gone)
    three.box.until(lambda: three.at(gone, three.box.answers), "it is back")
    more = click(three, [gone], "b")
    assert len(more) == USERS
    all_ready(three, last, more)
    assert_once(three, heard + more, unheard)
    with capsys.disabled():
        sys.stdout.write(f"\n{len(heard)} starts all run {took:.1f} s after a hub was killed\n")


def test_a_hub_that_was_asleep_wakes_up_harmless(three: Three) -> None:
    first = click(three, [0, 1, 2], "a")
    three.hubs[0].send_signal(signal.SIGSTOP)  # in the middle of them
    asleep, in_hand = time.monotonic(), started_by(three.hubs[0].pid)
    free = [path for path in first if "--".join(path.split("/")[1::2]) not in in_hand]
    all_ready(three, 1, free)
    ended, kept = first[: USERS // 2], first[USERS // 2 :]
    three.at(2, lambda: True)
    for path in ended:
        assert three.box.status("DELETE", path) == 202
    for path in set(ended) & set(free):
        three.box.until(partial(three.box.stopped, path), f"{path} stops")
    time.sleep(max(0.0, PAUSE - (time.monotonic() - asleep)))
    three.hubs[0].send_signal(signal.SIGCONT)
    three.box.until(lambda: three.at(0, three.box.answers), "it answers again")
    all_ready(three, 0, kept)
    for path in ended:
        three.box.until(partial(three.box.stopped, path), f"{path} stops")
    more = click(three, [0], "b")
    all_ready(three, 0, more)
    time.sleep(2)  # what it did not finish before would be done by now
    assert_once(three, kept + more)
