"""A MariaDB of our own for the tests, if its programs are here; it ends with them."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pymysql
from sqlalchemy import make_url

from tests.ports import free_port

_QUICK = (
    "--innodb-flush-log-at-trx-commit=0", "--innodb-doublewrite=0", "--disable-log-bin",
    "--innodb-buffer-pool-size=64M", "--innodb-log-file-size=32M", "--performance-schema=off",
    "--skip-name-resolve", "--max-connections=120",
)  # fmt: skip
_ODD = (
    "--sql-mode=", "--transaction-isolation=SERIALIZABLE", "--character-set-server=latin1",
    "--default-storage-engine=Aria", "--lower-case-table-names=1", "--wait-timeout=20",
    "--innodb-default-row-format=compact",
)  # fmt: skip
"""What a server may be set to, and must not matter."""
_ODDER = (
    "SET GLOBAL sql_safe_updates = 1;\nSET GLOBAL sql_select_limit = 1;\n"
    "SET GLOBAL foreign_key_checks = 0;\nSET GLOBAL unique_checks = 0;\n"
)
"""The same, for what no option sets."""


def program() -> str | None:
    """Return `mariadbd`; None if it is not here. Debian has it where no ordinary account looks."""
    return shutil.which("mariadbd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


@dataclass
class MariaDb:
    """One server, which can be stopped and started; its data stay as long as the folder does."""

    data: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"mysql://root@127.0.0.1:{self.port}/perijove"

    def start(self, *more: str) -> None:
        log = self.data / "log"
        (self.data / "odder.sql").write_text(_ODDER)
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                [
                    program() or "mariadbd", "--no-defaults", f"--datadir={self.data}/data",
                    *_as_whoever(), f"--port={self.port}", "--bind-address=127.0.0.1",
                    f"--socket={self.data}/s", f"--pid-file={self.data}/pid",
                    f"--tmpdir={self.data}",  # one that starts deletes what others have in /tmp
                    f"--init-file={self.data}/odder.sql", *_QUICK, *_ODD, *more,
                ],
                stdout=out, stderr=out, cwd=self.data,
            )  # fmt: skip
        _wait_for(self.process, log)

    def stop(self) -> None:
        """End it and every connection to it."""
        if self.process:
            self.process.terminate()
            self.process.wait(30)
            self.process = None


@contextmanager
def made() -> Iterator[MariaDb]:
    """Yield a new server with its files in a folder of its own; it does not run yet."""
    with tempfile.TemporaryDirectory(prefix="pj-my-", ignore_cleanup_errors=True) as folder:
        made = [
            "mariadb-install-db", "--no-defaults", f"--datadir={folder}/data", *_as_whoever(),
            f"--tmpdir={folder}", "--auth-root-authentication-method=normal", "--skip-test-db",
            "--skip-name-resolve",
        ]  # fmt: skip
        done = subprocess.run(made, check=False, capture_output=True, text=True, cwd=folder)
        assert done.returncode == 0, done.stdout + done.stderr
        it = MariaDb(Path(folder), free_port())
        try:
            yield it
        finally:
            it.stop()


@contextmanager
def throw_away() -> Iterator[str]:
    """Run a new server and yield its URL."""
    with made() as it:
        it.start()
        yield it.url


def empty(url: str) -> None:
    """Make the database at `url` anew."""
    it = make_url(url)
    with closing(said(url, database=None)) as connection, connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS `{it.database}`")
        cursor.execute(f"CREATE DATABASE `{it.database}`")


def said(url: str, **other: Any) -> "pymysql.Connection[pymysql.cursors.Cursor]":
    """Return a connection that knows nothing of ours."""
    it = make_url(url)
    given: dict[str, Any] = {
        "host": it.host, "port": it.port or 3306, "user": it.username,
        "password": it.password or "", "database": it.database, "autocommit": True,
    }  # fmt: skip
    found: pymysql.Connection[pymysql.cursors.Cursor] = pymysql.connect(**{**given, **other})
    return found


def _as_whoever() -> list[str]:
    return ["--user=root"] if os.geteuid() == 0 else []


def _wait_for(server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while "ready for connections" not in (text := log.read_text()):
        assert server.poll() is None, text
        assert time.monotonic() < deadline, text
        time.sleep(0.05)
