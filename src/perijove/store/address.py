"""Which database a URL means, whichever driver it names."""

from perijove.model.errors import Refused

POSTGRES = "postgresql://"
MYSQL = "mysql://"
"""MariaDB as well."""
SQLITE = "sqlite://"
SHARED = (POSTGRES, MYSQL)
"""What several hubs can use at once."""
_KNOWN = {
    "postgresql": POSTGRES, "postgres": POSTGRES, "mysql": MYSQL, "mariadb": MYSQL,
    "sqlite": SQLITE,
}  # fmt: skip


def plain(url: str) -> str:
    """Return `url` as we write it: postgresql://…, mysql://…, sqlite:///….

    Raises:
        Refused: it is the URL of something else.
    """
    scheme, _, rest = url.partition("://")
    known = _KNOWN.get(scheme.partition("+")[0]) if rest else None
    if known is None:
        raise Refused("database-url")
    return known + rest


def path_of(url: str) -> str:
    """Return the path of the file that a URL means."""
    return url.removeprefix(f"{SQLITE}/")
