"""Service: a program beside the hub, with a token, perhaps an address and an OAuth client."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

CLIENT = "service-"
"""What the OAuth client of every service is called begins so, and no other's."""
INSIDE = frozenset({"perijove-cli", "perijove-proxy"})
"""Our own command line and proxy, which no other program may be called."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What the hub that looks after a service sees of it."""

    pid: int = 0
    """Its process, if the hub runs it; 0: it does not run."""
    answers: bool | None = None
    """Whether anybody listens at its address; None: not known yet, or it has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One service, of the configuration or made through the API (hub.md 6.1)."""

    name: str
    admin: bool = False
    url: str = ""
    """Where it listens; '' if it has no address of its own below /services/."""
    token: str = field(default="", repr=False)
    """sha256 of its token, hex; '' if it has none."""
    more: frozenset[str] = field(default=frozenset(), repr=False)
    """The same of further tokens that the configuration gives it."""
    client: str = ""
    """The id of its OAuth client; '' if it has none."""
    redirect_uri: str = ""
    allowed: tuple[str, ...] = ()
    """Scopes that it may be given by a person, beside what says who they are."""
    roles: tuple[str, ...] = ()
    """The same as names of roles; `allowed` wins."""
    asks: bool = True
    """Whether people are asked before it learns who they are."""
    display: bool = True
    """Whether people see it on their pages."""
    info: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Whatever its administrator notes of it."""
    timeout: int = 30
    """Seconds that it may take to answer."""
    configured: bool = False
    """It stands in the configuration, and nobody can change it elsewhere."""
    command: tuple[str, ...] = ()
    """What the hub runs; empty: somebody else runs it."""
    cwd: str = ""
    environment: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    user: str = ""
    """The Unix account that it runs as; '' is the hub's own."""
    secret: str = field(default="", repr=False)
    """Its token, where it is told it: of what the hub runs."""

    @property
    def tokens(self) -> frozenset[str]:
        """Return the digests of all of its tokens."""
        return self.more | {self.token} if self.token else self.more

    @property
    def managed(self) -> bool:
        """Return whether the hub runs it."""
        return bool(self.command)

    @property
    def kind(self) -> str:
        """Return managed or external."""
        return "managed" if self.command else "external"
