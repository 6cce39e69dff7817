"""Journal: entries that nobody changes any more, a line each, in files that begin anew when long.

Each line is a JSON object. Its last members are `after`, the digest that ends the line before it,
and `chain`, the digest of itself, so that a line that was changed, taken out or put in is seen
(`broken`). What could not be written for want of room is counted, and the next line that can be
says how many are missing.
"""

import asyncio
import json
import logging
import os
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from perijove.kit.line import Line, waiting
from perijove.kit.tasks import settle

logger = logging.getLogger(__name__)

LONGEST = 16 << 20
"""Bytes of one file."""
KEPT = 8
"""How many older files there are, `NAME.1` the youngest."""
_PATIENCE = 1.0
"""Seconds for which whoever writes waits for a disk that does not answer."""
_TOGETHER = 256
"""Entries that are written before those who wait for them are told."""
_DIGEST = 32
"""Characters."""
_BEFORE, _CHAIN = ', "after": "', ', "chain": "'
_LAST = 1 << 20
"""Bytes at the end of a file, among which its last line is."""
_AFTER = len(_CHAIN) + _DIGEST + len('"}')


@dataclass(frozen=True, slots=True)
class _Entry:
    told: dict[str, Any]
    done: asyncio.Future[None]


class Journal:
    """Writes one file, which no other process writes.

    A line is with the operating system before `write` returns: it outlives the process, and a
    power cut as far as the disk's own habits allow.
    """

    def __init__(self, path: Path, *, longest: int = LONGEST, kept: int = KEPT) -> None:
        self.path = path
        self.missing = 0
        """How many entries could not be written, since the start."""
        self._longest, self._kept = longest, kept
        self._lost = 0
        self._file: int | None = None
        self._chain = ""
        # No executor: what it adds to every entry costs more than writing it.
        self._line: Line[_Entry] = SimpleQueue()
        self._thread = threading.Thread(target=self._write_until_none, name="journal", daemon=True)
        self._thread.start()

    async def write(self, entry: Mapping[str, Any]) -> None:
        """Add `entry`, whose values JSON can hold; a full disk stops nobody's work.

        Raises:
            RuntimeError: it is closed.
        """
        if not self._thread.is_alive():
            raise RuntimeError(f"{self.path.name} is closed")
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._line.put(_Entry(dict(entry), done))
        with suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE):
                await done

    def close(self) -> None:
        """Write what is left, and let go of the file."""
        self._line.put(None)
        self._thread.join()
        self._let_go()

    def _write_until_none(self) -> None:
        self._begin()
        while batch := waiting(self._line, _TOGETHER):
            _answer(batch, [self._try(entry.told) for entry in batch])

    def _begin(self) -> None:
        """Have the file there from the start, so that one that is missing was taken away."""
        with suppress(Exception):  # the first entry tells of it
            self._make_room()

    def _try(self, entry: dict[str, Any]) -> Exception | None:
        try:
            self._write(entry)
        except Exception as error:  # noqa: BLE001 - it is raised where the entry was made
            return error
        return None

    def _write(self, entry: dict[str, Any]) -> None:
        try:
            self._make_room()
            if self._lost:
                entry["missing_before"] = self._lost
            text, chain = _line(entry, self._chain)
            self._append(text.encode())
        except OSError as error:
            self._let_go()
            self.missing += 1
            self._lost += 1
            if self._lost & (self._lost - 1) == 0:  # at 1, 2, 4, 8: a full disk fills no log
                logger.error(  # noqa: TRY400 - nobody needs to know where
                    "%s cannot be written (%s): %d entries are missing", self.path.name,
                    error.strerror or error, self._lost,
                )  # fmt: skip
            return
        self._chain, self._lost = chain, 0

    def _append(self, line: bytes) -> None:
        """Add `line`, whole or not at all."""
        assert self._file is not None
        before = os.fstat(self._file).st_size
        try:
            written = os.write(self._file, line)
            while written < len(line):
                written += os.write(self._file, line[written:])
        except OSError:
            os.ftruncate(self._file, before)
            raise

    def _make_room(self) -> None:
        """Have a file open that has room for a line."""
        if self._file is None:
            self._file = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
            self._chain = self._last() or self._chain
        if os.fstat(self._file).st_size >= self._longest:
            self._let_go()
            for number in range(self._kept, 0, -1):
                younger = older(self.path, number - 1)
                with suppress(FileNotFoundError):
                    younger.replace(older(self.path, number))
            self._file = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)

    def _last(self) -> str:
        """Return the chain at the end of the file; half a line that a kill has left is ended."""
        assert self._file is not None
        size = os.fstat(self._file).st_size
        end = os.pread(self._file, _LAST, max(0, size - _LAST)) if size else b""
        if end and not end.endswith(b"\n"):
            os.write(self._file, b"\n")
        if not end:  # it has just begun
            with suppress(OSError):
                end = older(self.path, 1).read_bytes()[-_LAST:]
        whole = end.rpartition(b"\n")[0].rpartition(b"\n")[2]
        return _chain_of(whole.decode(errors="replace"))

    def _let_go(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


def _answer(batch: Sequence[_Entry], outcomes: Sequence[Exception | None]) -> None:
    """Tell those who wait for `batch`, of each loop at once."""
    for loop in {entry.done.get_loop() for entry in batch}:
        those = [
            (entry.done, outcome)
            for entry, outcome in zip(batch, outcomes, strict=True)
            if entry.done.get_loop() is loop
        ]
        with suppress(RuntimeError):  # it is closed: nobody waits any more
            loop.call_soon_threadsafe(_settle_all, those)


def _settle_all(those: Iterable[tuple[asyncio.Future[None], Exception | None]]) -> None:
    for done, outcome in those:
        settle(done, None, outcome)


def older(path: Path, number: int) -> Path:
    """Return the file that was `path` `number` files ago."""
    return path.with_name(f"{path.name}.{number}") if number else path


def lines(path: Path) -> Iterator[str]:
    """Yield what is there, the oldest first."""
    there = sorted(
        (int(it.suffix[1:]), it) for it in path.parent.glob(f"{path.name}.*") if _is_older(it)
    )
    for file in (*(it for _, it in reversed(there)), path):
        with suppress(FileNotFoundError), file.open(errors="replace") as text:
            yield from (line.rstrip("\n") for line in text)


def latest(path: Path) -> Iterator[str]:
    """Yield what is there, the newest first; a file is read as a whole."""
    number = 0
    while (file := older(path, number)).exists():
        with suppress(FileNotFoundError), file.open(errors="replace") as text:
            yield from (line.rstrip("\n") for line in reversed(text.readlines()))
        number += 1


def broken(found: Iterable[str]) -> Iterator[tuple[int, str]]:
    """Yield the number (from 1) of each line that does not follow the one before it, and why."""
    chain = None
    for number, line in enumerate(found, 1):
        here = _chain_of(line)
        if not here:
            yield number, "it is no whole line"
            continue
        text = line[:-_AFTER]
        if here != _digest(text):
            yield number, "it was changed"
        elif chain is not None and not text.endswith(f'{_BEFORE}{chain}"'):
            yield number, "it does not follow the line before it"
        chain = here


def _line(entry: Mapping[str, Any], before: str) -> tuple[str, str]:
    text = json.dumps(entry, ensure_ascii=False)[:-1].encode(errors="replace").decode()
    text += f'{_BEFORE}{before}"'
    chain = _digest(text)
    return f'{text}{_CHAIN}{chain}"}}\n', chain


def _digest(text: str) -> str:
    return sha256(text.encode(errors="replace")).hexdigest()[:_DIGEST]


def _chain_of(line: str) -> str:
    """Return the chain that `line` ends with, '' if it is none of ours."""
    end = line[-_AFTER:]
    good = line.startswith("{") and end.startswith(_CHAIN) and end.endswith('"}')
    return end[len(_CHAIN) : -2] if good else ""


def _is_older(path: Path) -> bool:
    return path.suffix[1:].isdecimal()
