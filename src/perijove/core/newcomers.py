"""Many new people at once; what is wrong with each name is told."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from perijove.core import names
from perijove.core.accounts import Accounts
from perijove.kit.batches import batches
from perijove.model.errors import Conflict, HubError, Invalid, Stale
from perijove.model.user import User
from perijove.store import users as store

_RACES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Added:
    """What became of a list of names."""

    users: list[User] = field(default_factory=list[User])
    failures: Mapping[str, HubError] = field(default_factory=dict[str, HubError])
    """By the name as it was given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Newcomers:
    """Adds them."""

    accounts: Accounts

    async def add(self, given: Sequence[str], *, admin: bool = False, some: bool = False) -> Added:
        """Add those of `given` that there are not yet.

        `some`: although nobody may be called as others of them; else all of them or none.

        Raises:
            Invalid: nobody may be called that.
            Conflict: there are all of them already, or one that looks the same.
        """
        failures: dict[str, HubError] = {}
        wanted = self._wanted(given, failures, admin=admin)
        if failures and not some:
            raise Invalid("names.bad", names=_told(failures)).because(failures)
        for _ in range(_RACES):
            await self._leave_out(wanted, failures)
            alike = {n: e for n, e in failures.items() if e.code == "name.look-alike"}
            if alike and not some:
                raise Conflict("name.look-alike", name=names.short(next(iter(alike)))).because(
                    failures
                )
            if not wanted and not some:
                raise Conflict("name.taken", name=_told(failures)).because(failures)
            statements = [
                it for user in wanted.values() for it in store.add(user, look=names.look(user.name))
            ]
            try:
                if statements:
                    await self.accounts.database.write(*statements)
            except Stale:  # somebody else has added one of them meanwhile
                continue
            return Added(users=list(wanted.values()), failures=failures)
        raise Conflict

    def _wanted(
        self, given: Sequence[str], failures: dict[str, HubError], *, admin: bool
    ) -> dict[str, User]:
        """Return the new users by what was given, each once."""
        wanted: dict[str, User] = {}
        called, looks = set[str](), set[str]()
        for text in given:
            try:
                user = self.accounts.new(text, admin=admin)
            except Invalid as error:
                failures[text] = error
                continue
            if user.name in called:
                continue
            look = names.look(user.name)
            if look in looks:
                failures[text] = Invalid("name.look-alike", name=user.name)
                continue
            called.add(user.name)
            looks.add(look)
            wanted[text] = user
        return wanted

    async def _leave_out(self, wanted: dict[str, User], failures: dict[str, HubError]) -> None:
        """Move those of `wanted` to `failures` who are there already, or look as one who is."""
        database = self.accounts.database
        called = [user.name for user in wanted.values()]
        taken, looks = set[str](), set[str]()
        for some in batches(called, store.TOGETHER):
            taken |= await database.read(store.among(some))
            looks |= await database.read(store.looks_among([names.look(it) for it in some]))
        for text, user in list(wanted.items()):
            if user.name in taken:
                failures[text] = Conflict("name.taken", name=user.name)
            elif names.look(user.name) in looks:
                failures[text] = Conflict("name.look-alike", name=user.name)
            else:
                continue
            del wanted[text]


def _told(failures: Mapping[str, HubError]) -> str:
    return ", ".join(map(names.short, failures))
