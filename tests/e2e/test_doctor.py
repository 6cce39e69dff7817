"""Every check of `perijove doctor`: good on a box that works, and bad when it is broken."""

import contextlib
import json
import os
import shutil
import signal
import socket
import socketserver
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from perijove.cli.doctor.words import WORDS
from perijove.store import migrations, rows
from perijove.store.once import reading, writing
from tests.databases import settings
from tests.e2e.box import Up
from tests.ports import free_port

Findings = dict[str, dict[str, Any]]
ORDER = [
    "config",
    "sign-in",
    "data",
    "disk",
    "limits",
    "gpus",
    "accounts",
    "database",
    "ports",
    "websocket",
    "start",
]


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    box = Up(tmp_path_factory.mktemp("doctor"))
    box.start()
    yield box
    box.stop()


@pytest.fixture
def copy(up: Up, tmp_path: Path) -> Path:
    """Return a data directory of the same contents that nobody runs on."""
    data = tmp_path / "data"
    shutil.copytree(
        up.data, data, ignore=shutil.ignore_patterns("*-wal", "*-shm", "*.lock", "*.sock")
    )
    return data


def doctor(
    *more: str, wrapped: list[str] | None = None, **environment: str
) -> tuple[int, Findings]:
    command = [sys.executable, "-m", "perijove", "doctor", "-o", "json", *more]
    done = subprocess.run(
        [*(wrapped or []), *command],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        timeout=120,
        check=False,
    )
    assert done.stdout, done.stderr
    told = json.loads(done.stdout)
    assert told["healthy"] is (done.returncode == 0)
    return done.returncode, {it["check"]: it for it in told["findings"]}


def broken(check: str, code: str, found: tuple[int, Findings], *words: str) -> None:
    """Require that `check` is bad with `code`, and says what to do."""
    rc, findings = found
    it = findings[check]
    assert (rc, it["health"], it["code"]) == (7, "bad", code), it
    assert it["remedy"]
    for word in words:
        assert word in it["sentence"], it


def test_a_box_that_works_is_healthy_and_nothing_of_the_trial_stays(up: Up) -> None:
    rc, findings = doctor("--data", str(up.data), "-f", str(up.file))
    assert rc == 0, findings
    assert list(findings) == ORDER
    shared = findings.pop("accounts")
    root = os.geteuid() == 0
    assert (shared["health"], shared["code"]) == (
        "risky",
        "accounts.root" if root else "accounts.shared",
    )
    assert shared["remedy"]
    assert {it["health"] for it in findings.values()} == {"good"}
    assert up.hub("GET", "/users") == (200, [])
    assert list((up.data / "homes").iterdir()) == []


def test_a_wrong_configuration_is_found(up: Up, tmp_path: Path) -> None:
    file = tmp_path / "it.yaml"
    file.write_text("hub:\n  baseUrll: /\n")
    found = doctor("--data", str(up.data), "-f", str(file), "--no-start")
    broken("config", "config.bad", found, "line 2", "Did you mean `baseUrl`?")
    assert found[1]["database"]["code"] == "skipped"


def test_a_rule_that_lets_nobody_in_is_found(up: Up, tmp_path: Path) -> None:
    file = tmp_path / "it.yaml"
    file.write_text("hub: {config: {JupyterHub: {authenticator_class: dummy}}}\n")
    found = doctor("--data", str(up.data), "-f", str(file), "--no-start")
    broken("sign-in", "sign-in.nobody", found)


def test_the_configuration_that_the_box_was_started_with_is_judged_unless_another_is_named(
    up: Up, tmp_path: Path
) -> None:
    _, findings = doctor("--data", str(up.data), "--no-start")
    assert findings["config"]["params"] == {"file": str(up.file)}
    assert str(up.file) in findings["config"]["sentence"]
    kept = up.file.read_text()
    try:
        up.file.write_text(json.dumps({**json.loads(kept), "hubb": {}}))
        found = doctor("--data", str(up.data), "--no-start")
        broken("config", "config.bad", found, "hubb")
        assert f"config check -f {up.file}" in found[1]["config"]["remedy"]
        up.file.unlink()
        found = doctor("--data", str(up.data), "--no-start")
        broken("config", "config.gone", found, str(up.file))
    finally:
        up.file.write_text(kept)
    _, findings = doctor("--data", str(tmp_path), "--no-start")
    assert findings["config"]["code"] == "config.none"


def test_a_directory_without_a_box_is_found(tmp_path: Path) -> None:
    _, findings = found = doctor("--data", str(tmp_path))
    broken("data", "data.missing", found, str(tmp_path))
    assert [it["code"] for it in findings.values()][3:] == ["skipped"] * 8


def mounted(data: Path, how: str) -> list[str]:
    """Return a wrapper that runs a command where `data` is another file system."""
    privileged = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    script = f'set -e; d="$0"; {how}; exec "$@"'
    return ["unshare", "--mount", *privileged, "sh", "-c", script, str(data)]


def on_tmpfs(options: str, fill: str = "true") -> str:
    made = f'mkdir "$d.was"; cp -r "$d/." "$d.was"; mount -t tmpfs -o {options} none "$d"'
    return f'{made}; cp -r "$d.was/." "$d"; {fill}'


def test_a_read_only_disk_is_found(copy: Path) -> None:
    how = 'mount --bind "$d" "$d"; mount -o remount,bind,ro "$d"'
    found = doctor("--data", str(copy), wrapped=mounted(copy, how))
    broken("disk", "disk.read-only", found, str(copy), "Read-only")
    broken("database", "database.bad", found)


def test_a_full_disk_is_found(copy: Path) -> None:
    wrapped = mounted(copy, on_tmpfs("size=64m"))
    broken("disk", "disk.full", doctor("--data", str(copy), wrapped=wrapped), "MiB free")
    shutil.rmtree(f"{copy}.was")
    fill = 'dd if=/dev/zero of="$d/fill" bs=1M 2>/dev/null || true'
    wrapped = mounted(copy, on_tmpfs("size=16m", fill))
    broken("disk", "disk.full", doctor("--data", str(copy), wrapped=wrapped), "0 MiB")


def test_a_disk_without_inodes_is_found(copy: Path) -> None:
    wrapped = mounted(copy, on_tmpfs("size=600m,nr_inodes=200"))
    found = doctor("--data", str(copy), wrapped=wrapped)
    broken("disk", "disk.inodes", found, "more files")


def test_a_damaged_database_is_found_and_left_alone(copy: Path) -> None:
    file = copy / "perijove.sqlite"
    with contextlib.closing(sqlite3.connect(file)) as whole:
        whole.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    data = bytearray(file.read_bytes())
    data[4096:] = os.urandom(len(data) - 4096)
    file.write_bytes(data)
    broken("database", "database.bad", doctor("--data", str(copy)), "damaged")
    assert file.read_bytes() == bytes(data)


def test_a_database_of_another_version_or_none_is_found(copy: Path) -> None:
    file = copy / "perijove.sqlite"
    with contextlib.closing(sqlite3.connect(file)) as newer, newer:
        newer.execute("UPDATE pj_migration SET version_num = '9999'")
    broken("database", "database.bad", doctor("--data", str(copy)), "newer Perijove", "9999")
    with contextlib.closing(sqlite3.connect(file)) as older, older:
        older.execute("DROP TABLE pj_migration")
    broken("database", "database.outdated", doctor("--data", str(copy)))
    file.unlink()
    broken("database", "database.missing", doctor("--data", str(copy)))
    assert not file.exists()


def on_server(url: str, folder: Path) -> list[str]:
    """Return what names a configuration that has its database there."""
    file = folder / "server.yaml"
    file.write_text(json.dumps({"hub": {"db": settings(url)}}))
    return ["-f", str(file), "--no-start"]


def test_a_database_on_a_server_is_looked_at_and_never_upgraded(
    copy: Path, tmp_path: Path, emptied: str
) -> None:
    where = ["--data", str(copy), *on_server(emptied, tmp_path)]
    broken("database", "database.missing", doctor(*where))
    assert reading(emptied, rows.revision_of) is None
    writing(emptied, partial(migrations.migrate, to="0001"))
    broken("database", "database.outdated", doctor(*where))
    assert reading(emptied, rows.revision_of) == "0001", "a hub of that version may run on it"
    writing(emptied, migrations.migrate)
    assert doctor(*where)[1]["database"]["health"] == "good"
    nowhere = ["--data", str(copy), *on_server(f"{emptied}x", tmp_path)]
    broken("database", "database.bad", doctor(*nowhere), "no such database")


def test_a_box_that_is_not_up_is_found(copy: Path) -> None:
    kept = {"public": free_port(), "hub": free_port()}
    (copy / "ports.json").write_text(json.dumps(kept))
    found = doctor("--data", str(copy))
    broken("ports", "ports.silent", found, str(kept["hub"]))
    assert found[1]["websocket"]["params"] == {"because": "ports"}


def test_a_port_that_another_program_took_is_found_with_its_name(copy: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taker:
        port = taker.getsockname()[1]
        (copy / "ports.json").write_text(json.dumps({"public": free_port(), "hub": port}))
        found = doctor("--data", str(copy))
    broken("ports", "ports.taken", found, str(port), f"process {os.getpid()}")


def test_a_hub_that_hangs_is_found(up: Up) -> None:
    os.kill(up.pid("hub"), signal.SIGSTOP)
    try:
        found = doctor("--data", str(up.data))
    finally:
        os.kill(up.pid("hub"), signal.SIGCONT)
    broken("ports", "ports.ill", found, "timed out")


class WithoutUpgrade(socketserver.StreamRequestHandler):
    """A reverse proxy that does what Nginx does unless it is told otherwise."""

    target = 0

    def handle(self) -> None:
        head = []
        while (line := self.rfile.readline()) not in {b"\r\n", b""}:
            if not line.lower().startswith((b"upgrade:", b"connection:")):
                head.append(line)
        with socket.create_connection(("127.0.0.1", self.target)) as there:
            there.sendall(b"".join([*head, b"Connection: close\r\n\r\n"]))
            while data := there.recv(65536):
                self.wfile.write(data)


@contextlib.contextmanager
def without_upgrade(target: int) -> Iterator[int]:
    """Yield the port of such a proxy."""
    handler = type("Handler", (WithoutUpgrade,), {"target": target})
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def test_a_reverse_proxy_that_drops_websockets_is_found(up: Up) -> None:
    token = (up.data / "secrets" / "cli-token").read_text().strip()
    with without_upgrade(up.public) as port:
        found = doctor(
            *("--data", str(up.data), "--no-start"),
            PERIJOVE_URL=f"http://127.0.0.1:{port}",
            PERIJOVE_TOKEN=token,
        )
    broken("websocket", "websocket.blocked", found, str(port), "HTTP 4")


def test_a_server_that_does_not_start_is_found(tmp_path: Path) -> None:
    box = Up(tmp_path, singleuser={"cmd": [sys.executable, "-c", "raise SystemExit(3)"]})
    box.start()
    try:
        found = doctor("--data", str(box.data))
        broken("start", "start.failed", found, "exit code 3")
        assert box.hub("GET", "/users") == (200, [])
    finally:
        box.stop()


def test_every_code_has_a_sentence_and_a_remedy_in_both_languages() -> None:
    for code, words in WORDS.items():
        assert set(words) == {"en", "zh"}
        well = code == "skipped" or code.endswith(".good")
        for sentence, remedy in words.values():
            assert sentence
            assert bool(remedy) is not well
