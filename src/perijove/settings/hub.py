"""`hub`: the sections of the hub itself, its database and roles."""

from typing import Any, Self

from pydantic import Field, field_validator, model_validator

from perijove.core.orphans import Policy
from perijove.kit.section import Section
from perijove.model.errors import Refused
from perijove.model.role import Role
from perijove.model.service import Service
from perijove.settings.authentication import HubConfig
from perijove.settings.roles import RoleSettings, combined
from perijove.settings.services import ServiceSettings, configured, require_apart
from perijove.store.address import MYSQL, POSTGRES, SHARED, SQLITE, plain

_PORT = Field(default=None, ge=1, le=65535)
_NEEDS = {"postgres": (POSTGRES,), "mysql": (MYSQL,), "other": (POSTGRES, MYSQL, SQLITE)}
"""What `hub.db.url` begins with."""


class DbSettings(Section):
    """`hub.db`."""

    type: str = "sqlite-pvc"
    """sqlite-pvc: a file. postgres, mysql (or MariaDB): `hub.db.url`. sqlite-memory: trials."""
    url: str | None = Field(default=None, json_schema_extra={"secret": True})
    """postgresql:// or mysql://user:password@host/name; any driver after a + is understood."""
    password: str | None = Field(default=None, json_schema_extra={"secret": True})
    """The password that `url` leaves out."""
    upgrade: bool | None = None
    """False: refuse a database of an older version, until `perijove db upgrade` was run."""

    @field_validator("type")
    @classmethod
    def _kind(cls, kind: str) -> str:
        kind = "postgres" if kind == "postgresql" else kind  # as a published example writes it
        kind = "mysql" if kind == "mariadb" else kind
        kinds = {"sqlite-pvc", "sqlite-memory", *_NEEDS}
        if kind not in kinds:
            raise ValueError(f"must be one of {', '.join(sorted(kinds))}; it is {kind!r}")
        return kind

    @field_validator("url")
    @classmethod
    def _known(cls, url: str | None) -> str | None:
        if url:
            _plain(url)
        return url

    @model_validator(mode="after")
    def _fit(self) -> Self:
        if self.type in _NEEDS and self.url and not self.address.startswith(_NEEDS[self.type]):
            raise ValueError(f"type is {self.type}, but url is that of another database")
        if self.type in {"mysql", "other"} and not self.url:
            raise ValueError(f"type: {self.type} needs a url, as mysql://user@host/name")
        return self

    @property
    def address(self) -> str:
        """Return `url` without a driver; empty if there is none."""
        return _plain(self.url) if self.url else ""

    @property
    def shared(self) -> bool:
        """Return whether several hubs may use it."""
        return self.type == "postgres" or (self.type in _NEEDS and self.address.startswith(SHARED))


def _plain(url: str) -> str:
    try:
        return plain(url)
    except Refused:
        raise ValueError("must begin with postgresql://, mysql:// or sqlite:///") from None


class HubSettings(Section):
    """`hub`."""

    base_url: str = "/"
    """Where all pages are below."""
    allow_named_servers: bool | None = False
    """People may have more servers than one, each with a name."""
    named_server_limit_per_user: int | None = Field(default=None, ge=0)
    """How many of them; unset or 0: any number."""
    concurrent_spawn_limit: int | None = Field(default=64, ge=0)
    """How many servers may be starting at once. 0 or null: any number."""
    active_server_limit: int | None = Field(default=None, ge=0)
    """How many servers may be running, starting or stopping at once. 0 or null: any number."""
    config: HubConfig = HubConfig()
    db: DbSettings = DbSettings()
    services: dict[str, ServiceSettings] = Field(default={})
    load_roles: dict[str, RoleSettings] = Field(default={})
    redirect_to_server: bool | None = None
    """Where people come to who have signed in: to their server, which is started if it does not
    run (true); to the home page (false); to their server if it runs, else to the home page
    (unset)."""
    shutdown_on_logout: bool | None = None
    """Whoever signs out stops their servers."""
    api_calls_per_second: float = Field(default=20.0, ge=0)
    """How many calls of the API somebody may make in a second, for long; twenty times as many may
    come at once, and services and administrators may make fifty times as many. 0: any number."""
    port: int | None = _PORT
    """Where the hub itself listens, on this machine only; unset: a free one, chosen once."""
    instance: str | None = None
    """The id of a lost database that this one replaces, so that its servers are adopted."""
    orphans: Policy = Policy.REPORT
    """What to do with a workload that no row knows: report, adopt or stop."""

    @field_validator("base_url")
    @classmethod
    def _slashes(cls, url: str) -> str:
        return f"/{url.strip('/')}/" if url.strip("/") else "/"

    @field_validator("services")
    @classmethod
    def _fit(cls, services: dict[str, ServiceSettings]) -> dict[str, ServiceSettings]:
        configured(services)
        return services

    @model_validator(mode="after")
    def _apart(self) -> Self:
        require_apart(self.configured_services, self.config.jupyterhub.api_tokens)
        return self

    @field_validator("orphans", mode="before")
    @classmethod
    def _policy(cls, name: Any) -> Any:
        known = {policy.value for policy in Policy}
        return Policy(name) if isinstance(name, str) and name in known else name

    @property
    def configured_services(self) -> dict[str, Service]:
        """Return the services of the configuration, by name."""
        traits = self.config.jupyterhub
        return configured(self.services, traits.services, traits.service_tokens)

    @property
    def loaded_roles(self) -> list[Role]:
        """Return the roles of the configuration, one of each name."""
        traits = self.config.jupyterhub
        loaded = [it.role(key) for key, it in self.load_roles.items()]
        return combined(
            [*loaded, *(it.role() for it in traits.load_roles)], traits.extra_user_scopes
        )
