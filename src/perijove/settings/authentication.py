"""`hub.config.<Class>.<trait>`: the traits that do something here, and what follows from them."""

from dataclasses import dataclass
from typing import Any

from pydantic import Field, field_validator

from perijove.core.rules import Rules
from perijove.kit.section import Traits
from perijove.settings.people import LoadedGroup
from perijove.settings.web import WebTraits

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
    load_groups: dict[str, LoadedGroup] = Field(default={})
    """Groups and their members, made at every start; `people.groups` says more."""

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
    auto_login: bool | None = None
    """Whoever signs out stays at a page that says so, instead of where one signs in."""


class DummyTraits(AuthenticatorTraits):
    """`hub.config.DummyAuthenticator`."""

    password: str | None = Field(default=None, json_schema_extra={"secret": True})
    """The one password that everybody uses; unset: any will do."""


class HubConfig(Traits):
    """`hub.config`: the classes whose traits do something here."""

    jupyterhub: JupyterHubTraits = Field(default=JupyterHubTraits(), alias="JupyterHub")
    authenticator: AuthenticatorTraits = Field(default=AuthenticatorTraits(), alias="Authenticator")
    dummy: DummyTraits = Field(default=DummyTraits(), alias="DummyAuthenticator")
    local: AuthenticatorTraits = Field(default=AuthenticatorTraits(), alias="LocalAuthenticator")


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """How people prove who they are, and who of them may enter."""

    name: str
    password: str
    """The one of `dummy`; empty: any."""
    by_itself: bool
    """Whoever comes is signed in without a form, where that is possible."""
    rules: Rules


def sign_in(config: HubConfig, people: frozenset[str] = frozenset()) -> SignIn:
    """Return what `config` says; the chosen class's own traits win over Authenticator's.

    `people` may enter as well: the values name them.
    """
    name = CLASSES[config.jupyterhub.authenticator_class]
    own = config.dummy if name == DUMMY else config.local
    traits = {**_set(config.authenticator), **_set(own)}
    password, by_itself = traits.pop("password", None), traits.pop("auto_login", None)
    traits["admin_users"] = traits.get("admin_users") or config.jupyterhub.admin_users
    traits["allow_all"] = bool(traits.get("allow_all"))
    traits["allowed_users"] = traits.get("allowed_users", frozenset()) | people
    rules = Rules(approved=name == LOCAL, **traits)
    return SignIn(name=name, password=password or "", by_itself=bool(by_itself), rules=rules)


def _set(traits: AuthenticatorTraits) -> dict[str, Any]:
    return {name: getattr(traits, name) for name in traits.model_fields_set}
