"""Client, Code: who may ask for an OAuth token, and what is swapped for one."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """One row of pj_clients: a server that is not at rest, or a service."""

    id: str
    secret: str
    """sha256 of the secret, hex."""
    redirect_uri: str
    """Compared as it stands; a path for servers."""
    description: str
    server_id: int | None = None
    owner_id: int | None = None
    """Whose server it is; read with the row, not stored in it."""
    scopes: tuple[str, ...] = ()
    """The access scopes, the narrowest first; any one of them lets in."""
    allowed: tuple[str, ...] = ()
    """What it may be given on top by whoever holds it; of services alone."""
    asks: bool = True
    """Whether people are asked; a service may be one that they need not be asked about."""
    service: str = ""
    """The name of the service that it is; '' is a server."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """One row of pj_codes, without its secret."""

    client: str
    user_id: int
    session: str
    redirect_uri: str
    scopes: tuple[str, ...]
    challenge: str | None
    method: str | None
    """S256 or plain."""
    expires: datetime
    token_id: int | None = None
    """What it gave; a second use takes it back."""
