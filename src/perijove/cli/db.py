"""`perijove db check | upgrade | backup | restore | copy`."""

import asyncio
import os
import shutil
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from perijove.cli import archive
from perijove.cli.archive import Manifest
from perijove.cli.box import SECRETS, Box
from perijove.cli.hold import Held
from perijove.cli.output import answer, answer_json, fields, remark
from perijove.cli.source import database_url, file_of
from perijove.cli.trouble import Trouble, with_data
from perijove.http.sentences import sentence
from perijove.kit.clock import Clock
from perijove.model.errors import Refused, Unavailable
from perijove.settings import load
from perijove.store import rows
from perijove.store.address import MYSQL, POSTGRES, SQLITE, path_of, plain
from perijove.store.inspect import inspect
from perijove.store.migrations import HEAD, PREFIX
from perijove.store.once import reading, writing
from perijove.store.open import open_database

_UNHEALTHY = 7
_KINDS = {POSTGRES: "postgresql", MYSQL: "mysql"}


def check(given: Namespace) -> int:
    """Say what kind of database it is, of which revision, and whether it is whole."""
    url, _ = _database(given)
    kind = next((name for prefix, name in _KINDS.items() if url.startswith(prefix)), "sqlite")
    wrong = ""
    revision, counted = None, dict[str, int]()
    try:
        revision, counted = reading(url, lambda it: (rows.revision_of(it), rows.count(it)))
        inspect(url)
    except (Refused, Unavailable) as error:
        wrong = sentence(error.code, error.params, "en")
    if given.output == "json":
        answer_json(
            {"kind": kind, "revision": revision, "newest": HEAD, "wrong": wrong or None,
             "rows": counted}
        )  # fmt: skip
    else:
        fields({
            "kind": kind,
            "revision": f"{revision or 'none'} (this Perijove has {HEAD})",
            **{name.removeprefix(PREFIX): f"{it:,}" for name, it in counted.items()},
        })  # fmt: skip
        answer(wrong or "It is whole.")
    return _UNHEALTHY if wrong else 0


def upgrade(given: Namespace) -> None:
    """Bring it to the newest revision; a hub does that by itself when it starts."""
    url, box = _database(given)
    with _nobody_else(box), _in_words():
        before = reading(url, rows.revision_of)
        asyncio.run(_open(url))
        box.sign()
    if before == HEAD:
        answer(f"It is at revision {HEAD} already.")
    else:
        answer(f"It is at revision {HEAD} now; it was at {before or 'none'}.")


def backup(given: Namespace) -> None:
    """Write an archive while everything runs."""
    url, box = _database(given)
    target = Path(given.archive).expanduser().absolute()
    if target.exists():
        raise Trouble(f"{target} is there already: name another file, or remove it first.")
    if not target.parent.is_dir():
        raise Trouble(f"There is no directory {target.parent}: make it first.")
    with TemporaryDirectory(prefix="perijove-") as name, _in_words():
        folder = Path(name)
        remark("Reading the database.")
        revision, counted = reading(url, lambda it: (rows.revision_of(it), rows.save(it, folder)))
        if revision is None:
            raise Trouble("There is nothing to back up: the database is empty.")
        secrets = box.keys or box.path / "secrets"
        kept = tuple(it for it in SECRETS if (secrets / it).exists())
        manifest = Manifest(
            revision=revision, tables=counted, made_at=_now(), secrets=kept, homes=given.homes
        )
        if given.homes:
            remark(_homes(box))
        try:
            unread = archive.write(target, manifest, folder, secrets, box.homes)
        except OSError as error:
            raise Trouble(f"Cannot write {target}: {error.strerror or error}.") from error
    for line in unread:
        remark(f"NOT in the backup, it cannot be read: {line}")
    _tell_backup(given, target, manifest)


def restore(given: Namespace) -> None:
    """Make a box, or the database of one, as an archive has it."""
    source = Path(given.archive).expanduser().absolute()
    with archive.unpacked(source) as (manifest, tables, secrets):
        if manifest.revision > HEAD:
            raise Trouble(
                f"The backup is of a newer Perijove ({manifest.perijove}): restore it with that"
                " version."
            )
        with _new(Box.at(given.data)) as box:
            _put_secrets(box, secrets, manifest)
            box.ready()
            with _in_words():
                _fill(database_url(load(given.file), box), tables, manifest)
            if manifest.homes:
                remark("Putting people's homes back.")
                archive.unpack_homes(source, box.path)
    box = Box.at(given.data)
    people = manifest.tables["pj_users"].rows
    answer(f"{box.path} is as it was at {manifest.made_at}, with {people} people.")
    if not manifest.homes:
        remark(f"The backup holds no homes: put those of {box.homes} back from their own copy.")
    remark(f"Start it: perijove up --data {box.path}")


def copy(given: Namespace) -> None:
    """Fill an empty database with what this one holds, and compare."""
    url, box = _database(given)
    to = _other(given.to)
    with _nobody_else(box), TemporaryDirectory(prefix="perijove-") as name, _in_words():
        folder = Path(name)
        revision, counted = reading(url, lambda it: (rows.revision_of(it), rows.save(it, folder)))
        if revision is None:
            raise Trouble("There is nothing to copy: the database is empty.")
        _fill(to, folder, Manifest(revision=revision, tables=counted, made_at=_now()))
        rows.require_same(reading(to, rows.sums), counted)
    total = sum(it.rows for it in counted.values())
    answer(f"{total:,} rows of {len(counted)} tables are there, and the same here and there.")
    kind = {POSTGRES: "postgres", MYSQL: "mysql"}.get(f"{to.partition('://')[0]}://", "sqlite-pvc")
    remark(f"Name it in the configuration: hub.db.type: {kind}, and hub.db.url.")


def _other(given: str) -> str:
    """Return the database to fill; a file is made, for its owner alone."""
    try:
        url = plain(given)
    except Refused:
        raise Trouble(
            f"{given} is no database: postgresql://user@host/name, mysql://user@host/name,"
            " or sqlite:///PATH."
        ) from None
    if url.startswith(SQLITE):
        Path(path_of(url)).touch(mode=0o600)
    return url


def _fill(url: str, folder: Path, manifest: Manifest) -> None:
    try:
        writing(
            url,
            partial(rows.fill, folder=folder, revision=manifest.revision, wanted=manifest.tables),
        )
    except ValueError as error:
        raise Trouble(f"The backup does not fit: {error}.") from error
    asyncio.run(_open(url))


async def _open(url: str) -> None:
    await (await open_database(url)).close()


def _database(given: Namespace) -> tuple[str, Box]:
    box = Box.at(given.data)
    if not box.path.is_dir():
        raise Trouble(
            f"There is no Perijove in {box.path}: run `perijove up` first,"
            " or name its directory with --data DIR."
        )
    box.require_known()
    return database_url(load(file_of(given, box)), box), box


@contextmanager
def _new(box: Box) -> Iterator[Box]:
    """Yield a box to be filled, which takes the place of `box` if nothing fails.

    Raises:
        Trouble: there is something already.
    """
    if box.path.exists() and (not box.path.is_dir() or any(box.path.iterdir())):
        raise Trouble(
            f"{box.path} is not empty: name a directory that is, or none yet, with --data DIR."
        )
    draft = box.path.with_name(f".{box.path.name}.{os.getpid()}")
    try:
        draft.mkdir(mode=0o700, parents=True)
        yield Box(draft)
        draft.rename(box.path)
    except OSError as error:
        raise with_data(box.path, error) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _now() -> str:
    return Clock()().isoformat(timespec="seconds")


def _put_secrets(box: Box, folder: Path, manifest: Manifest) -> None:
    """Put them there first: a box that has its secrets makes no others."""
    target = box.path / "secrets"
    target.mkdir(mode=0o700)
    for name in manifest.secrets:
        file = target / name
        file.touch(mode=0o600)
        file.write_bytes((folder / name).read_bytes())


@contextmanager
def _nobody_else(box: Box) -> Iterator[None]:
    """Hold what a hub holds, so that none runs meanwhile."""
    try:
        with box.hold("hub").taken():
            yield
    except Held as held:
        who = f" (process {held.holder.pid})" if held.holder else ""
        raise Trouble(f"A hub runs on {box.path}{who}: stop it first.") from None


@contextmanager
def _in_words() -> Iterator[None]:
    try:
        yield
    except (Refused, Unavailable) as error:
        raise Trouble(sentence(error.code, error.params, "en")) from error


def _homes(box: Box) -> str:
    """Return what is said of the homes that go into a backup."""
    if box.homes.is_dir() and any(box.homes.iterdir()):
        return "Adding people's homes; files that change meanwhile are as they are then."
    return (
        f"There are no homes in {box.homes}. Those of Unix accounts (systemUsers) are not put into"
        " a backup: keep /home by other means."
    )


def _tell_backup(given: Namespace, target: Path, manifest: Manifest) -> None:
    size = target.stat().st_size
    if given.output == "json":
        answer_json({
            "archive": str(target), "bytes": size, "revision": manifest.revision,
            "homes": manifest.homes,
            "rows": {name: it.rows for name, it in manifest.tables.items()},
        })  # fmt: skip
        return
    answer(f"{target}: {manifest.tables['pj_users'].rows} people, {size:,} bytes.")
    remark("It holds secrets: keep it as private as the data directory.")
    if not manifest.homes:
        remark("People's homes are not in it: --homes adds them, or copy them by other means.")
