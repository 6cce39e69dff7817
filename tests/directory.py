"""A directory of people as an authenticator: it says who is in which group and has which role."""

import hmac
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
        """Say from now on of `name` what `more` says: admin, groups, roles."""
        self.people[name] = replace(self.people.get(name, Identity(name)), **more)

    async def authenticate(self, name: str, password: str) -> Identity | None:
        """Return who that is, or None."""
        shown = password.encode("utf-8", "surrogatepass")
        good = hmac.compare_digest(shown, self.password.encode())
        return self.people.get(name) if good else None


def role(name: str, *scopes: str) -> GivenRole:
    """Return a role as a directory says it."""
    return GivenRole(name=name, scopes=scopes)
