"""The Authenticator protocol: is this who they say they are? Who may enter is core.login's."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable


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
    """What that place says of it; None: nothing, so it stays. False: they are none, unless
    Authenticator.admin_users names them or a role says so."""
    groups: frozenset[str] | None = None
    """All their groups, with Authenticator.manage_groups; None: nothing is said of them."""
    roles: tuple[GivenRole, ...] | None = None
    """All their roles, with Authenticator.manage_roles; None: nothing is said of them."""
    auth_state: Mapping[str, Any] | None = field(default=None, repr=False)
    """What is to be kept of them, encrypted, with Authenticator.enable_auth_state: JSON, secret;
    None: what was kept before stays."""


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


@runtime_checkable
class Refreshing(Protocol):
    """Offered by an authenticator that can say later whether somebody is still who they were."""

    async def refresh_user(
        self, name: str, auth_state: Mapping[str, Any] | None
    ) -> Identity | bool:
        """Return who `name` is now; True: as before; False: they have to sign in again.

        `auth_state`: what was kept of them; None: nothing, or they are not kept here; it is not
        asked while what is kept cannot be read. Whatever it raises means that nobody knows, and
        changes nothing.
        """
