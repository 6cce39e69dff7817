"""`hub.config.<Class>.<trait>`: the traits that do something here, and what follows from them."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from perijove.core.auth_states import Keeping
from perijove.core.lives import Lives
from perijove.core.managed import Managing
from perijove.core.refresh import Asking
from perijove.core.rules import Rules
from perijove.kit.section import Traits
from perijove.settings.crypt import CryptTraits
from perijove.settings.people import LoadedGroup
from perijove.settings.roles import CustomScopes, ExtraScopes, RoleSettings
from perijove.settings.services import ServiceList, ServiceTokens, UserTokens
from perijove.settings.spawner import SpawnerTraits
from perijove.settings.web import WebTraits

_CENTURY = 100 * 365 * 86400
LOCAL, DUMMY = "local", "dummy"
CLASSES = {
    "local": LOCAL,
    "perijove.LocalAuthenticator": LOCAL,
    "dummy": DUMMY,
    "jupyterhub.auth.DummyAuthenticator": DUMMY,
}


class JupyterHubTraits(WebTraits):
    """`hub.config.JupyterHub`."""

    authenticator_class: str = LOCAL
    """How people sign in: `local` (sign-up that an administrator approves) or `dummy` (trials)."""
    admin_users: frozenset[str] = frozenset()
    """The old place of `Authenticator.admin_users`; taken when that one is empty."""

    authenticate_prometheus: bool = True
    """Metrics are shown only to who holds the scope `read:metrics`; `false`: to everybody."""
    last_activity_interval: float = Field(default=60, gt=0)
    """Seconds between two looks at all routes of `proxy.kind: chp`, when those that are wrong are
    mended and it is read which servers were used."""
    proxy_check_interval: float = Field(default=5, gt=0)
    """Seconds between two looks whether `proxy.kind: chp` has lost all of its routes."""
    api_page_default_limit: int = Field(default=50, ge=1, le=10_000)
    """How many items a page of a list has that does not say how many."""
    api_page_max_limit: int = Field(default=200, ge=1, le=10_000)
    """How many it has at most; also a list for a client that knows no pages."""
    load_groups: dict[str, LoadedGroup] = Field(default={})
    """Groups and their members, made at every start; `people.groups` says more."""
    load_roles: tuple[RoleSettings, ...] = ()
    """Roles as a list; `hub.loadRoles` is the same by name."""
    services: ServiceList = ()
    """Services as a list, each with a `name`; `hub.services` is the same by name."""
    service_tokens: ServiceTokens = Field(default={}, json_schema_extra={"secret": True})
    """More tokens of services, `token: name`, of 8 to 64 characters. A name that no list of
    services has is one that calls the API and no more."""
    api_tokens: UserTokens = Field(default={}, json_schema_extra={"secret": True})
    """Tokens of people, `token: user`; they get an account. Better is a service with a role that
    allows no more than it needs."""
    custom_scopes: CustomScopes = Field(default={})
    """Scopes that mean something to services and servers, `custom:…`; the hub hands them out."""
    extra_user_scopes: ExtraScopes = frozenset()
    """What everybody may do beside what the role `user` allows."""
    cookie_max_age_days: float = Field(default=14, gt=0, le=36500)
    """For how many days somebody who has signed in stays so."""
    oauth_token_expires_in: int | None = Field(default=None, ge=1, le=_CENTURY)
    """For how many seconds a server or a service is let know who somebody is; unset: as long as
    a sign-in is good."""
    oauth_require_pkce: bool = False
    """Refuse servers and services that sign people in without PKCE. `true` refuses the servers of
    images from before 2026: jupyterhub-singleuser 5 and older."""
    token_expires_in_max_seconds: int = Field(default=0, ge=0, le=_CENTURY)
    """For how many seconds a token may live that somebody makes, and does if nobody says so. 0: as
    long as its owner wants. Tokens of before stay as they are."""

    @property
    def lives(self) -> Lives:
        """Return how long what lets people in is good."""
        session = timedelta(days=self.cookie_max_age_days)
        client, most = self.oauth_token_expires_in, self.token_expires_in_max_seconds
        return Lives(
            session=session,
            client=session if client is None else timedelta(seconds=client),
            most=timedelta(seconds=most) if most else None,
        )

    @field_validator("authenticator_class")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in CLASSES:
            raise ValueError(
                f"{name!r} is no way to sign in that this version has; it has `local` and `dummy`"
            )
        return name


class AuthenticatorTraits(Traits):
    """`hub.config.Authenticator`, and every class of authenticator."""

    allow_all: bool | None = None
    """Let in everybody who can prove who they are. Without a rule nobody may enter."""
    allowed_users: frozenset[str] = frozenset()
    """Let in these people."""
    admin_users: frozenset[str] = frozenset()
    """These people are administrators, and may enter."""
    blocked_users: frozenset[str] = frozenset()
    """These people may not enter, whatever else says so."""
    allow_existing_users: bool | None = None
    """Let in whoever has an account; unset: yes if `allowed_users` names anybody."""
    manage_groups: bool = False
    """At each sign-in people are in exactly the groups that the authenticator names, if it does."""
    manage_roles: bool = False
    """At each sign-in people have the roles that the authenticator names, if it does, beside those
    of the configuration."""
    reset_managed_roles_on_startup: bool = False
    """Forget at the start what roles the authenticator gave."""
    enable_auth_state: bool = False
    """Keep what the authenticator says of people (tokens of where they sign in), encrypted with
    `CryptKeeper.keys`."""
    auth_refresh_age: int = Field(default=300, ge=0)
    """Seconds after which the authenticator is asked again who somebody is, when they come, if it
    can be asked. 0: never."""
    refresh_pre_spawn: bool = False
    """Ask it before every start of a server as well."""
    auth_refresh_strict: bool = False
    """Refuse to start a server where it cannot say who its owner is, or says that they have to sign
    in again and it is not them who start it."""
    auto_login: bool | None = None
    """Whoever signs out stays at a page that says so, instead of where one signs in."""


class DummyTraits(AuthenticatorTraits):
    """`hub.config.DummyAuthenticator`."""

    password: str | None = Field(default=None, json_schema_extra={"secret": True})
    """The one password that everybody uses; unset: any will do."""


class ChpTraits(Traits):
    """`hub.config.ConfigurableHTTPProxy`: for `proxy.kind: chp`."""

    api_url: str | None = None
    """Where its REST API is; unset: on this machine, at the port after `proxy.port`."""
    auth_token: str | None = Field(default=None, json_schema_extra={"secret": True})
    """What its API wants to be shown; unset: a secret of the data directory."""
    should_start: bool = True
    """`perijove up` starts it, and again when it ends; `false`: somebody else does."""
    command: tuple[str, ...] = ("configurable-http-proxy",)
    """What starts it: one word, or a list of words."""
    concurrency: int = Field(default=10, ge=1)
    """How many calls it may be busy with at once."""

    @field_validator("api_url")
    @classmethod
    def _address(cls, url: str | None) -> str | None:
        parts = urlsplit(url or "http://127.0.0.1")
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("must be http://host:port or https://host:port")
        if url and not parts.port:
            raise ValueError("names no port")
        return url

    @field_validator("command", mode="before")
    @classmethod
    def _words(cls, command: Any) -> Any:
        if isinstance(command, str):
            return (command,)
        return tuple(command) if isinstance(command, list) else command

    @field_validator("command")
    @classmethod
    def _something(cls, command: tuple[str, ...]) -> tuple[str, ...]:
        if not command or not command[0].strip():
            raise ValueError("names no command")
        return command


class HubConfig(Traits):
    """`hub.config`: the classes whose traits do something here."""

    jupyterhub: JupyterHubTraits = Field(default=JupyterHubTraits(), alias="JupyterHub")
    authenticator: AuthenticatorTraits = Field(default=AuthenticatorTraits(), alias="Authenticator")
    dummy: DummyTraits = Field(default=DummyTraits(), alias="DummyAuthenticator")
    local: AuthenticatorTraits = Field(default=AuthenticatorTraits(), alias="LocalAuthenticator")
    spawner: SpawnerTraits = Field(default=SpawnerTraits(), alias="Spawner")
    chp: ChpTraits = Field(default=ChpTraits(), alias="ConfigurableHTTPProxy")
    crypt: CryptTraits = Field(default=CryptTraits(), alias="CryptKeeper")

    @model_validator(mode="after")
    def _sealed(self) -> Self:
        if sign_in(self).keeping.enabled and not self.crypt.keys:
            raise ValueError(
                "enable_auth_state needs a key: set JUPYTERHUB_CRYPT_KEY, or CryptKeeper.keys, to"
                " what `openssl rand -hex 32` says, and keep it as long as the database"
            )
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """How people prove who they are, and who of them may enter."""

    name: str
    password: str
    """The one of `dummy`; empty: any."""
    by_itself: bool
    """Whoever comes is signed in without a form, where that is possible."""
    rules: Rules
    managing: Managing
    keeping: Keeping
    asking: Asking


def sign_in(config: HubConfig, people: frozenset[str] = frozenset()) -> SignIn:
    """Return what `config` says; the chosen class's own traits win over Authenticator's.

    `people` may enter as well: the values name them.
    """
    name = CLASSES[config.jupyterhub.authenticator_class]
    own = config.dummy if name == DUMMY else config.local
    traits = {**_set(config.authenticator), **_set(own)}
    password, by_itself = traits.pop("password", None), traits.pop("auto_login", None)
    managing = Managing(
        groups=traits.pop("manage_groups", False),
        roles=traits.pop("manage_roles", False),
        reset=traits.pop("reset_managed_roles_on_startup", False),
    )
    keeping = Keeping(enabled=traits.pop("enable_auth_state", False), keys=config.crypt.ring)
    asking = Asking(
        age=timedelta(seconds=traits.pop("auth_refresh_age", 300)),
        before_starts=traits.pop("refresh_pre_spawn", False),
        strict=traits.pop("auth_refresh_strict", False),
    )
    traits["admin_users"] = traits.get("admin_users") or config.jupyterhub.admin_users
    traits["allow_all"] = bool(traits.get("allow_all"))
    traits["allowed_users"] = traits.get("allowed_users", frozenset()) | people
    rules = Rules(approved=name == LOCAL, **traits)
    return SignIn(
        name=name,
        password=password or "",
        by_itself=bool(by_itself),
        rules=rules,
        managing=managing,
        keeping=keeping,
        asking=asking,
    )


def _set(traits: AuthenticatorTraits) -> dict[str, Any]:
    return {name: getattr(traits, name) for name in traits.model_fields_set}
