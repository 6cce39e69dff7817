"""About: what the hub says of itself."""

from dataclasses import dataclass


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
    open_metrics: bool = False
    """Metrics are shown to everybody: hub.config.JupyterHub.authenticate_prometheus is off."""
    page_limit: int = 50
    """Items on a page that does not say how many."""
    page_most: int = 200
