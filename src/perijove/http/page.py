"""Page and Visit: one URL for people as data, and what its handler is given."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import TypeAlias

from starlette.responses import Response

from perijove.core import Hub
from perijove.core.access import Grant
from perijove.http.asked import Asked, Fields
from perijove.http.cookies import Cookies
from perijove.http.pages import Pages
from perijove.model.principal import Principal
from perijove.model.scope import SCOPES, Kind
from perijove.model.user import User
from perijove.model.visitor import Visitor

ADMINISTERS = "admin-ui"
"""The scope of whoever sees the pages for administrators."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A request for a page, with what has been found out and checked."""

    request: Asked
    pages: Pages
    cookies: Cookies
    params: Mapping[str, str] = field(default_factory=dict[str, str])
    """What the path holds, decoded."""
    visitor: Visitor | None = None
    """Who has signed in in this browser."""
    principal: Principal | None = None
    """The same, or who sent the token in the header (only where a page says `tokens=True`)."""
    grant: Grant | None = None
    """Of a page with scopes."""
    target: User | None = None
    """The user in the path, of a page whose target is a user or a server."""
    form: Fields = field(default_factory=dict[str, list[str]])
    """What was posted; the XSRF value has been checked."""
    xsrf: str = ""
    """For the hidden field `_xsrf`; '' where a script of a user's server could read it."""

    @property
    def user(self) -> User | None:
        """Who has signed in."""
        return self.visitor.user if self.visitor else None

    @property
    def administers(self) -> bool:
        """Whether the pages for administrators are there for whoever has signed in."""
        held = self.visitor.principal.scopes if self.visitor else frozenset()
        return any(scope.name == ADMINISTERS for scope in held)

    @property
    def me(self) -> Visitor:
        """Who has signed in, on a page that nobody else can see."""
        assert self.visitor is not None
        return self.visitor

    @property
    def owner(self) -> User:
        """The user in the path."""
        assert self.target is not None
        return self.target

    @property
    def query(self) -> Fields:
        """What the query of the address holds."""
        return self.request.fields

    @property
    def address(self) -> str:
        """Where the browser is."""
        return self.request.address

    @property
    def agent(self) -> str:
        """What the browser calls itself."""
        return self.request.given.get("user-agent", "")[:255]

    def asked(self, name: str) -> str:
        """Return the first value of `name` in the query, or ''."""
        return self.query.get(name, [""])[0]

    def posted(self, name: str) -> str:
        """Return the first value of `name` in the form, or ''."""
        return self.form.get(name, [""])[0]


PageHandler: TypeAlias = Callable[[Hub, Visit], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Page:
    """A method and a path template below the hub's prefix. Who has not signed in is sent to."""

    method: str
    """GET pages answer HEAD as well."""
    path: str
    """`/home`, `/spawn/{user}/{server}`, `/static/{*file}`."""
    handler: PageHandler
    _: KW_ONLY
    any_of: tuple[str, ...] = ()
    """Scopes of which the visitor must hold one for the target; none: who has signed in."""
    target: Kind = Kind.NONE
    """USER and SERVER: `{user}` (and `{server}`, '' if the path has none) are what it is about."""
    listing: bool = False
    """A scope with any filter opens it."""
    public: str = ""
    """Why everybody may see it, signed in or not."""
    tokens: bool = False
    """It takes a token in the header as well."""
    forged: str = ""
    """Why a POST needs no XSRF value."""
    same: bool = False
    """It is the same for everybody (a file), so nobody finds out who has come."""
    unaudited: str = ""
    """Why the audit log does not tell of it."""
    unnoted: bool = False
    """It is no sign that a person is there."""

    def __post_init__(self) -> None:
        """Refuse what could let everybody in."""
        if (
            set(self.any_of) - SCOPES
            or (self.public and self.any_of)
            or (self.same > bool(self.public))
        ):
            raise ValueError(f"{self.method} {self.path} needs known scopes, has {self.any_of}")
        if self.target in {Kind.USER, Kind.SERVER} and "{user}" not in self.path:
            raise ValueError(f"{self.method} {self.path} does not say which {self.target}")


page = Page
"""A row of a table of pages reads `page("GET", "/home", handler)`."""
