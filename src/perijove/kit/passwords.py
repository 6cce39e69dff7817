"""Passwords: argon2id, a few at a time and never in the event loop."""

import asyncio
import secrets
from concurrent.futures import ThreadPoolExecutor

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

_AT_ONCE = 2
"""One hash takes 64 MiB and a tenth of a second; more at once would starve the hub."""


class Passwords:
    """Hashes and verifies, in threads of its own that start when first needed."""

    def __init__(self, hasher: PasswordHasher | None = None, at_once: int = _AT_ONCE) -> None:
        self._hasher = hasher or PasswordHasher()
        self._pool = ThreadPoolExecutor(at_once, thread_name_prefix="argon2")
        self._nobody = ""

    async def hash(self, password: str) -> str:
        """Return what is stored for `password`."""
        return await asyncio.get_running_loop().run_in_executor(
            self._pool, self._hasher.hash, _bytes(password)
        )

    async def verify(self, stored: str | None, password: str) -> bool:
        """Return whether `password` is the one; without `stored` it is not, but takes as long."""
        return await asyncio.get_running_loop().run_in_executor(
            self._pool, self._verify, stored, _bytes(password)
        )

    def outdated(self, stored: str) -> bool:
        """Return whether `stored` was made with other parameters than today's."""
        return self._hasher.check_needs_rehash(stored)

    def close(self) -> None:
        """Let the threads end when they have finished."""
        self._pool.shutdown(wait=False)

    def _verify(self, stored: str | None, password: bytes) -> bool:
        try:
            self._hasher.verify(stored or self._stand_in(), password)
        except (VerificationError, InvalidHashError):
            return False
        return stored is not None

    def _stand_in(self) -> str:
        """Return the hash of nobody's password."""
        self._nobody = self._nobody or self._hasher.hash(secrets.token_bytes(16))
        return self._nobody


def _bytes(password: str) -> bytes:
    return password.encode("utf-8", "surrogatepass")
