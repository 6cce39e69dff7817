"""Migrate in a process of its own: the 9 MiB that takes are not kept while a hub runs."""

import asyncio
import subprocess
import sys

from perijove.model.errors import HubError
from perijove.store.open import needs_migration, open_database


def bring_up_to_date(url: str) -> None:
    """Migrate the database at `url` if it needs that.

    Nothing is said if it cannot be: whoever opens the database tries it again, and says why.
    """
    if _needs(url):
        command = [sys.executable, "-P", "-m", __spec__.name]
        subprocess.run(command, input=url.encode(), capture_output=True, check=False)  # noqa: S603 - ours


def _needs(url: str) -> bool:
    try:
        return asyncio.run(needs_migration(url))
    except (HubError, OSError):
        return False


async def _migrate(url: str) -> None:
    await (await open_database(url)).close()


if __name__ == "__main__":
    asyncio.run(_migrate(sys.stdin.read()))
