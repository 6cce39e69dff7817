"""Which database a configuration means, on this machine."""

from urllib.parse import quote, urlsplit, urlunsplit

from perijove.cli.box import Box
from perijove.settings import Settings

_SQLITE = "sqlite:///"


def database_url(settings: Settings, box: Box) -> str:
    """Return what store.open is given: a path, or postgresql://…

    `sqlite-memory` is a file that no later hub looks at (`begin_anew`): readers and the writer
    have connections of their own, which memory cannot give them.
    """
    db = settings.hub.db
    if db.type == "postgres":
        return _with_password(db.url or "postgresql://", db.password)
    if db.type == "sqlite-memory":
        return str(box.path / "run" / "memory.sqlite")
    if db.url and db.url.startswith(_SQLITE):
        return str(box.path / db.url.removeprefix(_SQLITE))
    return str(box.database)


def begin_anew(settings: Settings, box: Box) -> None:
    """Remove what an earlier hub kept for as long as it ran; only for the one that runs now."""
    if settings.hub.db.type == "sqlite-memory":
        for file in (box.path / "run").glob("memory.sqlite*"):
            file.unlink()


def _with_password(url: str, password: str | None) -> str:
    parts = urlsplit(url)
    place = parts.netloc
    if password and "@" in place and parts.password is None:
        user, _, host = place.rpartition("@")
        place = f"{user}:{quote(password, safe='')}@{host}"
    return urlunsplit(parts._replace(scheme="postgresql", netloc=place))
