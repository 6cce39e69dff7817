"""Servers of older images, unmodified, each in an environment of its own that is kept by content.

`python -m tests.singleuser.older` makes them; a test that needs one makes it as well.
"""

import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tests.environment import install, kept

_LOCKS = Path(__file__).parents[2] / "requirements"


@dataclass(frozen=True, kw_only=True)
class Generation:
    """What one kind of server does that another does not; all else is the contract."""

    version: str
    """What it says in X-JupyterHub-Version."""
    asks_for_pkce: bool = True
    """Since 6.0; what it asks for, the hub enforces."""
    takes_token_in_url: bool = False
    """Until 5.0, `?token=` was as good as a header."""
    names_its_owner: bool = True
    """Its page is told both who looks and whose server it is: 5.5 does, 4.1 does not."""
    names_its_visitor: bool = True
    """The user of its page is who looks: 4.1 does, in 2.3 it is always the owner."""
    on_jupyter_server_1: bool = False
    """It knows no /api/me, guards no reads, and its own pages may frame it."""


CURRENT = Generation(version="6.1.1")
OLDER = {
    it.version: it
    for it in (
        Generation(version="5.5.4", asks_for_pkce=False),
        Generation(
            version="4.1.6", asks_for_pkce=False, takes_token_in_url=True, names_its_owner=False
        ),
        Generation(
            version="2.3.1",
            asks_for_pkce=False,
            takes_token_in_url=True,
            names_its_owner=False,
            names_its_visitor=False,
            on_jupyter_server_1=True,
        ),
    )
}


def command(version: str) -> list[str]:
    """Return what starts the server of that version; its environment is made if it is not there."""
    lock = _LOCKS / f"singleuser-{version}.txt"

    def fill(python: Path) -> None:
        install(python, "--require-hashes", "-r", lock)

    python = kept("perijove-singleuser", version, lock.read_bytes(), fill)
    return [str(python), "-m", "jupyterhub.singleuser", "--allow-root"]


if __name__ == "__main__":
    for name in OLDER:
        began = time.monotonic()
        command(name)
        sys.stdout.write(f"jupyterhub-singleuser {name}: {time.monotonic() - began:.0f} s\n")
