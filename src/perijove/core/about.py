"""About: what the hub says of itself."""

from dataclasses import dataclass
from enum import StrEnum


class Homes(StrEnum):
    """What becomes of the home of a deleted user."""

    TRASH = "trash"  # kept for a while (core.trash), so that it can be restored
    DELETED = "deleted"  # its claim is; the volume's class says what becomes of the files
    KEPT = "kept"  # a folder of a volume that all share
    NONE = "none"  # there is none: files end with the server


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part that can be exchanged, by the name of its class."""

    name: str
    """`perijove.spawners.process.ProcessSpawner`."""
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """For administrators and for monitoring."""

    spawner: Part
    authenticator: Part
    homes: Homes = Homes.TRASH
    open_metrics: bool = False
    """Metrics are shown to everybody: hub.config.JupyterHub.authenticate_prometheus is off."""
    page_limit: int = 50
    """Items on a page that does not say how many."""
    page_most: int = 200
    page_secret: bytes = b""
    """Seals where a page ends, which the next one begins after; the same in every replica."""
