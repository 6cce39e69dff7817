"""`people`: who there is and what they share, as data; and `load_groups`, which is a part of it."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any

from pydantic import AfterValidator, Field, field_validator, model_validator

from perijove.core.groups import require_name
from perijove.core.names import normal, user_name
from perijove.core.people import Circle, Declared, Person
from perijove.core.roles import DEFAULTS
from perijove.kit.section import Section, Traits
from perijove.model.errors import Invalid
from perijove.model.role import Role

_ACCOUNT = re.compile(r"[A-Za-z_][\w.@$-]*", re.ASCII)
Names = Annotated[frozenset[str], Field(strict=False)]
"""Not strict: a validator that runs before has made a list of it."""


def _good(names: Names | None) -> Names | None:
    for name in names or ():
        try:
            user_name(name)
        except Invalid as error:
            raise ValueError(f"nobody may be called {name!r} ({error.code})") from None
    return names


Members = Annotated[Names, AfterValidator(_good)]


class LimitSettings(Section):
    """`people.users.<name>.limits` and `people.groups.<name>.limits`."""

    servers: int | None = Field(default=None, ge=0)
    """How many named servers, in place of hub.namedServerLimitPerUser. 0: any number. A person's
    own wins over those of their groups, of which the largest counts."""


class PersonSettings(Section):
    """`people.users.<name>`."""

    admin: bool | None = None
    """Whether they are an administrator; unset: as it is."""
    display_name: str | None = Field(default=None, max_length=255)
    """What people call them; unset: as it is."""
    groups: Names = frozenset()
    """Groups they are a member of."""
    roles: Names = frozenset()
    """Roles they have, by name."""
    limits: LimitSettings = LimitSettings()
    account: str | None = Field(default=None, max_length=255)
    """With systemUsers: a Unix account of this machine that is theirs already; unset: one is made
    for them. It must be a person's, not the system's, and may not be able to become root."""

    @field_validator("account")
    @classmethod
    def _unix(cls, account: str | None) -> str | None:
        if account is not None and not _ACCOUNT.fullmatch(account):
            raise ValueError(f"{account!r} is no name of a Unix account")
        if account == "root":
            raise ValueError("nobody works as root")
        return account


class GroupSettings(Section):
    """`people.groups.<name>`."""

    users: Members | None = None
    """Its members, with those who name it in their own `groups`, and nobody else; unset: others
    may be members as well."""
    properties: dict[str, Any] | None = None
    """Any object; unset: as it is."""
    roles: Names = frozenset()
    """Roles that its members have, by name."""
    profiles: Names = frozenset()
    """Profiles (slugs of singleuser.profileList) that only its members may use, and those of other
    groups that name the same."""
    limits: LimitSettings = LimitSettings()


class LoadedGroup(Traits):
    """`hub.config.JupyterHub.load_groups.<name>`: a list of users, or this."""

    users: Members = frozenset()
    """Users who are made members, beside whoever else is."""
    properties: dict[str, Any] | None = None
    """Any object."""

    @model_validator(mode="before")
    @classmethod
    def _listed(cls, given: Any) -> Any:
        return {"users": given} if isinstance(given, list) else given or {}


class PeopleSettings(Section):
    """`people`."""

    users: dict[str, PersonSettings] = Field(default={})
    """People by name. They get an account and may sign in; who is taken out of here keeps it."""
    groups: dict[str, GroupSettings] = Field(default={})
    """Groups by name."""
    trash_days: int = Field(default=30, ge=0, le=36500)
    """For how many days the home of a deleted person is kept in the trash, on one machine. 0: until
    somebody empties it."""

    @field_validator("users", "groups", mode="before")
    @classmethod
    def _named_only(cls, given: Any) -> Any:
        if isinstance(given, Mapping):
            return {name: it or {} for name, it in given.items()}
        return given

    @field_validator("users")
    @classmethod
    def _good_names(cls, users: dict[str, PersonSettings]) -> dict[str, PersonSettings]:
        _good(frozenset(users))
        return users

    @field_validator("users")
    @classmethod
    def _own_accounts(cls, users: dict[str, PersonSettings]) -> dict[str, PersonSettings]:
        named = [it.account for it in users.values() if it.account]
        twice = next((name for name in named if named.count(name) > 1), None)
        if twice:
            raise ValueError(f"two people have the Unix account {twice!r}; each needs their own")
        return users

    @property
    def unix(self) -> dict[str, str]:
        """Return the Unix accounts that are people's already, by person."""
        return {normal(name): it.account for name, it in self.users.items() if it.account}

    @property
    def names(self) -> frozenset[str]:
        """Return everybody who is named as a person, or as a member of a group."""
        members = (it.users or () for it in self.groups.values())
        return frozenset(map(normal, self.users)).union(*(map(normal, each) for each in members))

    def declared(self, loaded: Mapping[str, LoadedGroup]) -> Declared:
        """Return what is said, `load_groups` among it.

        Raises:
            Invalid: no group may be called that.
        """
        joined = {normal(name): it.groups for name, it in self.users.items()}
        names = {*loaded, *self.groups, *(name for each in joined.values() for name in each)}
        circles = [self._circle(name, loaded.get(name), joined) for name in sorted(names)]
        persons = {
            normal(name): Person(name=normal(name), admin=it.admin, display_name=it.display_name)
            for name, it in self.users.items()
        }
        for circle in circles:
            require_name(circle.name)
            for name in circle.users:
                persons.setdefault(name, Person(name=name))
        return Declared(
            persons=tuple(persons[name] for name in sorted(persons)),
            circles=tuple(circles),
            listed=bool(self.users),
        )

    def _circle(
        self, name: str, loaded: LoadedGroup | None, joined: Mapping[str, frozenset[str]]
    ) -> Circle:
        group = self.groups.get(name) or GroupSettings()
        users = {*(group.users or ()), *(loaded.users if loaded else ())}
        said = group.properties
        return Circle(
            name=name,
            users=frozenset(
                {*map(normal, users), *(it for it, groups in joined.items() if name in groups)}
            ),
            exact=group.users is not None,
            properties=loaded.properties if said is None and loaded else said,
        )

    def roles(self, loaded: Sequence[Role]) -> list[Role]:
        """Return `loaded` with the people and groups who are given one of them here.

        Raises:
            Invalid: there is no role of such a name.
        """
        known = {role.name: role for role in (*DEFAULTS, *loaded)}
        changed = {role.name: role for role in loaded}
        for user, person in self.users.items():
            for role in _known(person.roles, known):
                was = changed.get(role, known[role])
                changed[role] = replace(was, users=was.users | {normal(user)})
        for group, it in self.groups.items():
            for role in _known(it.roles, known):
                was = changed.get(role, known[role])
                changed[role] = replace(was, groups=was.groups | {group})
        return list(changed.values())

    @property
    def reserved(self) -> dict[str, frozenset[str]]:
        """Return the groups for whose members alone a profile is, by its slug."""
        slugs = {slug for it in self.groups.values() for slug in it.profiles}
        return {
            slug: frozenset(name for name, it in self.groups.items() if slug in it.profiles)
            for slug in slugs
        }

    @property
    def limits(self) -> tuple[dict[str, int], dict[str, int]]:
        """Return how many named servers people may have, by person and by group."""
        users = {normal(name): it.limits.servers for name, it in self.users.items()}
        groups = {name: it.limits.servers for name, it in self.groups.items()}
        return _said(users), _said(groups)


def _known(names: Iterable[str], roles: Mapping[str, Role]) -> list[str]:
    for name in sorted(names):
        if name not in roles:
            raise Invalid("no-such-role", role=name)
    return sorted(names)


def _said(limits: Mapping[str, int | None]) -> dict[str, int]:
    return {name: limit for name, limit in limits.items() if limit is not None}
