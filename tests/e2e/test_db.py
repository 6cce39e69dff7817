"""`perijove db`: backups while people work, a box from a backup, and another database."""

import asyncio
import json
import sqlite3
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from perijove.cli.box import Box
from perijove.store.migrations import HEAD, migrate
from perijove.store.once import reading, writing
from perijove.store.rows import revision_of
from tests.databases import SOME, empty, settings
from tests.e2e.box import Up, until

PEOPLE = [f"u{n}" for n in range(20)]


def perijove(*given: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "perijove", "db", *map(str, given)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def done(*given: object) -> str:
    found = perijove(*given)
    assert found.returncode == 0, found.stderr
    return found.stdout


def refused(*given: object) -> str:
    """Return the one sentence with which it ends."""
    found = perijove(*given)
    assert found.returncode != 0
    assert "Traceback" not in found.stderr
    assert found.stderr.startswith("perijove: ")
    return found.stderr


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    (tmp_path / "old").mkdir()
    it = Up(tmp_path / "old", hub={"concurrentSpawnLimit": 0})
    yield it
    it.end()


def kept_in(up: Up, url: str) -> None:
    """Let its database be on an empty server, or a file as it is by itself."""
    if "://" in url:
        asyncio.run(empty(url))
        tree = json.loads(up.file.read_text())
        tree["hub"]["db"] = settings(url)
        up.file.write_text(json.dumps(tree))


def filled(up: Up) -> str:
    """Start it, with people and a token; return the token."""
    up.start()
    assert up.hub("POST", "/users", {"usernames": PEOPLE})[0] == 201
    status, token = up.hub("POST", "/users/u0/tokens", {"note": "a script"})
    assert status == 201
    home = next(up.data.glob("homes")) / "a-home"
    home.mkdir()
    (home / "work.txt").write_text("mine")
    (home / "link").symlink_to("/etc/hostname")
    return str(token["token"])


def who(up: Up, token: str) -> Any:
    status, answer = up.ask("GET", "/hub/api/user", {"Authorization": f"token {token}"})
    return json.loads(answer) if status == 200 else status


def ready(up: Up, name: str) -> bool:
    return bool(up.hub("GET", f"/users/{name}")[1]["servers"].get("", {}).get("ready"))


@pytest.mark.parametrize("database_url", ["sqlite", *SOME], indirect=True)
def test_a_backup_while_twenty_servers_start_restores_to_a_working_box(
    up: Up, tmp_path: Path, database_url: str
) -> None:
    kept_in(up, database_url)
    token = filled(up)
    archive = tmp_path / "backup.tar"
    with ThreadPoolExecutor(20) as crowd:
        asked = [crowd.submit(up.hub, "POST", f"/users/{name}/server") for name in PEOPLE]
        told = done("backup", archive, "--homes", "--data", up.data, "-f", up.file, "-o", "json")
        assert {it.result()[0] for it in asked} == {202}
    assert json.loads(told)["rows"]["pj_users"] >= 20
    for name in PEOPLE:
        until(partial(ready, up, name), f"{name} runs, whatever reads the database")
    assert up.stop() == 0
    new = Up(tmp_path / "old", hub={"concurrentSpawnLimit": 0})
    new.data = tmp_path / "new" / "data"
    kept_in(new, database_url)
    if "://" in database_url:
        nothing_stays_of_half_a_restore(new, _changed(archive, tmp_path))
    said = done("restore", archive, "--data", new.data, "-f", new.file)
    assert str(new.data) in said
    files_are_back(new)
    assert archive.stat().st_mode & 0o077 == new.data.stat().st_mode & 0o077 == 0
    try:
        new.start()
        assert who(new, token)["name"] == "u0", "tokens are good there"
        assert new.hub("POST", "/users/u3/server")[0] in {202, 400}
        until(partial(ready, new, "u3"), "a server starts there")
    finally:
        new.end()


def files_are_back(new: Up) -> None:
    home = new.data / "homes" / "a-home"
    assert (home / "work.txt").read_text() == "mine"
    assert (home / "link").readlink() == Path("/etc/hostname")


def nothing_stays_of_half_a_restore(new: Up, broken: Path) -> None:
    """Else a good one could not follow."""
    assert "perijove:" in refused("restore", broken, "--data", new.data, "-f", new.file)
    assert not new.data.exists()


def test_a_box_moves_to_a_server_with_all_it_has_and_back(
    up: Up, tmp_path: Path, emptied: str
) -> None:
    token = filled(up)
    where = ("--data", up.data, "-f", up.file)
    assert "stop it first" in refused("copy", "--to", emptied, *where)
    assert up.stop() == 0
    assert "the same here and there" in done("copy", "--to", as_others_write_it(emptied), *where)
    assert "not empty" in refused("copy", "--to", emptied, *where)
    tree = json.loads(up.file.read_text())
    up.file.write_text(json.dumps({**tree, "hub": {**tree["hub"], "db": settings(emptied)}}))
    up.start()
    assert who(up, token)["name"] == "u0"
    checked = json.loads(done("check", "--data", up.data, "-f", up.file, "-o", "json"))
    kind = emptied.partition(":")[0]
    assert (checked["kind"], checked["revision"], checked["wrong"]) == (kind, HEAD, None)
    assert checked["rows"]["pj_users"] >= 20
    archive = tmp_path / "server.tar"
    assert "people" in done("backup", archive, "--data", up.data, "-f", up.file)
    assert up.stop() == 0
    back = tmp_path / "back"
    up.file.write_text(json.dumps(tree))
    done("restore", archive, "--data", back, "-f", up.file)
    with closing(sqlite3.connect(back / "perijove.sqlite")) as database:
        assert database.execute("SELECT count(*) FROM pj_users").fetchone()[0] >= 20


def as_others_write_it(url: str) -> str:
    """Return the URL as JupyterHub's documentation has it."""
    return url.replace("mysql:", "mysql+pymysql:").replace("postgresql:", "postgresql+psycopg2:")


def test_what_is_wrong_is_one_sentence_and_nothing_is_half_done(up: Up, tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere"
    assert "run `perijove up` first" in refused("check", "--data", nowhere)
    assert not nowhere.exists()
    filled(up)
    archive = tmp_path / "backup.tar"
    where = ("--data", up.data, "-f", up.file)
    assert "make it first" in refused("backup", tmp_path / "no" / "b.tar", *where)
    assert "stop it first" in refused("upgrade", *where)
    done("backup", archive, *where)
    assert "is there already" in refused("backup", archive, *where)
    assert "is not empty" in refused("restore", archive, *where)
    assert up.stop() == 0
    assert f"revision {HEAD} already" in done("upgrade", *where)
    new = tmp_path / "new"
    cut = tmp_path / "cut.tar"
    cut.write_bytes(archive.read_bytes()[:20_000])
    letter = tmp_path / "letter.tar"
    letter.write_text("to whom it may concern")
    assert "There is no file" in refused("restore", tmp_path / "none.tar", "--data", new)
    for broken in (cut, letter, _changed(archive, tmp_path)):
        assert "perijove:" in refused("restore", broken, "--data", new)
        assert not new.exists(), "nothing is left of it"
    assert [it.name for it in tmp_path.iterdir() if it.name.startswith(".")] == []


def _changed(archive: Path, folder: Path) -> Path:
    """Return a copy in which somebody has made u0 an administrator."""
    with tarfile.open(archive) as tar:
        tar.extractall(folder / "changed", filter="fully_trusted")
    users = folder / "changed" / "tables" / "pj_users.jsonl"
    columns = json.loads(users.read_text().splitlines()[0])
    lines = [json.loads(line) for line in users.read_text().splitlines()[1:]]
    for line in lines:
        line[columns.index("admin")] = 1
    users.write_text("\n".join(map(json.dumps, [columns, *lines])) + "\n")
    made = folder / "changed.tar"
    with tarfile.open(made, "w") as tar:
        for path in (folder / "changed").iterdir():
            tar.add(path, path.name)
    return made


def test_a_damaged_file_and_one_that_is_none_yet_are_told_apart(tmp_path: Path) -> None:
    data = tmp_path / "data"
    (data / "run").mkdir(parents=True)
    (data / "perijove.sqlite").touch()
    found = perijove("check", "--data", data)
    assert found.returncode == 7
    assert "There is no database yet." in found.stdout
    (data / "perijove.sqlite").write_bytes(b"x" * 10_000)
    assert perijove("check", "--data", data).returncode == 7


def test_a_hub_that_may_not_upgrade_refuses_an_older_database_until_somebody_does(
    tmp_path: Path,
) -> None:
    up = Up(tmp_path, hub={"db": {"upgrade": False}})
    box = Box(up.data)
    box.ready()
    writing(str(box.database), partial(migrate, to="0001"))
    where = ("--data", up.data, "-f", up.file)
    try:
        up.begin()
        assert up.wait() == 1
        assert "run `perijove db upgrade`" in up.err
        assert reading(str(box.database), revision_of) == "0001"
        assert "it was at 0001" in done("upgrade", *where)
        up.start()
        assert up.stop() == 0
        up.data = tmp_path / "new"
        up.start()
    finally:
        up.end()
