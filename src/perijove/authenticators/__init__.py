"""The Authenticator protocol: is this who they say they are? Who may enter is core.login's."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Identity:
    """Somebody who has proven who they are."""

    name: str
    """As the place they proved it to writes it; it is normalised afterwards."""
    admin: bool | None = None
    """What that place says of it; None: nothing."""


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
