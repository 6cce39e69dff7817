"""A directory of people as an authenticator: it says who is in which group and has which role."""

import asyncio
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from perijove.authenticators import GivenRole, Identity

PASSWORD = "the directory knows"


@dataclass
class Directory:
    """Somebody else keeps it, and changes it whenever they want."""

    name: str = "directory"
    sign_up: bool = False
    password: str = PASSWORD
    people: dict[str, Identity] = field(default_factory=dict[str, Identity])

    def put(self, name: str, **more: Any) -> None:
        """Say from now on of `name` what `more` says: admin, groups, roles, auth_state."""
        self.people[name] = replace(self.people.get(name, Identity(name)), **more)

    async def authenticate(self, name: str, password: str) -> Identity | None:
        """Return who that is, or None."""
        shown = password.encode("utf-8", "surrogatepass")
        good = hmac.compare_digest(shown, self.password.encode())
        return self.people.get(name) if good else None


@dataclass
class AskedAgain(Directory):
    """The same, which can be asked later whether somebody is still who they were."""

    known: bool | Exception | Identity | None = None
    """What it answers; None: what `people` holds when it does."""
    asked: list[tuple[str, Any]] = field(default_factory=list[tuple[str, Any]])
    """Of whom it was, and with which state."""
    slow: asyncio.Event | None = None
    """It answers once that is set."""

    async def refresh_user(
        self, name: str, auth_state: Mapping[str, Any] | None
    ) -> Identity | bool:
        """Return who `name` is now."""
        self.asked.append((name, auth_state))
        if self.slow:
            await self.slow.wait()
        if isinstance(self.known, Exception):
            raise self.known
        return self.people[name] if self.known is None else self.known


def role(name: str, *scopes: str) -> GivenRole:
    """Return a role as a directory says it."""
    return GivenRole(name=name, scopes=scopes)
