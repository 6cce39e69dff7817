"""Sessions: browsers in which people have signed in. Rows, so that signing out ends them."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from perijove.core.held import held
from perijove.core.lives import Lives
from perijove.core.memory import Memory, Shelf
from perijove.core.roles import Roles
from perijove.kit.clock import Clock
from perijove.kit.ids import Ids
from perijove.kit.rarely import Rarely
from perijove.kit.secret import digest, hexadecimal, letters
from perijove.kit.storable import stored_as
from perijove.model.principal import Principal
from perijove.model.token import Session
from perijove.model.user import Standing, User
from perijove.model.visitor import Visitor
from perijove.store import codes, tokens
from perijove.store import sessions as store
from perijove.store.database import Database
from perijove.store.statement import Statements

_SECRET = 43
_LONGEST_SECRET = 256
_LONGEST_ADDRESS, _LONGEST_AGENT = 64, 255
_GRAIN = timedelta(minutes=1)
"""How exact `seen` is."""


@dataclass(slots=True, kw_only=True)
class Sessions:
    """Begins, finds and ends them."""

    database: Database
    clock: Clock
    ids: Ids
    roles: Roles
    memory: Memory
    lives: Lives = field(default_factory=Lives)
    _sweep: Rarely = field(init=False, default_factory=lambda: Rarely(_GRAIN))
    _shelf: Shelf[Visitor] = field(init=False, default_factory=Shelf[Visitor])

    def __post_init__(self) -> None:
        """Let every write that matters empty the shelf."""
        self.memory.add(self._shelf)

    async def begin(
        self, user: User, *, address: str, agent: str, beside: Statements = ()
    ) -> tuple[str, Session]:
        """Return the secret for the cookie jupyterhub-hub-login, and the new session.

        `beside` is written in the same transaction.
        """
        secret, session, add = self.new(user, address=address, agent=agent)
        await self.database.write(*beside, *add)
        return secret, session

    def new(self, user: User, *, address: str, agent: str) -> tuple[str, Session, Statements]:
        """Return the same, and what writes it, for a transaction that writes more."""
        now = self.clock()
        session = Session(
            id=self.ids(),
            user_id=user.id,
            session=hexadecimal(),
            created=now,
            seen=now,
            expires=now + self.lives.session,
            address=address[:_LONGEST_ADDRESS],
            agent=stored_as(agent[:_LONGEST_AGENT]),
        )
        secret = letters(_SECRET)
        swept = (store.purge(now),) if self._sweep(now) else ()  # it looks at every row
        return secret, session, (*swept, store.add(session, digest(secret)))

    async def visitor(self, secret: str, *, seen: bool = True) -> Visitor | None:
        """Return who shows the cookie `secret`, or None.

        `seen`: it is written now and then that they were here.
        """
        if not secret or len(secret) > _LONGEST_SECRET:
            return None
        key, now = digest(secret), self.clock()
        times_cleared = self._shelf.times_cleared
        visitor = self._shelf.get(key, now)
        if visitor is None:
            visitor = await self._read(key, seen=seen)
            if visitor:
                self._shelf.put(key, visitor, now, times_cleared)
        return visitor if visitor and visitor.session.expires > now else None

    async def of(self, user: User) -> list[Session]:
        """Return the sessions of `user`, the last seen first."""
        now = self.clock()
        found = await self.database.read(store.of(user.id))
        return [session for session in found if session.expires > now]

    async def end(self, session: Session) -> None:
        """Sign out: end the session, and every token and code that was given under it."""
        await self.database.write(*_ends(session))
        self.memory.forget()

    async def end_before(self, user: User, begun: datetime) -> int:
        """End the sessions of `user` that had begun by then, as `end`; return how many."""
        old = [it for it in await self.database.read(store.of(user.id)) if it.created <= begun]
        await self.database.write(*(statement for it in old for statement in _ends(it)))
        self.memory.forget()
        return len(old)

    async def end_all(self, user: User, *, keep: Session | None = None) -> None:
        """End every session and token of `user` but those of `keep`; servers keep theirs."""
        await self.database.write(*ending(user, keep))
        self.memory.forget()

    async def _read(self, key: str, *, seen: bool) -> Visitor | None:
        found = await self.database.read(store.found(key))
        if found is None or found[1].standing is not Standing.ACTIVE:
            return None
        session, user = found
        now = self.clock()
        if seen and now - session.seen >= _GRAIN and session.expires > now:
            await self.database.write(store.see(session.id, now))
        principal = await self._principal(user, session)
        return Visitor(user=user, session=session, principal=principal)

    async def _principal(self, user: User, session: Session) -> Principal:
        return Principal(
            name=user.name,
            kind="user",
            user_id=user.id,
            groups=user.groups,
            admin=user.admin,
            scopes=await held(self.database, self.roles, user, self.clock()),
            session=session.session,
            user=user,
            cookie=True,
        )


def _ends(session: Session) -> Statements:
    return (
        store.remove(session.id),
        codes.remove_of_session(session.user_id, session.session),
        tokens.remove_of_session(session.user_id, session.session),
    )


def ending(user: User, keep: Session | None = None) -> Statements:
    """Return what ends every session and token of `user` but those of `keep`."""
    but = keep.session if keep else ""
    return (
        store.remove_all(user.id, but),
        codes.remove_all(user.id, but),
        tokens.remove_all_but(user.id, but),
    )
