"""The Authenticator protocol: is this who they say they are? Who may enter is core.login's."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenRole:
    """A role that somebody has by what the place says that knows them."""

    name: str
    scopes: tuple[str, ...] = ()
    """Empty: those that the role of this name has already."""
    description: str = ""


@dataclass(frozen=True, slots=True)
class Identity:
    """Somebody who has proven who they are."""

    name: str
    """As the place they proved it to writes it; it is normalised afterwards."""
    admin: bool | None = None
    """What that place says of it; None: nothing."""
    groups: frozenset[str] | None = None
    """All their groups, with Authenticator.manage_groups; None: nothing is said of them."""
    roles: tuple[GivenRole, ...] | None = None
    """All their roles, with Authenticator.manage_roles; None: nothing is said of them."""


class Authenticator(Protocol):
    """Checks a name and a password. Every implementation passes the same contract test."""

    name: str
    """What the API calls it."""
    sign_up: bool
    """People ask for an account here, and those whom an administrator approved may enter."""

    async def authenticate(self, name: str, password: str) -> Identity | None:
        """Return who that is, or None.

        A name that nobody has takes as long as a wrong password.
        """
