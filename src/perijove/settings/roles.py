"""`hub.loadRoles`, `load_roles`, `custom_scopes`, `extra_user_scopes`: what is allowed to whom."""

from collections.abc import Iterable, Mapping
from typing import Annotated

from pydantic import AfterValidator, Field

from perijove.core.names import normal
from perijove.core.people import Bearers
from perijove.core.roles import DEFAULTS, Custom, merged
from perijove.kit.section import Traits
from perijove.model.errors import HubError
from perijove.model.role import Role
from perijove.model.scope import Scope, is_custom

_USER = DEFAULTS[0]


def _exist(scopes: Iterable[str]) -> Iterable[str]:
    for text in scopes:
        try:
            Scope.parse(text)
        except (HubError, ValueError):
            raise ValueError(f"there is no scope {text!r}") from None
    return scopes


Scopes = Annotated[tuple[str, ...], AfterValidator(_exist)]


class RoleSettings(Traits):
    """`hub.loadRoles.<name>`, and an item of `load_roles`: a set of scopes, and who has it."""

    name: str = ""
    """What the API calls it; its key if unset."""
    description: str = ""
    """What it is for, in words."""
    scopes: Scopes = ()
    """What it allows."""
    users: frozenset[str] = frozenset()
    """Users who have it."""
    groups: frozenset[str] = frozenset()
    """Groups whose members have it."""
    services: frozenset[str] = frozenset()
    """Services that have it."""

    def role(self, key: str = "") -> Role:
        """Return it as the core has it."""
        return Role(
            name=self.name or key,
            description=self.description,
            scopes=self.scopes,
            users=frozenset(map(normal, self.users)),
            groups=self.groups,
            services=self.services,
        )


class CustomScope(Traits):
    """`hub.config.JupyterHub.custom_scopes.<scope>`."""

    description: str = Field(min_length=1)
    """What it allows, in words that people read when a program asks for it."""
    subscopes: tuple[str, ...] = ()
    """Others of these scopes that it implies."""


def _known(scopes: Mapping[str, CustomScope]) -> Mapping[str, CustomScope]:
    for name, scope in scopes.items():
        if not is_custom(name):
            raise ValueError(
                f"no scope may be called {name!r}: `custom:`, then small letters, digits and the"
                " marks _ - : *, three at least; first a letter or a digit, last no - or :"
            )
        for each in scope.subscopes:
            if each not in scopes:
                raise ValueError(
                    f"{name!r} implies {each!r}, which is none of custom_scopes; it can imply no"
                    " other"
                )
    return scopes


CustomScopes = Annotated[dict[str, CustomScope], AfterValidator(_known)]


ExtraScopes = Annotated[frozenset[str], AfterValidator(_exist)]


def customs(scopes: Mapping[str, CustomScope]) -> dict[str, Custom]:
    """Return them as the core has them."""
    return {name: Custom(words=it.description, implies=it.subscopes) for name, it in scopes.items()}


def combined(roles: Iterable[Role], extra: frozenset[str]) -> list[Role]:
    """Return one role of each name, and in that of everybody the `extra` scopes."""
    found: dict[str, Role] = {}
    for role in roles:
        found[role.name] = merged(found[role.name], role) if role.name in found else role
    if extra:
        user = found.get(_USER.name, _USER)
        scopes = dict.fromkeys([*(user.scopes or _USER.scopes), *sorted(extra)])
        found[_USER.name] = merged(user, Role(name=_USER.name, scopes=tuple(scopes)))
    return list(found.values())


def bearers(roles: Iterable[Role]) -> tuple[Bearers, ...]:
    """Return whom `roles` are given to."""
    given = (Bearers(role=it.name, users=it.users, groups=it.groups) for it in roles)
    return tuple(it for it in given if it.users or it.groups)
