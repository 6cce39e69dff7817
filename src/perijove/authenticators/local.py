"""Accounts of our own: a password in the database, argon2id."""

import logging
from typing import Protocol

from perijove.authenticators import Identity
from perijove.kit.passwords import Passwords

logger = logging.getLogger(__name__)


class Stored(Protocol):
    """Where passwords are kept; core.accounts."""

    async def password(self, name: str) -> str | None:
        """Return what is stored for `name`, or None."""

    async def rehash(self, name: str, was: str, stored: str) -> None:
        """Store the same password as another hash."""


class LocalAuthenticator:
    """People with a password of ours."""

    name = "perijove.LocalAuthenticator"
    sign_up = True

    def __init__(self, accounts: Stored, passwords: Passwords) -> None:
        self._accounts = accounts
        self._passwords = passwords

    async def authenticate(self, name: str, password: str) -> Identity | None:
        """Return who that is; a hash with outdated parameters is renewed in passing."""
        stored = await self._accounts.password(name)
        if not await self._passwords.verify(stored, password) or stored is None:
            return None
        if self._passwords.outdated(stored):
            await self._accounts.rehash(name, stored, await self._passwords.hash(password))
        return Identity(name)
