"""A gate without a hub around it: what the tests of sign-in, tokens and grants build on."""

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from argon2 import PasswordHasher

from perijove.authenticators import Authenticator
from perijove.authenticators.local import LocalAuthenticator
from perijove.core.accounts import Accounts
from perijove.core.gate import Gate, Needs, assemble
from perijove.core.roles import Roles
from perijove.core.rules import Rules
from perijove.kit.clock import Clock
from perijove.kit.ids import Ids
from perijove.kit.passwords import Passwords
from perijove.kit.secret import digest
from perijove.model.client import Client
from perijove.model.role import Role
from perijove.model.server import Server
from perijove.model.user import User
from perijove.model.visitor import Visitor
from perijove.store import clients
from perijove.store.database import Database

QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
"""Not what protects anybody; a test should not wait for argon2."""
PASSWORD = "correct horse"


@dataclass
class Hands:
    """A clock that a test moves."""

    seconds: float = 0.0

    def clock(self) -> Clock:
        return Clock(lambda: 1_800_000_000.0 + self.seconds, lambda: self.seconds)

    def move(self, by: timedelta) -> None:
        self.seconds += by.total_seconds()


@dataclass
class NoRooms:
    """Nobody has a server."""

    forgotten: list[str] = field(default_factory=list)

    async def of(self, user: User) -> list[Server]:  # noqa: ARG002
        return []

    async def running(self) -> list[Server]:
        return []

    async def stop(self, user: User, name: str) -> Server | None:  # noqa: ARG002
        return None

    async def forget(self, user: User) -> None:
        self.forgotten.append(user.name)


def local(accounts: Accounts, passwords: Passwords) -> Authenticator:
    return LocalAuthenticator(accounts, passwords)


def gate(
    database: Database,
    hands: Hands | None = None,
    *,
    rules: Rules | None = None,
    roles: tuple[Role, ...] = (),
    first: Path | None = None,
    **more: object,
) -> Gate:
    clock = (hands or Hands()).clock()
    needs = {"authenticator": local, "rooms": NoRooms(), **more}
    return assemble(
        Needs(
            database=database,
            clock=clock,
            ids=Ids(clock),
            passwords=Passwords(QUICK),
            rules=rules or Rules(approved=True),
            roles=Roles(roles),
            first=first,
            **needs,  # type: ignore[arg-type]
        )
    )


async def person(at: Gate, name: str = "ada", **more: object) -> User:
    return await at.accounts.create(name, password=PASSWORD, **more)


async def entered(at: Gate, user: User) -> tuple[str, Visitor]:
    """Return the cookie of a browser in which `user` has signed in, and who that is."""
    secret, _ = await at.login.sign_in(user.name, PASSWORD, address="::1", agent="test")
    visitor = await at.sessions.visitor(secret)
    assert visitor is not None
    return secret, visitor


def client_of(user: str, name: str = "", secret: str = "its-secret") -> Client:
    return Client(
        id=f"jupyterhub-user-{user}" + (f"-{name}" if name else ""),
        secret=digest(secret),
        redirect_uri=f"/user/{user}/{name}{'/' if name else ''}oauth_callback",
        description=f"Server at /user/{user}/",
        scopes=(f"access:servers!server={user}/{name}", f"access:servers!user={user}"),
    )


async def put(at: Gate, client: Client) -> Client:
    await at.accounts.database.write(*clients.put(client))
    return client
