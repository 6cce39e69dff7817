"""The one-time link by which the first administrator signs in, before anybody has a password."""

import asyncio
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from perijove.kit.clock import Clock
from perijove.model.errors import Denied

LIFE = timedelta(hours=24)
_ROUNDING = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstLink:
    """A file that holds the secret, written by `perijove up`; its age is that of the link."""

    path: Path
    clock: Clock

    async def require(self, secret: str) -> None:
        """Let `secret` pass if it is that of the link.

        Raises:
            Denied: it is not, or it is too old.
        """
        known, written_at = await asyncio.to_thread(self._read)
        if not known or not hmac.compare_digest(known.encode(), secret.encode("utf-8", "replace")):
            raise Denied("link.unknown")
        if self.clock() - written_at > LIFE + _ROUNDING:
            raise Denied("link.expired", hours=LIFE // timedelta(hours=1))

    async def secret(self) -> str:
        """Return the secret of the link; '' if there is none."""
        return (await asyncio.to_thread(self._read))[0]

    async def discard(self) -> None:
        """Remove the file: the link was used, which the database knows already."""
        await asyncio.to_thread(self.path.unlink, missing_ok=True)

    def _read(self) -> tuple[str, datetime]:
        try:
            text = self.path.read_text("utf-8").strip()
            changed = self.path.stat().st_mtime
        except (FileNotFoundError, UnicodeDecodeError):
            return "", datetime.fromtimestamp(0, UTC)
        return text, datetime.fromtimestamp(changed, UTC)
