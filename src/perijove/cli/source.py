"""Which database a configuration means, on this machine."""

import os
from urllib.parse import quote, urlsplit, urlunsplit

from perijove.cli.box import Box
from perijove.settings import Settings
from perijove.store.address import MYSQL, POSTGRES, SQLITE, path_of


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
