"""Signing in and signing up: who is it, may they enter, how often may they try."""

import logging
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from perijove.authenticators import Authenticator, Identity, Refreshing
from perijove.core.accounts import Accounts, note
from perijove.core.auth_states import AuthStates
from perijove.core.first import FirstLink
from perijove.core.limits import Limits
from perijove.core.managed import Managed
from perijove.core.names import LONGEST, display_name, normal, short
from perijove.core.rules import Rules
from perijove.core.sessions import Sessions
from perijove.kit.secret import digest
from perijove.kit.storable import stored_as
from perijove.model.errors import Busy, Conflict, Denied, HubError, Invalid, Stale
from perijove.model.token import Session
from perijove.model.user import Standing, User
from perijove.store import attempts
from perijove.store.statement import Statements

logger = logging.getLogger(__name__)

OF_ACCOUNT = 10
"""Wrong passwords for one name in a minute, from wherever nobody has signed in under it."""
OF_ADDRESS = 40
"""Wrong ones from one address in a minute: a class behind one address mistypes now and then."""
KNOWN_FOR = timedelta(days=90)
"""How long an address where somebody has signed in has a count of its own for their name."""
_GRAIN = timedelta(days=1)
"""How exact that is."""
_WRITTEN_DOWN = {
    "allow.none": "no rule allows anybody; set allow_all, allowed_users or admin_users",
    "allow.users": "they are not in allowed_users or admin_users, and allow_all is not set",
    "blocked": "they are in blocked_users, or an administrator has blocked them",
    "signup.waiting": "an administrator has yet to approve them",
    "signup.declined": "an administrator has declined them",
}


@dataclass(frozen=True, slots=True)
class _Count:
    """A try that was counted."""

    keys: tuple[str, str]
    home: str
    """Under which the address is known as one where this name has signed in."""
    left: timedelta
    """For how long it is known yet."""


@dataclass(slots=True, kw_only=True)
class Login:
    """What the sign-in pages do."""

    accounts: Accounts
    sessions: Sessions
    authenticator: Authenticator
    rules: Rules
    limits: Limits
    managed: Managed
    states: AuthStates
    first: FirstLink | None = None
    """How the first administrator gets in; None where there is no such link."""

    async def sign_in(
        self, name: str, password: str, *, address: str, agent: str
    ) -> tuple[str, Session]:
        """Return the secret for the cookie jupyterhub-hub-login, and the new session.

        Raises:
            Denied: the password is wrong, or no rule lets them in.
            Busy: too many tries; the parameters say when to come again.
        """
        user, settle = await self._checked(name, password, address)
        begin = partial(self.sessions.begin, user, address=address, agent=agent, beside=settle)
        try:
            return await begin()
        except Stale:  # the same person has signed in there at the same time
            return await begin()

    async def check(self, name: str, password: str, *, address: str) -> User:
        """Return who it is that may enter; the account is made when they come first.

        Raises:
            Denied: the password is wrong, or no rule lets them in.
            Busy: too many tries.
        """
        user, settle = await self._checked(name, password, address)
        await self._settle(settle)
        return user

    async def sign_up(
        self, name: str, password: str, *, display: str = "", why: str = "", address: str
    ) -> User:
        """Ask for an account; it waits for an administrator unless everybody may enter.

        Raises:
            Denied: nobody can ask here.
            Invalid: the name or the password is no good.
            Conflict: the name is taken, or looks like one that is.
            Busy: too many tries from there.
        """
        if not self.authenticator.sign_up:
            raise Denied("signup.closed")
        await self.limits.take({f"sign-up {address}": OF_ADDRESS})
        # Whoever comes first under an administrator's name is not therefore the administrator.
        wanted = normal(stored_as(name[:LONGEST]))
        open_to_all = self.rules.allow_all and wanted not in self.rules.admin_users
        if wanted in self.rules.blocked_users:
            raise Denied("blocked", name=short(name))
        user = await self.accounts.create(
            name,
            password=password,
            display_name=display_name(display),
            note=note(why),
            standing=Standing.ACTIVE if open_to_all else Standing.WAITING,
        )
        logger.info("%s asks for an account from %s", short(user.name), address)
        return user

    @property
    def signs_up(self) -> bool:
        """Whether people may ask for an account here."""
        return self.authenticator.sign_up

    @property
    def at_once(self) -> bool:
        """Whether whoever asks for an account may enter without being approved."""
        return self.authenticator.sign_up and self.rules.allow_all

    async def require_password(self, user: User, password: str, *, address: str) -> None:
        """Let pass whoever knows the password of `user`, before they change it.

        One who has none yet (they came by the one-time link) need not know any.

        Raises:
            Denied: it is wrong.
            Busy: too many tries.
        """
        if await self.accounts.password(user.name) is None:
            return
        count = await self._count(user.name, address)
        if await self.authenticator.authenticate(user.name, password) is None:
            raise Denied("wrong-password", name=short(user.name))
        await self._settle(self._settled(count))

    async def once(
        self, secret: str, *, password: str | None = None, address: str, agent: str
    ) -> tuple[str, Session]:
        """Sign the administrator in by the one-time link, as `sign_in` does.

        The claim, the account, its password (None: it has none here) and the session are one
        transaction: of any number at once one wins, and a kill leaves a link that is used or
        one that still works.

        Raises:
            Denied: it is not the link, or was used, or is too old.
            Invalid: the password is too short or too long; the link still works.
            Busy: too many tries.
        """
        await self.limits.take({f"link {address}": OF_ADDRESS})
        await self.require_link(secret)
        assert self.first
        user, become = await self.accounts.becoming_administrator(self.administrator, password)
        cookie, session, begin = self.sessions.new(user, address=address, agent=agent)
        try:
            await self.accounts.database.write(attempts.claim(_claim(secret)), *become, *begin)
        except Stale as error:
            raise Denied("link.used") from error
        self.accounts.memory.forget()
        await self.first.discard()
        logger.warning("%s signed in by the one-time link from %s", user.name, address)
        return cookie, session

    async def require_link(self, secret: str) -> None:
        """Let `secret` pass if it is that of the one-time link; looking uses nothing up.

        Raises:
            Denied: it is not the link, or was used, or is too old.
        """
        if self.first is None:
            raise Denied("link.unknown")
        if await self._claimed(_claim(secret)):
            raise Denied("link.used")
        await self.first.require(secret)

    async def forget_used_link(self) -> None:
        """Remove the file of a link that was used, if a kill came before it was removed."""
        secret = await self.first.secret() if self.first else ""
        if self.first and secret and await self._claimed(_claim(secret)):
            await self.first.discard()

    @property
    def administrator(self) -> str:
        """Whom the one-time link signs in."""
        return min(self.rules.admin_users, default="admin")

    async def _claimed(self, claim: str) -> bool:
        return await self.accounts.database.read(attempts.find(claim)) is not None

    async def _checked(self, name: str, password: str, address: str) -> tuple[User, Statements]:
        """Return who it is that may enter, and what is to be written since they were right."""
        asked = normal(stored_as(name[:LONGEST]))
        count = await self._count(asked, address)
        identity = await self.authenticator.authenticate(asked, password)
        if identity is None:
            logger.warning("sign-in failed for %s from %s", short(name), address)
            raise Denied("wrong-password", name=short(name))
        settle = self._settled(count)
        try:
            user = await self._let_in(identity)
        except HubError:  # the password was right all the same
            await self._settle(settle)
            raise
        said = self.states.signed_in(user, identity.auth_state, self.accounts.clock())
        return user, (*settle, *said)

    async def _count(self, name: str, address: str) -> _Count:
        """Count this try before it is made: any number at once are counted one by one.

        What it counts as, beside the address: strangers who guess use up a count that is not the
        one of where the person has signed in before, so they keep nobody out of there.
        """
        home = _home(name, address)
        left = await self.limits.known(home)
        key = f"{_for(name)} there {digest(address)}" if left else _for(name)
        count = _Count((_from(address), key), home, left)
        try:
            await self.limits.take({_from(address): OF_ADDRESS, key: OF_ACCOUNT})
        except Busy as busy:
            logger.warning("too many sign-ins for %s from %s", short(name), address)
            raise Busy(busy.code, **{**busy.params, "name": short(name)}) from busy
        return count

    def _settled(self, count: _Count) -> Statements:
        """Return what takes the count of a right password back: only wrong ones are limited.

        The counts come first: their rows put sign-ins of one address in line, so that of any
        number at once each is Stale once at most.
        """
        given_back = self.limits.given_back(*count.keys)
        if count.left > KNOWN_FOR - _GRAIN:
            return given_back
        return *given_back, *self.limits.remembered(count.home, KNOWN_FOR)

    async def _settle(self, statements: Statements) -> None:
        try:
            await self.accounts.database.write(*statements)
        except Stale:  # the same person was right there at the same time
            await self.accounts.database.write(*statements)

    async def _let_in(self, identity: Identity) -> User:
        name = normal(identity.name)
        user = await self.accounts.named(name)
        refusal = self.rules.refusal(name, user, admin=bool(identity.admin))
        if refusal:
            said = short(name)
            logger.warning("%s (%s) was not let in: %s", said, refusal, _WRITTEN_DOWN[refusal])
            since = user.created.isoformat() if user else None
            raise Denied(refusal, name=said, **({"since": since} if since else {}))
        admin = self.rules.admin(name, said=identity.admin)
        if user is None:
            user = await self._create(name, admin=bool(admin))
        elif isinstance(self.authenticator, Refreshing):
            user = await self.managed.overtake(user)
        return await self.managed.settle(user, identity, admin=admin)

    async def _create(self, name: str, *, admin: bool) -> User:
        try:
            return await self.accounts.create(name, admin=admin)
        except Invalid as error:
            logger.warning("%s was not let in: %s", short(name), error.code)
            raise
        except Conflict:  # they have come twice at the same time
            user = await self.accounts.named(name)
            if user is None:
                raise
            return user


def _for(name: str) -> str:
    return f"name {name}"


def _from(address: str) -> str:
    return f"address {address}"


def _home(name: str, address: str) -> str:
    return f"known {digest(f'{address} {name}')}"


def _claim(secret: str) -> str:
    return f"link {digest(secret)}"
