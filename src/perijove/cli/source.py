"""Which configuration a command means, and which database that means, on this machine."""

import os
from argparse import Namespace
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

from perijove.cli.box import Box
from perijove.cli.trouble import Trouble
from perijove.settings import Settings
from perijove.store.address import MYSQL, POSTGRES, SQLITE, path_of


class Gone(Trouble):
    """The configuration of a box is no file that can be read: moved away, or it was a pipe."""

    def __init__(self, file: Path) -> None:
        super().__init__(
            f"It was started with the configuration {file}, which is no file that can be read any"
            " more: put it back, or name another with -f FILE."
        )
        self.file = file


def file_of(given: Namespace, box: Box) -> Path | None:
    """Return the configuration that is named, or else that of the box: what its hub started with.

    Raises:
        Gone: that is not there any more.
    """
    named: Path | None = given.file
    file = named or box.file()
    if named is None and file is not None and not os.path.isfile(file):  # noqa: PTH113 - no raise
        raise Gone(file)
    return file


def database_url(settings: Settings, box: Box) -> str:
    """Return what store.open is given: a path, or postgresql://… or mysql://…

    `sqlite-memory` is a file that no later hub looks at (`begin_anew`): readers and the writer
    have connections of their own, which memory cannot give them.
    """
    db = settings.hub.db
    if db.shared:
        url = db.address or POSTGRES
        env = os.environ.get("MYSQL_PWD") if url.startswith(MYSQL) else None
        return _with_password(url, db.password or env)  # the driver reads PGPASSWORD by itself
    if db.type == "sqlite-memory":
        return str(box.path / "run" / "memory.sqlite")
    if db.url and db.address.startswith(SQLITE):
        return str(box.path / path_of(db.address))
    return str(box.database)


def begin_anew(settings: Settings, box: Box) -> None:
    """Remove what an earlier hub kept for as long as it ran; only for the one that runs now."""
    if settings.hub.db.type == "sqlite-memory":
        for file in (box.path / "run").glob("memory.sqlite*"):
            file.unlink()


def _with_password(url: str, password: str | None) -> str:
    if not password:
        return url
    parts = urlsplit(url)
    place = parts.netloc
    if "@" in place and parts.password is None:
        user, _, host = place.rpartition("@")
        place = f"{user}:{quote(password, safe='')}@{host}"
    return urlunsplit(parts._replace(netloc=place))
