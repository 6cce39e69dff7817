"""Parts: what differs between hubs, and what each piece of the core needs, by the settings."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from perijove.authenticators import Authenticator
from perijove.authenticators.dummy import DummyAuthenticator
from perijove.authenticators.local import LocalAuthenticator
from perijove.core import gate
from perijove.core.accounts import Accounts
from perijove.core.credentials import service_secret
from perijove.core.cull import Culling
from perijove.core.departures import Leaving
from perijove.core.followers import Awaited
from perijove.core.keeper import Launch
from perijove.core.lifecycle import Lifecycle
from perijove.core.needs import Needs
from perijove.core.place import Names
from perijove.core.ready import Knocker, knock
from perijove.core.roles import Roles
from perijove.core.teller import TellerSettings
from perijove.core.tokens import service_principal
from perijove.kit.clock import Clock
from perijove.kit.journal import Journal
from perijove.kit.passwords import Passwords
from perijove.kit.secret import digest
from perijove.model.decide import Patience
from perijove.model.principal import Principal
from perijove.model.scope import Scope
from perijove.model.service import Service
from perijove.settings import Reading, Settings
from perijove.settings.authentication import DUMMY
from perijove.spawners import Spawner
from perijove.store.database import Database

_ADMIN = ("admin",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a hub is made of that differs between a laptop, a cluster and a test."""

    database: Database
    spawner: Callable[[str], Spawner]
    """Takes the id of the instance."""
    hub: str
    """http://host:port at which servers and proxies reach it."""
    cookie: bytes
    """Signs what browsers keep."""
    server_tokens: bytes
    """What the tokens of servers are derived from."""
    proxy_token: str
    cli_token: str
    end: Callable[[], None]
    """Ends the process, as SIGTERM does."""
    first: Path | None = None
    """The file with the secret of the one-time link of the first administrator."""
    names: Names | None = None
    """How the place where servers run names them; None: it does not care."""
    listen: tuple[str, int] = ("127.0.0.1", 8888)
    """Where a server listens; the port, unless one was reserved for it."""
    command: tuple[str, ...] = ("perijove-singleuser",)
    """What is run unless the settings say; empty: what its image runs."""
    silence_of_place: Callable[[], float] = lambda: 0.0
    """For how many seconds nothing was heard of the place where servers run."""
    in_cluster: bool = False
    """Whether servers are pods, so that they do not run as one Unix account."""
    awaits_proxies: Awaited = field(default_factory=Awaited)
    traits: Callable[[Settings], Mapping[str, Any]] = lambda _: {}
    """What the spawner gives to every server, after a reload; raises BadConfig."""
    authenticator: Authenticator | None = None
    """How people sign in; None: as the settings say."""
    journal: Journal | None = None
    """Keeps the audit log; None: entries go to the log."""
    read: Callable[[], Reading] | None = None
    """Reads the configuration again; None: there is none that could have changed."""
    knock: Knocker = knock
    clock: Clock = field(default_factory=Clock)
    patience: Patience = field(default_factory=Patience)
    replica: str = ""
    """What this hub is called among those that share its database, the same after a restart."""
    tells: TellerSettings | None = None
    """The proxy that is told its routes; None: proxies pull them."""
    launch: Launch | None = None
    """Starts a service that the hub is to run; None: it runs none."""
    silence: float = 8.0
    """Seconds of it in a stream, after which something is sent so that no proxy gives up."""


def of_lifecycle(settings: Settings, parts: Parts) -> Needs:
    """Return what everything is given that starts, follows and ends servers."""
    hub, singleuser = settings.hub, settings.singleuser
    patience = parts.patience
    if singleuser.start_timeout:
        patience = replace(patience, start=timedelta(seconds=singleuser.start_timeout))
    return Needs(
        database=parts.database,
        spawner=parts.spawner,
        key=parts.server_tokens,
        hub=parts.hub,
        base_url=hub.base_url,
        domains=hub.config.jupyterhub.domains,
        cookies=hub.config.jupyterhub.cookie_rules,
        clock=parts.clock,
        patience=patience,
        knock=parts.knock,
        limit=hub.concurrent_spawn_limit or None,
        most=hub.active_server_limit or None,
        replaces=hub.instance,
        orphans=hub.orphans,
        places=settings.place,
        devices=settings.gpus,
        naming=settings.naming,
        profiles=settings.profiles,
        names=parts.names,
        listen=parts.listen,
        command=singleuser.cmd or parts.command,
        default_url=singleuser.default_url or "",
        environment={k: v for k, v in singleuser.extra_env.items() if isinstance(v, str)},
        overrides=settings.profiles.overrides,
        replica=parts.replica,
        lifetime=settings.cull.lifetime,
        culling=_culling(settings),
        in_cluster=parts.in_cluster,
        awaits_proxies=parts.awaits_proxies,
        tells=parts.tells,
    )


def _culling(settings: Settings) -> Culling:
    cull = settings.cull
    return Culling(
        every=timedelta(seconds=cull.every or 600),
        remove_named=bool(cull.remove_named_servers),
        concurrency=cull.concurrency or 10,
    )


def of_gate(settings: Settings, parts: Parts, life: Lifecycle) -> gate.Needs:
    """Return what everything is given that knows people."""
    way, roles = settings.sign_in, settings.roles

    def authenticator(accounts: Accounts, passwords: Passwords) -> Authenticator:
        if parts.authenticator:
            return parts.authenticator
        if way.name == DUMMY:
            return DummyAuthenticator(way.password)
        return LocalAuthenticator(accounts, passwords)

    return gate.Needs(
        database=parts.database,
        clock=parts.clock,
        ids=life.transitions.ids,
        rooms=life.servers,
        authenticator=authenticator,
        rules=way.rules,
        roles=roles,
        ours=_ours(parts, roles),
        services=_services(settings, parts, life),
        user_tokens=settings.user_tokens,
        base_url=settings.hub.base_url,
        domains=settings.hub.config.jupyterhub.domains,
        rerouted=life.rerouted,
        managing=way.managing,
        keeping=way.keeping,
        asking=way.asking,
        first=parts.first,
        lives=settings.hub.config.jupyterhub.lives,
        require_proof=settings.hub.config.jupyterhub.oauth_require_pkce,
        declared=settings.declared,
    )


def leaving(settings: Settings) -> Leaving:
    """Return who is deleted because they were not here for long: nobody, unless the values say."""
    cull = settings.cull
    if not (cull.enabled and cull.users):
        return Leaving()
    return Leaving(
        timeout=cull.lifetime.timeout,
        max_age=cull.lifetime.max_age,
        administrators=bool(cull.admin_users),
        staying=frozenset(person.name for person in settings.declared.persons),
        every=timedelta(seconds=cull.every or 600),
    )


def _ours(parts: Parts, roles: Roles) -> dict[str, Principal]:
    """Return who shows which token: our own proxy and command line."""
    admin = roles.of_service("perijove-cli", _ADMIN)
    return {
        parts.proxy_token: service_principal("perijove-proxy", frozenset({Scope("proxy")})),
        parts.cli_token: service_principal("perijove-cli", admin, admin=True),
    }


def _services(settings: Settings, parts: Parts, life: Lifecycle) -> dict[str, Service]:
    """Return the services of the configuration; what the hub runs has a token in any case."""
    found = {}
    for name, it in settings.services.items():
        service = it
        if it.command and not it.secret:
            secret = service_secret(parts.server_tokens, life.instance.id, name)
            service = replace(it, secret=secret, token=digest(secret))
        found[name] = service
    return found
