"""Resident: as whom a server runs on this machine, and where its files are."""

import os
import pwd
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Resident:
    """One Unix account, with a home."""

    account: str
    home: Path
    shell: str
    becomes: str = ""
    """Numbers of the account that the launcher turns into (launcher.become); '': it stays."""
    owner: tuple[int, int] | None = None
    """Of what is made for it, as uid and gid; None: as it comes."""
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    """What else its servers are told."""


def at_home(home: Path) -> Resident:
    """Return the account that runs the hub, with this home: all people share it."""
    it = pwd.getpwuid(os.getuid())
    return Resident(account=it.pw_name, home=home, shell=it.pw_shell)
