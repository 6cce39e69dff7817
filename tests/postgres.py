"""A PostgreSQL of our own for the tests, if its programs are here; it ends with them."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.ports import free_port

_DEBIAN = Path("/usr/lib/postgresql")
_ACCOUNT = "postgres"
"""PostgreSQL refuses to run as root, so root lends it to this account."""
_QUICK = ("fsync=off", "full_page_writes=off", "synchronous_commit=off", "max_connections=60")
_ODD = ("default_transaction_isolation=serializable", "standard_conforming_strings=off")
"""What a server may be set to, and must not matter."""


def programs() -> Path | None:
    """Return the folder with `initdb` and `postgres`, the newest; None if there is none."""
    found = shutil.which("initdb")
    if found:
        return Path(found).parent
    installed = [path.parent for path in _DEBIAN.glob("*/bin/initdb")]
    return max(installed, key=lambda path: float(path.parent.name), default=None)


@dataclass
class Postgres:
    """One server, which can be stopped and started; its data stay as long as the folder does."""

    programs: Path
    data: Path
    port: int
    account: str | None
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"postgresql://perijove@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        options = [part for option in (*_QUICK, *_ODD) for part in ("-c", option)]
        options += ["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="]
        log = self.data / "log"
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                [self.programs / "postgres", "-D", self.data, "-p", str(self.port), *options],
                stdout=out, stderr=out, user=self.account, cwd=self.data,
            )  # fmt: skip
        _wait_for(self.process, log)

    def stop(self) -> None:
        """End it and every connection to it."""
        if self.process:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(30)
            self.process = None


@contextmanager
def made(folder: Path) -> Iterator[Postgres]:
    """Yield a new server with its files in a folder of its own; it does not run yet."""
    account = _ACCOUNT if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory(prefix="pj-pg-", ignore_cleanup_errors=True) as data:
        if account:
            os.chown(data, pwd.getpwnam(account).pw_uid, -1)
        made = [str(folder / "initdb"), "-D", data, "-U", "perijove", "-A", "trust", "--no-sync"]
        subprocess.run(made, check=True, capture_output=True, user=account, cwd=data)
        it = Postgres(folder, Path(data), free_port(), account)
        try:
            yield it
        finally:
            it.stop()


@contextmanager
def throw_away(folder: Path) -> Iterator[str]:
    """Run a new server and yield its URL."""
    with made(folder) as it:
        it.start()
        yield it.url


def _wait_for(server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 30
    while "ready to accept connections" not in (text := log.read_text()):
        assert server.poll() is None, text
        assert time.monotonic() < deadline, text
        time.sleep(0.05)
