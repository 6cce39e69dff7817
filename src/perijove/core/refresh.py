"""Refresh: now and then the authenticator is asked again who somebody is, where it can be asked.

Of any number of hubs and requests one asks at a time: a row says until when. What it cannot say
is unknown, which is never "gone": all stays as it was, and it is asked again half a minute later.
A start waits for the answer that another is about to get; all else goes on meanwhile.
"""

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum, auto
from functools import cache

from perijove.authenticators import Identity, Refreshing
from perijove.core.auth_states import AuthStates
from perijove.core.login import Login
from perijove.core.names import normal, short
from perijove.core.sessions import Sessions
from perijove.kit.keyring import Unreadable
from perijove.model.errors import Denied, HubError, Stale, Unavailable, Unknown
from perijove.model.user import NEVER, User
from perijove.store import auth_states as store
from perijove.store.statement import Statement

logger = logging.getLogger(__name__)

_PATIENCE = 10.0
"""Seconds in which it must answer."""
_PAUSE = timedelta(seconds=30)
"""For how long nobody asks again when nothing was known."""
_LEASE = _PAUSE + timedelta(seconds=_PATIENCE)
"""For how long nobody else asks; once no more than the pause is left of it, nobody does."""
_LOOK = 0.1
"""Seconds between two looks whether another has been answered."""


@cache
def _can_be_asked(authenticator: type) -> bool:
    """Return it from memory: every request asks, and to look at a protocol takes long."""
    return issubclass(authenticator, Refreshing)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """When it is asked: Authenticator.auth_refresh_age and kin."""

    age: timedelta = timedelta(seconds=300)
    """How old an answer may be; 0: it is never asked again."""
    before_starts: bool = False
    strict: bool = False
    """Refuse to start what it does not answer for."""


class _Answer(Enum):
    KNOWN = auto()
    GONE = auto()
    UNKNOWN = auto()


@dataclass(slots=True, kw_only=True)
class Refresh:
    """Asks, and does what the answer says."""

    login: Login
    states: AuthStates
    sessions: Sessions
    asking: Asking = field(default_factory=Asking)

    def due(self, user: User) -> bool:
        """Return whether it is to be asked of `user`, who has just come."""
        now = self._now()
        if not self._asks or (user.asking is not None and user.asking > now):
            return False
        return user.refreshed is None or now - user.refreshed >= self.asking.age

    def gone(self, user: User) -> bool:
        """Return whether the last that it said of `user` is that they have to sign in again."""
        return self._asks and user.refreshed == NEVER

    async def still(self, user: User) -> bool:
        """Ask; return False if `user` was signed out by the answer."""
        now = self._now()
        claim = store.claim_old(user.id, now, now + _LEASE, user.refreshed or NEVER)
        return await self._asked(user, claim, now) is not _Answer.GONE

    async def before_start(self, user: User, *, themselves: bool) -> User:
        """Return `user` as they are now, whose server is to be started.

        `themselves`: it is them who ask, in a browser, so that they can sign in again.

        Raises:
            Denied: they have to sign in again.
            Unavailable: it cannot be asked, and `strict` wants an answer.
        """
        if not self.asking.before_starts or not self._asks:
            return user
        strict = self.asking.strict
        answer = await self._heard(user, signs_out=themselves)
        if answer is _Answer.GONE and (themselves or strict):
            raise Denied("signin.again", name=short(user.name))
        if answer is _Answer.UNKNOWN and strict:
            again = int(_PAUSE.total_seconds())
            raise Unavailable("signin.unknown", name=short(user.name), retry_after=again)
        if answer is _Answer.GONE:
            logger.warning("%s has to sign in again; their server starts as before", user.name)
        return await self._row(user)

    @property
    def _asks(self) -> bool:
        return bool(self.asking.age) and _can_be_asked(type(self.login.authenticator))

    def _now(self) -> datetime:
        return self.sessions.clock()

    async def _asked(self, user: User, claim: Statement[None], now: datetime) -> _Answer:
        if not await self._claims(claim):  # somebody else asks, or has in vain a moment ago
            return _Answer.UNKNOWN
        return await self._claimed(user, now)

    async def _heard(self, user: User, *, signs_out: bool) -> _Answer:
        """Ask, or wait for what another is told who asks already."""
        ends = asyncio.get_running_loop().time() + _PATIENCE
        while True:
            now = self._now()
            if await self._claims(store.claim(user.id, now, now + _LEASE)):
                return await self._claimed(user, now, signs_out=signs_out)
            told = await self._told(user, ends)
            if told is not None:
                return told

    async def _told(self, user: User, ends: float) -> _Answer | None:
        """Return what another is told who asks already; None: nothing, and nobody asks any more.

        `ends`: when patience does, by the clock of the loop.
        """
        loop = asyncio.get_running_loop()
        was = seen = await self._row(user)
        while seen.asking is not None and seen.asking == was.asking:
            if seen.asking - self._now() <= _PAUSE or loop.time() >= ends:
                return _Answer.UNKNOWN
            await asyncio.sleep(_LOOK)
            seen = await self._row(user)
        if seen.refreshed == was.refreshed:
            return None
        return _Answer.GONE if seen.refreshed == NEVER else _Answer.KNOWN

    async def _row(self, user: User) -> User:
        found = await self.login.accounts.by_id(user.id)
        if found is None:
            raise Unknown
        return found

    async def _claims(self, claim: Statement[None]) -> bool:
        try:
            await self.sessions.database.write(claim)
        except Stale:
            return False
        return True

    async def _claimed(self, user: User, now: datetime, *, signs_out: bool = True) -> _Answer:
        until = now + _LEASE
        said = await self._said(user)
        if said is None:
            return await self._in_vain(user, until)
        if said is False:
            if signs_out:
                await self._sign_out(user, now)
            await self._answered(user, until, None, refreshed=False)
            return _Answer.GONE
        try:
            if isinstance(said, Identity):
                await self._settle(user, said, until)
        except Stale:
            logger.info("%s has signed in meanwhile", short(user.name))
            return _Answer.UNKNOWN
        except HubError as error:
            logger.warning("cannot write what is said of %s: %s", short(user.name), error.code)
            return await self._in_vain(user, until)
        await self._answered(user, until, said if isinstance(said, Identity) else None)
        return _Answer.KNOWN

    async def _in_vain(self, user: User, until: datetime) -> _Answer:
        """Let nobody ask for a while, and whoever waits for this answer wait no more."""
        now = self._now()
        with suppress(Stale):  # they have signed in anew meanwhile
            await self.sessions.database.write(
                store.hold(user.id, until),
                store.drop(user.id),
                store.claim(user.id, now, now + _PAUSE),
            )
        return _Answer.UNKNOWN

    async def _said(self, user: User) -> Identity | bool | None:
        """Return what the authenticator says; None: nothing that can be used."""
        authenticator = self.login.authenticator
        assert isinstance(authenticator, Refreshing)
        try:
            state = await self.states.read(user)
        except Unreadable:  # nor can it know without it whether it is still them
            return None
        try:
            async with asyncio.timeout(_PATIENCE):
                said = await authenticator.refresh_user(user.name, state)
        except Exception as error:  # noqa: BLE001 - whatever it is, nothing is known by it
            # Its text may hold what it was given, and that is secret.
            words = "cannot ask who %s is now (%s); all stays as it was, until a later try"
            logger.warning(words, short(user.name), type(error).__name__)
            return None
        if isinstance(said, Identity) and normal(said.name) != user.name:
            words = "asked of %s, the authenticator speaks of %s; all stays as it was"
            logger.warning(words, short(user.name), short(said.name))
            return None
        return said

    async def _settle(self, user: User, said: Identity, until: datetime) -> None:
        admin = self.login.rules.admin(user.name, said=said.admin)
        still = (store.hold(user.id, until),)
        await self.login.managed.settle(user, said, admin=admin, still=still)

    async def _answered(
        self, user: User, until: datetime, said: Identity | None, *, refreshed: bool = True
    ) -> None:
        sealed = self.states.given(user, said.auth_state) if said else None
        at = self._now() if refreshed else NEVER
        try:
            await self.sessions.database.write(*store.answered(user.id, until, at, sealed))
        except Stale:  # they have signed in anew meanwhile, which is news of a later time
            logger.info("%s has signed in meanwhile", short(user.name))
        self.sessions.memory.forget()

    async def _sign_out(self, user: User, before: datetime) -> None:
        ended = await self.sessions.end_before(user, before)
        words = "%s has to sign in again, the authenticator says: %d sessions ended"
        logger.warning(words, short(user.name), ended)
