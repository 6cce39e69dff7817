"""Share codes: links by which whoever has one gets a share of a server, until they expire."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from perijove.core.shares import Shares, With
from perijove.kit.secret import digest, letters
from perijove.model.errors import Conflict, Denied, Stale, Unknown
from perijove.model.server import Server
from perijove.model.share import Share, ShareCode
from perijove.model.user import User
from perijove.store import share_codes as store
from perijove.store.database import Database

SHORTEST, USUAL, LONGEST = timedelta(minutes=1), timedelta(days=1), timedelta(days=365)
"""How long a code is good."""
_SECRET = 32
_LONGEST_SECRET = 256
_RACES = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareCodes:
    """Makes, exchanges and revokes them. The code itself is kept nowhere."""

    database: Database
    shares: Shares

    async def of_owner(self, owner: User) -> list[ShareCode]:
        """Return the codes of every server of `owner` that are good now, the oldest first."""
        return await self.database.read(store.of_owner(owner.id, self.shares.clock()))

    async def of_server(self, server: Server) -> list[ShareCode]:
        """Return the codes of `server` that are good now, the oldest first."""
        return await self.database.read(store.of_server(server.id, self.shares.clock()))

    async def make(
        self, server: Server, scopes: Iterable[str], life: timedelta
    ) -> tuple[ShareCode, str]:
        """Return a new code for what the scopes called `scopes` allow, and its secret.

        Raises:
            Unknown: the server is gone.
        """
        now, secret = self.shares.clock(), letters(_SECRET)
        code = ShareCode(
            id=self.shares.ids(),
            server=server,
            scopes=tuple(sorted(set(scopes))),
            created=now,
            expires=now + life,
        )
        try:
            await self.database.write(store.purge(now), store.add(code, digest(secret)))
        except Stale as error:
            raise Unknown from error
        return code, secret

    async def offered(self, secret: str, user: User) -> ShareCode:
        """Return the code that `secret` is, if `user` may exchange it.

        Raises:
            Unknown: there is none, it has expired, or its owner was shut out.
            Denied: it is for a server of their own.
        """
        code = await self._find(secret)
        if code is None:
            raise Unknown("share-code.unknown")
        if code.server.user_id == user.id:
            raise Denied("share.own")
        return code

    async def exchange(self, secret: str, user: User) -> Share:
        """Give `user` the share that the code is for; one who has it keeps what they have.

        Raises:
            Unknown, Denied: as `offered`.
        """
        for _ in range(_RACES):
            code, them = await self.offered(secret, user), With(user=user)
            share, change = await self.shares.giving(code.server, code.scopes, them, accepted=True)
            try:
                await self.shares.write(store.use(code.id, self.shares.clock()), *change)
            except Stale:  # it was revoked, or the share was changed meanwhile
                await self.shares.require_there(code.server, them)
                continue
            return share
        raise Conflict

    async def revoke(self, server: Server, *, id: int | None = None, secret: str = "") -> None:
        """Let a code be good for nothing any more; who has come with it keeps the share.

        Raises:
            Unknown: `server` has none such.
        """
        code = store.remove_secret(server.id, digest(secret)) if id is None else None
        try:
            await self.database.write(code or store.remove(server.id, id or 0))
        except Stale as error:
            raise Unknown("share-code.unknown") from error

    async def revoke_all(self, server: Server) -> None:
        """Let no code of `server` be good for anything any more."""
        await self.database.write(store.remove_of_server(server.id))

    async def _find(self, secret: str) -> ShareCode | None:
        if not secret or len(secret) > _LONGEST_SECRET:
            return None
        return await self.database.read(store.find(digest(secret), self.shares.clock()))
