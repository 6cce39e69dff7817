"""Visit: an administrator has opened the server of somebody else, who is told."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One row of pj_visits, with the names as they are now."""

    id: int
    server_id: int
    server: str | None
    """The name of the server; None when it has been removed since."""
    owner_id: int
    visitor: str
    """The name of who came."""
    why: str
    at: datetime
