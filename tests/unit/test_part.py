"""The log of a part: whoever floods it fills no disk, and loses no line that comes after."""

import stat
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from perijove.cli.supervisor import part as module
from perijove.cli.supervisor.part import Part

CHATTER = """
import sys, time
from pathlib import Path
while True:
    print("2026-11-21T12:00:00.000Z WARNING flood: " + "x" * 200, file=sys.stderr, flush=True)
    if Path(sys.argv[1]).exists():
        print("2026-11-21T12:00:00.000Z WARNING last: words", file=sys.stderr, flush=True)
        time.sleep(600)
    time.sleep(0.0002)
"""


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_log_that_somebody_floods_stays_small_and_is_read_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_LONGEST_LOG", 20_000)
    log, stop = tmp_path / "hub.log", tmp_path / "stop"
    older = tmp_path / "hub.log.1"
    part = Part(name="hub", command=(sys.executable, "-c", CHATTER, str(stop)), log=log)
    part.start()
    try:
        for _ in range(3):
            until(lambda: log.stat().st_size > 20_000)
            assert part.warnings()
            part.trim()
            assert log.stat().st_size < 20_000
        stop.touch()
        until(lambda: any("last: words" in line for line in part.warnings()))
        assert b"\0" not in log.read_bytes()  # no hole where the writer was before
        assert {stat.S_IMODE(it.stat().st_mode) for it in (log, older)} == {0o600}
    finally:
        part.kill()


def test_a_part_that_cannot_be_started_just_now_is_tried_again(tmp_path: Path) -> None:
    part = Part(name="hub", command=(sys.executable, "-c", ""), log=tmp_path / "log" / "hub.log")
    part.log.parent.mkdir()
    part.start()
    until(lambda: part.ended() is not None)
    told = part.revive()
    assert told
    part.log.unlink()
    part.log.parent.rmdir()  # as a full disk, or no memory for one more process
    part.due = 0.0
    told = part.revive()
    assert told
    assert "cannot be started (No such file or directory); trying again in" in told
    part.log.parent.mkdir()
    part.due = 0.0
    assert part.revive() is None
    until(lambda: part.ended() == 0)
