"""People as data: what the values say of people and groups, and how it differs from what is.

`people:` and `load_groups` are applied at every start and reload. Nobody is ever deleted by it:
who is left out of the values is only named.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from perijove.core.accounts import Accounts
from perijove.core.groups import Groups
from perijove.model.errors import Conflict, HubError
from perijove.model.group import Group
from perijove.model.user import Standing, User

logger = logging.getLogger(__name__)

_RACES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """What the values say of somebody; None: nothing."""

    name: str
    admin: bool | None = None
    display_name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Circle:
    """What the values say of a group."""

    name: str
    users: frozenset[str] = frozenset()
    exact: bool = False
    """It has no other members than `users`."""
    properties: Mapping[str, Any] | None = None
    """None: nothing is said of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bearers:
    """Whom the values give a role."""

    role: str
    users: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """All that the values say."""

    persons: tuple[Person, ...] = ()
    circles: tuple[Circle, ...] = ()
    bearers: tuple[Bearers, ...] = ()
    listed: bool = False
    """They name everybody, so that whoever is not named is worth saying."""


class Kind(StrEnum):
    """How the values and the database differ."""

    ABSENT = "absent"  # no account
    NOT_ACTIVE = "not-active"  # an account that somebody asked for, or that is blocked
    ADMIN = "admin"
    DISPLAY_NAME = "display-name"
    UNDECLARED = "undeclared"  # an account that the values do not name
    NO_GROUP = "no-group"
    NO_MEMBER = "no-member"
    MEMBER = "member"  # one that the values do not name
    PROPERTIES = "properties"
    NO_BEARER = "no-bearer"  # somebody, or a group, is given a role and is not there


LEFT_ALONE = frozenset({Kind.NOT_ACTIVE, Kind.UNDECLARED, Kind.NO_BEARER})
"""What is said and never changed: that is for a person to decide."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One of them. `wanted` is what the values say, `found` what is."""

    kind: Kind
    user: str = ""
    group: str = ""
    wanted: Any = None
    found: Any = None


def drift(
    declared: Declared, users: Sequence[User], groups: Sequence[Group]
) -> Iterator[Difference]:
    """Yield how what is differs from what is declared, people first."""
    known = {user.name: user for user in users}
    named = {person.name for person in declared.persons}
    for person in declared.persons:
        yield from _of_person(person, known.get(person.name))
    if declared.listed:
        for name in sorted(known.keys() - named):
            yield Difference(kind=Kind.UNDECLARED, user=name)
    there = {group.name: group for group in groups}
    for circle in declared.circles:
        yield from _of_circle(circle, there.get(circle.name))
    circles = {circle.name for circle in declared.circles}
    for each in declared.bearers:
        for name in sorted(each.users - known.keys() - named):
            yield Difference(kind=Kind.NO_BEARER, user=name, wanted=each.role)
        for name in sorted(each.groups - there.keys() - circles):
            yield Difference(kind=Kind.NO_BEARER, group=name, wanted=each.role)


@dataclass(slots=True, kw_only=True)
class People:
    """Compares and applies."""

    accounts: Accounts
    groups: Groups
    declared: Declared = field(default_factory=Declared)

    async def drift(self) -> list[Difference]:
        """Return how what is differs from what is declared now."""
        users, groups = await self.accounts.all(), await self.groups.all()
        return list(drift(self.declared, users, groups))

    async def apply(self, declared: Declared | None = None) -> list[Difference]:
        """Make it so, of what `declared` says from now on; return what was put right.

        Raises:
            Conflict: others changed the same people all the time.
        """
        if declared is not None:
            self.declared = declared
        settled = list[Difference]()
        for _ in range(_RACES):
            found = await self.drift() if self.declared != Declared() else []
            try:
                for each in found:
                    if await self._settle(each):
                        settled.append(each)
            except HubError as error:  # another hub does the same at the same time
                logger.info("people are applied once more: %s", error)
                continue
            return settled
        raise Conflict

    async def _settle(self, each: Difference) -> bool:
        """Make it so; return whether that is not for a person to decide."""
        if each.kind is Kind.NOT_ACTIVE:
            logger.warning("%s is %s and stays so: approve it first", each.user, each.found)
        if each.kind is Kind.NO_BEARER:
            what = f"account {each.user}" if each.user else f"group {each.group}"
            logger.warning("the role %s is given to the %s, which is not there", each.wanted, what)
        if each.kind in LEFT_ALONE:
            return False
        await (self._settle_group(each) if each.group else self._settle_person(each))
        logger.info("as the values say: %s %s %s", each.kind, each.user, each.group)
        return True

    async def _settle_person(self, each: Difference) -> None:
        match each.kind:
            case Kind.ABSENT:
                await self.accounts.create(each.user, **each.wanted)
            case Kind.ADMIN:
                await self._change(each.user, admin=each.wanted)
            case _:
                await self._change(each.user, display_name=each.wanted)

    async def _settle_group(self, each: Difference) -> None:
        match each.kind:
            case Kind.NO_GROUP:
                await self.groups.create(each.group)
            case Kind.NO_MEMBER:
                await self.groups.join(each.group, [each.user])
            case Kind.MEMBER:
                await self.groups.leave(each.group, [each.user])
            case _:
                await self.groups.describe(each.group, each.wanted)

    async def _change(self, name: str, **fields: Any) -> None:
        user = await self.accounts.named(name)
        if user is not None:
            await self.accounts.change(user, **fields)


def _of_person(person: Person, user: User | None) -> Iterator[Difference]:
    name = person.name
    if user is None:
        said = {"admin": person.admin, "display_name": person.display_name}
        wanted = {key: value for key, value in said.items() if value is not None}
        yield Difference(kind=Kind.ABSENT, user=name, wanted=wanted)
        return
    if user.standing is not Standing.ACTIVE:  # anybody may have asked for that name
        yield Difference(kind=Kind.NOT_ACTIVE, user=name, found=user.standing.value)
        return
    if person.admin is not None and person.admin is not user.admin:
        yield Difference(kind=Kind.ADMIN, user=name, wanted=person.admin, found=user.admin)
    shown = person.display_name
    if shown is not None and shown != user.display_name:
        found = user.display_name
        yield Difference(kind=Kind.DISPLAY_NAME, user=name, wanted=shown, found=found)


def _of_circle(circle: Circle, group: Group | None) -> Iterator[Difference]:
    name, users = circle.name, frozenset(group.users if group else ())
    if group is None:
        yield Difference(kind=Kind.NO_GROUP, group=name)
    for user in sorted(circle.users - users):
        yield Difference(kind=Kind.NO_MEMBER, user=user, group=name)
    for user in sorted(users - circle.users) if circle.exact else ():
        yield Difference(kind=Kind.MEMBER, user=user, group=name)
    wanted, found = circle.properties, dict(group.properties if group else {})
    if wanted is not None and dict(wanted) != found:
        yield Difference(kind=Kind.PROPERTIES, group=name, wanted=dict(wanted), found=found)
