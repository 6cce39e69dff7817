"""Shelf: the last table on disk, so that a proxy can start while the hub is away."""

import asyncio
import json
import logging
import os
from pathlib import Path

from perijove.proxy.log import Log
from perijove.proxy.table import Damaged, Table, checksum


class Shelf:
    """Writes in a thread, the newest table only, by write and rename."""

    def __init__(self, path: Path, log: Log) -> None:
        self._path = path
        self._log = log
        self._next: bytes | None = None
        self._wake = asyncio.Event()

    def put(self, table: Table) -> None:
        """Have `table` written soon."""
        whole = {
            "version": table.version,
            "checksum": checksum(table.entries),
            "routes": table.entries,
        }
        self._next = json.dumps(whole).encode()
        self._wake.set()

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            await self.flush()

    async def flush(self) -> None:
        """Write what is waiting. A disk that is full costs the copy, not the service."""
        text, self._next = self._next, None
        if text is None:
            return
        try:
            await asyncio.to_thread(_write, self._path, text)
        except OSError as error:
            self._log(logging.ERROR, "table-not-saved", why=error.strerror)

    def load(self, table: Table) -> None:
        """Fill `table` from disk, if there is a good copy."""
        try:
            whole = json.loads(self._path.read_bytes())
            table.replace(whole["version"], whole["routes"], whole["checksum"])
        except FileNotFoundError:
            return
        except (OSError, ValueError, KeyError, TypeError, Damaged) as error:
            self._log(logging.WARNING, "table-not-loaded", why=type(error).__name__)


def _write(path: Path, text: bytes) -> None:
    fresh = path.with_name(f"{path.name}.new")
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.rename(path)
