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
from pathlib import Path

from tests.ports import free_port

_DEBIAN = Path("/usr/lib/postgresql")
_ACCOUNT = "postgres"
"""PostgreSQL refuses to run as root, so root lends it to this account."""
_QUICK = ("fsync=off", "full_page_writes=off", "synchronous_commit=off", "max_connections=60")


def programs() -> Path | None:
    """Return the folder with `initdb` and `postgres`, the newest; None if there is none."""
    found = shutil.which("initdb")
    if found:
        return Path(found).parent
    installed = [path.parent for path in _DEBIAN.glob("*/bin/initdb")]
    return max(installed, key=lambda path: float(path.parent.name), default=None)


@contextmanager
def throw_away(folder: Path) -> Iterator[str]:
    """Run a new server with its files in a folder of its own and yield its URL."""
    account = _ACCOUNT if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory(prefix="pj-pg-", ignore_cleanup_errors=True) as data:
        if account:
            os.chown(data, pwd.getpwnam(account).pw_uid, -1)
        made = [str(folder / "initdb"), "-D", data, "-U", "perijove", "-A", "trust", "--no-sync"]
        subprocess.run(made, check=True, capture_output=True, user=account, cwd=data)
        port = free_port()
        options = [part for option in _QUICK for part in ("-c", option)]
        options += ["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="]
        log = Path(data) / "log"
        with log.open("wb") as out:
            server = subprocess.Popen(
                [folder / "postgres", "-D", data, "-p", str(port), *options],
                stdout=out, stderr=out, user=account, cwd=data,
            )  # fmt: skip
        try:
            _wait_for(server, log)
            yield f"postgresql://perijove@127.0.0.1:{port}/postgres"
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(30)


def _wait_for(server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 30
    while "ready to accept connections" not in (text := log.read_text()):
        assert server.poll() is None, text
        assert time.monotonic() < deadline, text
        time.sleep(0.05)
