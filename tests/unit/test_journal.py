"""The journal: whole lines, a chain, files that begin anew, a disk that is full."""

import asyncio
import json
import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from perijove.kit.journal import Journal, broken, lines, older


def _write(journal: Journal, *numbers: int) -> None:
    async def write() -> None:
        for number in numbers:
            await journal.write({"number": number, "name": "Ada \u6c49\udcff\n"})

    asyncio.run(write())


def _fill(path: Path, count: int, **how: int) -> None:
    journal = Journal(path, **how)
    _write(journal, *range(count))
    journal.close()


def _numbers(path: Path) -> list[int]:
    return [json.loads(line)["number"] for line in lines(path)]


def test_lines_come_back_whole_and_in_order_and_outlive_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    _fill(path, 5)
    _fill(path, 5)
    assert _numbers(path) == [*range(5), *range(5)]
    assert list(broken(lines(path))) == []
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_file_that_is_long_begins_anew_and_the_oldest_goes(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    _fill(path, 400, longest=2000, kept=3)
    _fill(path, 1, longest=2000, kept=3)
    assert sorted(it.name for it in tmp_path.iterdir()) == [
        "audit.log", "audit.log.1", "audit.log.2", "audit.log.3",
    ]  # fmt: skip
    numbers = _numbers(path)
    assert numbers == [*range(numbers[0], 400), 0]
    assert list(broken(lines(path))) == []
    assert all(it.stat().st_size < 2200 for it in tmp_path.iterdir())


@pytest.mark.parametrize(
    "harm",
    [
        lambda there: [there[0].replace('"number": 0', '"number": 8'), *there[1:]],
        lambda there: [*there[:3], there[3].replace('"number": 3', '"number": 8'), *there[4:]],
        lambda there: [*there[:3], *there[4:]],
        lambda there: [*there[:3], there[2], *there[3:]],
        lambda there: [*there[:3], there[4], there[3], *there[5:]],
        lambda there: [*there[:3], "half a line", *there[3:]],
        lambda there: [*there[:3], there[3][:-20], *there[4:]],
    ],
    ids=["first changed", "changed", "taken out", "put in", "exchanged", "nonsense", "cut"],
)
def test_a_line_that_somebody_touched_is_seen(tmp_path: Path, harm: object) -> None:
    path = tmp_path / "audit.log"
    _fill(path, 8)
    assert callable(harm)
    path.write_text("".join(f"{line}\n" for line in harm(list(lines(path)))))
    assert next(number for number, _ in broken(lines(path))) in {1, 4}


def test_of_many_who_write_at_once_in_two_threads_each_has_its_line_in_one_chain(
    tmp_path: Path,
) -> None:
    path = tmp_path / "audit.log"
    journal = Journal(path, longest=20_000, kept=200)

    async def write(first: int) -> None:
        await asyncio.gather(*(journal.write({"number": first + it}) for it in range(500)))

    threads = [threading.Thread(target=asyncio.run, args=[write(it)]) for it in (0, 500)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    journal.close()
    assert sorted(_numbers(path)) == list(range(1000))
    assert list(broken(lines(path))) == []


def test_half_a_line_of_a_kill_is_told_and_what_follows_is_good(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    _fill(path, 3)
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:25])
    _fill(path, 2)
    assert [number for number, _ in broken(lines(path))] == [4]
    assert len(list(lines(path))) == 6


def test_what_is_written_outlives_a_kill_at_once(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    program = (
        "import asyncio, os, sys; from pathlib import Path\n"
        "from perijove.kit.journal import Journal\n"
        "async def main():\n"
        "    journal = Journal(Path(sys.argv[1]))\n"
        "    for number in range(100): await journal.write({'number': number})\n"
        "    os.kill(os.getpid(), 9)\n"
        "asyncio.run(main())"
    )
    ended = subprocess.run([sys.executable, "-c", program, str(path)], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert _numbers(path) == list(range(100))


def test_an_entry_that_json_cannot_hold_fails_its_own_caller_and_nobody_else(
    tmp_path: Path,
) -> None:
    path = tmp_path / "audit.log"
    journal = Journal(path)

    async def write() -> list[BaseException | None]:
        entries: list[dict[str, object]] = [{"number": 1}, {"number": object()}, {"number": 3}]
        return await asyncio.gather(*map(journal.write, entries), return_exceptions=True)

    outcomes = asyncio.run(write())
    journal.close()
    assert [type(it) for it in outcomes] == [type(None), TypeError, type(None)]
    assert _numbers(path) == [1, 3]


@contextmanager
def _full(most: int) -> Iterator[None]:
    """Let no file of this process grow beyond `most` bytes, as a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)


def test_a_full_disk_stops_nobody_and_what_is_missing_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "audit.log"
    journal = Journal(path)
    _write(journal, 0)
    with _full(path.stat().st_size + 20):
        _write(journal, 1, 2, 3, 4)
    assert (journal.missing, len(list(lines(path)))) == (4, 1)
    assert "cannot be written" in caplog.text
    assert "4 entries are missing" in caplog.text
    _write(journal, 5)
    journal.close()
    found = [json.loads(line) for line in lines(path)]
    assert [it["number"] for it in found] == [0, 5]
    assert found[1]["missing_before"] == 4
    assert list(broken(lines(path))) == []


def test_a_disk_that_does_not_answer_keeps_nobody_waiting(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    os.mkfifo(path)  # takes 64 KiB, then whoever writes waits for somebody who reads
    journal = Journal(path, longest=1 << 40)

    async def write() -> float:
        began = asyncio.get_running_loop().time()
        for _ in range(3):
            await journal.write({"text": "x" * 70_000})
        return asyncio.get_running_loop().time() - began

    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    assert asyncio.run(write()) < 10
    os.set_blocking(reader, True)
    read = 0
    while read < 3 * 70_000:
        read += len(os.read(reader, 1 << 16))
    journal.close()
    os.close(reader)


def test_older_files_are_called_by_their_age(tmp_path: Path) -> None:
    assert older(tmp_path / "audit.log", 2).name == "audit.log.2"
    assert older(tmp_path / "audit.log", 0).name == "audit.log"
