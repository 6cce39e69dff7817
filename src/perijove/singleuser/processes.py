"""Processes, as /proc shows them: who was started by whom, how much CPU, and what they are."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_INSTALLERS = frozenset({"pip", "pip3", "conda", "mamba", "micromamba", "uv"})
_WORDS = 3
"""Of a command line: `python -m pip`, `/opt/conda/bin/python /opt/conda/bin/conda`."""


def children(pid: int) -> list[int]:
    """Return what `pid` has started and still runs."""
    found: list[int] = []
    with suppress(OSError):
        for each in Path(f"/proc/{pid}/task").glob("*/children"):
            with suppress(OSError):
                found += map(int, each.read_text().split())
    return found


def below(pid: int) -> Iterator[int]:
    """Yield the descendants of `pid`."""
    for child in children(pid):
        yield child
        yield from below(child)


def cpu(pid: int) -> int:
    """Return the CPU ticks of `pid` and of its dead children: fields 14-17 of its stat, proc(5)."""
    with suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return sum(int(field) for field in fields[11:15])
    return 0


def installs(pid: int) -> bool:
    """Return whether `pid` is a pip or conda, which may wait for the network for long."""
    try:
        line = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[:_WORDS]
    except OSError:
        return False
    words = [Path(word.decode("utf-8", "replace")).name for word in line]
    first = words[0].rstrip("0123456789.") if words else ""
    after = words[1:] if first == "python" else []
    return words[:1] != [] and (words[0] in _INSTALLERS or any(it in _INSTALLERS for it in after))
