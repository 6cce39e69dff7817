"""Token, Session: what a request may show to say who sends it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Kind(StrEnum):
    """Where a token comes from."""

    API = "api"  # made by its owner, or for it, on purpose
    OAUTH = "oauth"  # given to a server or a service that its owner has entered
    SERVER = "server"  # a server's own, derived, dies with its incarnation


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """One row of pj_tokens. The secret itself is kept nowhere."""

    id: int
    kind: Kind
    user_id: int
    user: str
    """The name of `user_id` when the row was read."""
    note: str
    scopes: tuple[str, ...]
    """As granted, in text; ("inherit",) is whatever the owner holds when it is used."""
    created: datetime
    expires: datetime | None = None
    last_activity: datetime | None = None
    client: str | None = None
    """The id of the OAuth client that it was issued to."""
    server_id: int | None = None
    session: str | None = None
    """The value of the cookie jupyterhub-session-id under which it was issued: logout ends it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One row of pj_sessions: a browser in which somebody has signed in."""

    id: int
    user_id: int
    session: str
    """The value of the cookie jupyterhub-session-id."""
    created: datetime
    seen: datetime
    expires: datetime
    address: str
    agent: str
