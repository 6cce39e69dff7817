"""The access log where the disk is full in the middle of a line, and is not any more."""

import json
import subprocess
import sys
from pathlib import Path

FULL = """
import asyncio, resource, sys
from perijove.kit.clock import Clock
from perijove.proxy.access import AccessLog
from perijove.proxy.log import Log

def room(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

async def main():
    loop = asyncio.get_running_loop()
    log = AccessLog(sys.argv[1], Log(Clock()), loop.call_soon_threadsafe)
    room(25)
    for turn in range(2):
        for number in range(5):
            log.write(b'{"n": %d}\\n' % number)
        log.flush()
        await asyncio.sleep(0.3)
    room(resource.RLIM_INFINITY)
    log.write(b'{"n": 9}\\n')
    log.close()
    print(log.dropped)

asyncio.run(main())
"""


def test_a_line_that_was_cut_spoils_no_other(tmp_path: Path) -> None:
    file = tmp_path / "access.log"
    said = subprocess.run(
        [sys.executable, "-c", FULL, str(file)],
        capture_output=True, text=True, check=True, timeout=30,
    )  # fmt: skip
    lines = file.read_text().splitlines()
    assert lines[2] == '{"n": 2'
    assert [json.loads(line)["n"] for line in (*lines[:2], *lines[3:])] == [0, 1, 9]
    assert int(said.stdout) == 8
    assert said.stderr.count("access-log-not-written") == 1
