"""Auth states: what the authenticator says of people beside their name, kept encrypted.

Tokens of the place where they sign in, mostly. They are in no list, no log and no entry of the
audit log, and servers are given nothing of them.
"""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from perijove.core.names import short
from perijove.kit.keyring import KeyRing, Unreadable
from perijove.model.errors import Invalid, Stale, Unknown
from perijove.model.user import User
from perijove.store import auth_states as store
from perijove.store.database import Database
from perijove.store.statement import Statements

logger = logging.getLogger(__name__)

MOST = 500_000
"""Bytes of its JSON: tokens take some thousand, and a body of the API holds a million."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeping:
    """Whether they are kept: Authenticator.enable_auth_state, CryptKeeper.keys."""

    enabled: bool = False
    keys: tuple[bytes, ...] = field(default=(), repr=False)


class AuthStates:
    """Writes and reads them. While they are not enabled, what is there is neither."""

    def __init__(self, database: Database, keeping: Keeping) -> None:
        self.database = database
        self.renew(keeping)

    def renew(self, keeping: Keeping) -> None:
        """Go by `keeping` from now on."""
        self._ring = KeyRing(keeping.keys) if keeping.enabled and keeping.keys else None

    @property
    def enabled(self) -> bool:
        """Return whether they are kept."""
        return self._ring is not None

    async def of(self, user: User) -> dict[str, Any] | None:
        """Return that of `user`; None: there is none, or none that can be read."""
        try:
            return await self.read(user)
        except Unreadable:
            return None

    async def read(self, user: User) -> dict[str, Any] | None:
        """Return that of `user`; None: there is none, or they are not kept here.

        Raises:
            Unreadable: there is one, and no key opens it; the log says so.
        """
        if self._ring is None:
            return None
        kept = await self.database.read(store.find(user.id))
        if kept is None or kept.sealed is None:
            return None
        try:
            found = self._ring.open(kept.sealed)
        except Unreadable:
            logger.warning(
                "the auth state of %s cannot be decrypted, so nobody sees it; it is kept. Add the"
                " key it was encrypted with to the end of CryptKeeper.keys, or let them sign in"
                " again",
                short(user.name),
            )
            raise
        return found if isinstance(found, dict) else None

    async def put(self, user: User, state: Mapping[str, Any] | None) -> None:
        """Keep another one of `user`; None: none.

        Raises:
            Invalid: they are not kept here, or it is too large.
            Unknown: they are gone.
        """
        sealed = None if state is None else self.sealed(state)
        try:
            await self.database.write(*store.keep(user.id, sealed))
        except Stale as error:
            raise Unknown from error

    def sealed(self, state: Mapping[str, Any]) -> str:
        """Return what is stored for `state`.

        Raises:
            Invalid: they are not kept here, it is too large, or no JSON.
        """
        if self._ring is None:
            raise Invalid("auth-state.off")
        try:
            size = len(json.dumps(state, ensure_ascii=False, allow_nan=False).encode())
        except (TypeError, ValueError, RecursionError) as error:
            raise Invalid("auth-state.odd") from error
        if size > MOST:
            raise Invalid("auth-state.large", most=MOST, size=size)
        return self._ring.seal(state)

    def given(self, user: User, state: Mapping[str, Any] | None) -> str | None:
        """Return what is stored for what the authenticator says; None: that nothing is changed."""
        if state is None or self._ring is None:
            return None
        try:
            return self.sealed(state)
        except Invalid as error:
            words = "the authenticator says of %s what cannot be kept (%s), so it stays as it was"
            logger.warning(words, short(user.name), error.code)
            return None

    def signed_in(self, user: User, state: Mapping[str, Any] | None, now: datetime) -> Statements:
        """Return what writes down with what `user` has signed in."""
        return store.signed_in(user.id, now, self.given(user, state))
