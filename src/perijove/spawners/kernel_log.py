"""The log of the kernel: which process it has ended for want of memory, and how big that was.

See kernel.org, Documentation/ABI/testing/dev-kmsg. Root may read it, others on some machines.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from perijove.model.usage import Process

KERNEL_LOG = Path("/dev/kmsg")
_RECORD = 8192
_CHOSEN = re.compile(r"oom-kill:.*task_memcg=(?P<group>[^,]*),task=(?P<name>.*),pid=(?P<pid>\d+),")
_ENDED = re.compile(r"[Kk]illed process (?P<pid>\d+) \((?P<name>.*)\) total-vm:.*")
_KINDS = re.compile(r"(?:anon|shmem)-rss:(\d+)kB")


def readable(log: Path = KERNEL_LOG) -> bool:
    """Return whether this account may read it; the file may be there and refuse."""
    try:
        next(_records(log), None)
    except OSError:
        return False
    return True


def ended(group: str, log: Path = KERNEL_LOG) -> Process | None:
    """Return the process in the control group `.../<group>` that was ended last, if it is known."""
    found: Process | None = None
    chosen: dict[str, str] = {}
    try:
        for record in _records(log):
            if line := _CHOSEN.search(record):
                chosen.pop(line["pid"], None)
                if _within(line["group"], group):
                    chosen[line["pid"]] = line["name"]
            elif (line := _ENDED.search(record)) and line["pid"] in chosen:
                size = sum(int(kib) for kib in _KINDS.findall(record)) << 10
                found = Process(chosen.pop(line["pid"]), size)
    except OSError:
        return None
    return found


def _within(path: str, group: str) -> bool:
    return path.endswith(f"/{group}") or f"/{group}/" in path


def _records(log: Path) -> Iterator[str]:
    file = os.open(log, os.O_RDONLY | os.O_NONBLOCK)
    try:
        while True:
            try:
                record = os.read(file, _RECORD)
            except BlockingIOError:
                return  # that was the newest
            except BrokenPipeError:
                continue  # some were overwritten meanwhile
            if not record:
                return
            yield from record.decode(errors="replace").splitlines()
    finally:
        os.close(file)
