"""Services: programs beside the hub. Which there are, what each may do, and where it is reached."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from perijove.core.access import has_power
from perijove.core.domains import Domains
from perijove.core.memory import Memory, Shelf
from perijove.core.naming import require_properties
from perijove.core.roles import ADMIN, Roles
from perijove.core.service_rules import access, prefix, require_good
from perijove.kit.clock import Clock
from perijove.model.client import Client
from perijove.model.errors import Conflict, Denied, Fixed, Invalid, Stale, Unknown
from perijove.model.overlap import within
from perijove.model.principal import Principal
from perijove.model.route import Route
from perijove.model.scope import INHERIT, Kind, Scope, Target, resolved
from perijove.model.service import CLIENT, Seen, Service
from perijove.store import feed, tokens
from perijove.store import services as store
from perijove.store.database import Database

_ALL = "all"


def nothing() -> None:
    """Tell nobody."""


@dataclass(slots=True, kw_only=True)
class Services:
    """Those of the configuration, and those that were made through the API."""

    database: Database
    clock: Clock
    roles: Roles
    memory: Memory
    base_url: str = "/"
    domains: Domains = field(default_factory=Domains)
    configured: Mapping[str, Service] = field(default_factory=dict[str, Service])
    """By name. One of them hides another of its name that was made through the API, but for one
    that is nothing but tokens: they are further ones of that."""
    rerouted: Callable[[], None] = nothing
    """Is called when other routes were written than there were."""
    pids: dict[str, int] = field(init=False, default_factory=dict[str, int])
    """The processes of those that this hub runs."""
    answering: dict[str, bool] = field(init=False, default_factory=dict[str, bool])
    """Of those that this hub looks after: whether anybody listens at their address."""
    kept: set[str] = field(init=False, default_factory=set[str])
    """Names of those that this hub looks after and has seen: none that it is about to start."""
    _shelf: Shelf[Mapping[str, Service]] = field(
        init=False, default_factory=Shelf[Mapping[str, Service]]
    )
    _routed: frozenset[tuple[str, str]] = field(init=False, default=frozenset())
    """Names and addresses of those of the configuration that the routes are known to have."""
    _by_token: dict[str, Principal] = field(init=False, default_factory=dict[str, Principal])
    _indexed: int = field(init=False, default=-1)
    """How often the shelf had been cleared when that was made."""

    def __post_init__(self) -> None:
        """Let every write that matters empty the shelf."""
        self.memory.add(self._shelf)

    async def all(self) -> Mapping[str, Service]:
        """Return every service by its name, in order of names."""
        now, times_cleared = self.clock(), self._shelf.times_cleared
        known = self._shelf.get(_ALL, now)
        if known is None:
            made = {it.name: it for it in await self.database.read(store.every_one())}
            both = {**made, **self.configured}
            known = {name: _beside(both[name], made.get(name)) for name in sorted(both)}
            self._shelf.put(_ALL, known, now, times_cleared)
        return known

    def here(self) -> dict[str, Seen]:
        """Return what this hub sees of those that it looks after, by name."""
        return {
            name: Seen(pid=self.pids.get(name, 0), answers=self.answering.get(name))
            for name in sorted(self.kept)
        }

    async def seen(self) -> Mapping[str, Seen]:
        """Return what any hub sees of a service, by name; of one that is not there nobody knows."""
        return {**await self.database.read(store.said()), **self.here()}

    async def open_to(self, scopes: Iterable[Scope]) -> list[Service]:
        """Return those that people are shown and that a holder of `scopes` may enter."""
        access = [it for it in scopes if it.name == "access:services"]
        if not access:
            return []
        shown = (it for it in (await self.all()).values() if it.display and it.url)
        return [it for it in shown if any(one.covers(_target(it)) for one in access)]

    async def named(self, name: str) -> Service:
        """Return the service called `name`.

        Raises:
            Unknown: there is none.
        """
        found = (await self.all()).get(name)
        if found is None:
            raise Unknown
        return found

    async def create(self, service: Service, by: Principal) -> Service:
        """Make a service that others run.

        Raises:
            Invalid: it cannot be like that, or would be given what `by` does not hold.
            Denied: only administrators make one that is an administrator, or asks nobody.
            Conflict: another has its name, its client or its token.
        """
        require_good(service)
        require_properties(service.info)
        self._require_power(service, by)
        known = await self.all()
        others = [it for it in known.values() if it.name != service.name]
        if service.name in known or any(_share(it, service) for it in others):
            raise Conflict("service.taken", service=service.name)
        raised = (feed.touched(),) if service.url else ()
        try:
            await self.database.write(store.add(service), *raised)
        except Stale as error:
            raise Conflict("service.taken", service=service.name) from error
        self._changed()
        return await self.named(service.name)

    async def delete(self, name: str) -> None:
        """Forget a service, its client, and every token that people gave it.

        Raises:
            Unknown: there is none.
            Fixed: it stands in the configuration.
        """
        service = await self.named(name)
        if service.configured:
            raise Fixed("service.configured", service=name)
        gone = (tokens.remove_of_client(service.client),) if service.client else ()
        raised = (feed.touched(),) if service.url else ()
        try:
            await self.database.write(store.remove(name), *gone, *raised)
        except Stale as error:
            raise Unknown from error
        self._changed()

    async def settle(self) -> None:
        """Take back what people gave to services that are there no more, and tell the routes."""
        known = {it.client for it in (await self.all()).values() if it.client}
        for client in await self.database.read(tokens.clients_like(CLIENT)):
            if client not in known:
                await self.database.write(tokens.remove_of_client(client))
        routed = frozenset((it.name, it.url) for it in self.configured.values() if it.url)
        if routed != self._routed:
            await self.database.write(feed.touched())
            self._routed = routed
            self._changed()

    async def client(self, id: str) -> Client | None:
        """Return the OAuth client of that id, or None."""
        if not id.startswith(CLIENT):
            return None
        found = (it for it in (await self.all()).values() if it.client == id)
        service = next(found, None)
        return self._client(service) if service else None

    def known(self, token: str) -> Principal | None:
        """Return which service of the configuration has a token with that digest, or None."""
        if self._indexed != self._shelf.times_cleared:
            self._indexed = self._shelf.times_cleared
            whole = (it for it in self.configured.values() if not _is_bare(it))
            self._by_token = {token: self._principal(it) for it in whole for token in it.tokens}
        return self._by_token.get(token)

    async def found(self, token: str) -> Principal | None:
        """Return which other service has it, or None."""
        having = (it for it in (await self.all()).values() if token in it.tokens)
        service = next(having, None)
        return self._principal(service) if service else None

    async def routes(self) -> dict[str, Route]:
        """Return the routes to services, by their prefix."""
        self._shelf.clear()  # another hub may have written them a moment ago
        found = {}
        for service in (await self.all()).values():
            if service.url:
                parts = urlsplit(service.url)
                path = self.domains.key_of_service(self.base_url, service.name)
                data = {"service": service.name}
                target = f"{parts.scheme}://{parts.netloc}"
                found[path] = Route(prefix=path, target=target, data=data)
        return found

    def prefix(self, name: str) -> str:
        """Return the path below which a service is reached."""
        return prefix(self.base_url, name)

    def address(self, name: str) -> str:
        """Return the same with its host, where services have hosts of their own."""
        return f"{self.domains.of_service(name)}{self.prefix(name)}"

    def role_names(self, service: Service) -> list[str]:
        """Return the names of the roles of `service`."""
        own = set(self.roles.names_of_service(service.name))
        return sorted(own | {ADMIN} if service.admin else own)

    def scopes(self, service: Service) -> frozenset[Scope]:
        """Return all that `service` may do, expanded."""
        return self.roles.of_service(service.name, (ADMIN,) if service.admin else ())

    def _require_power(self, service: Service, by: Principal) -> None:
        """Let nobody make a service that could do more than they can."""
        if (service.admin or not service.asks) and not has_power(by):
            raise Denied("service.administrators-only")
        # Of people it may be given what they hold; so whoever makes it must hold it as well.
        wanted = [self.roles.parse(text) for text in service.allowed]
        asked = self.roles.expand(resolved(wanted, user=by.name, service=service.name))
        if INHERIT in {scope.name for scope in wanted} and not has_power(by):
            raise Denied("service.administrators-only")
        more = {scope for scope in asked if scope.name != INHERIT} | self.scopes(service)
        if not within(more, by.scopes):
            lacking = sorted(scope.text for scope in more - by.scopes)
            raise Invalid("token-scopes", user=by.name, scopes=", ".join(lacking))

    def _principal(self, service: Service) -> Principal:
        return Principal(
            name=service.name,
            kind="service",
            groups=frozenset(),
            scopes=self.scopes(service),
            admin=service.admin,
        )

    def _client(self, service: Service) -> Client:
        return Client(
            id=service.client,
            secret=service.token,
            redirect_uri=service.redirect_uri or f"{self.address(service.name)}oauth_callback",
            description=service.name,
            scopes=access(service.name),
            allowed=service.allowed,
            asks=service.asks,
            service=service.name,
        )

    def _changed(self) -> None:
        self.memory.forget()
        self.rerouted()


def _target(service: Service) -> Target:
    return Target(kind=Kind.SERVICE, service=service.name)


def _beside(service: Service, made: Service | None) -> Service:
    """Return what `service` is where `made`, of the same name, was made through the API."""
    if made and _is_bare(service):
        return replace(made, more=made.more | service.tokens)
    return service


def _is_bare(service: Service) -> bool:
    """Return whether the configuration says of it nothing but tokens."""
    without = replace(service, token="", more=frozenset())
    return without == Service(name=service.name, configured=True)


def _share(one: Service, other: Service) -> bool:
    same_client = bool(one.client) and one.client == other.client
    return same_client or bool(one.tokens & other.tokens)
