"""The accounts and groups of this machine: look them up, make them, change them; only root can.

What is made here is in /etc/passwd and /etc/group, so that is where it is looked for: a name
service may be slow to know of it. See passwd(5), group(5), useradd(8).
"""

import grp
import os
import pwd
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

FIRST = 1000
"""The first uid and gid of people: those below are the system's (login.defs(5))."""
NOBODY = 65534
PROGRAMS = ("useradd", "usermod", "groupadd")
SEARCHED = "/usr/sbin:/usr/bin:/sbin:/bin"
"""Where they are; an ordinary PATH lacks the first."""
_SHELLS = ("/bin/bash", "/bin/sh")
_PATIENCE = 60.0
"""Seconds; they wait for each other for up to 15."""
_FIELDS_OF_ACCOUNT, _FIELDS_OF_GROUP = 7, 4


class Failed(OSError):
    """One of the programs said no: another may be writing, the disk may be full."""


@dataclass(frozen=True, slots=True)
class Account:
    """One line of passwd."""

    name: str
    uid: int
    gid: int
    comment: str
    home: Path
    shell: str

    @property
    def groups(self) -> tuple[int, ...]:
        """Return every group that it is in, its own among them."""
        return tuple(os.getgrouplist(self.name, self.gid))


@dataclass(frozen=True, slots=True)
class Group:
    """One line of group."""

    name: str
    gid: int
    members: frozenset[str]


def named(name: str) -> Account | None:
    """Return the account of that name, wherever it is kept."""
    try:
        it = pwd.getpwnam(name)
    except KeyError:
        return None
    return Account(it.pw_name, it.pw_uid, it.pw_gid, it.pw_gecos, Path(it.pw_dir), it.pw_shell)


def accounts(root: Path = Path("/")) -> Iterator[Account]:
    """Yield the accounts that are kept on this machine."""
    for fields in _lines(root / "etc/passwd", _FIELDS_OF_ACCOUNT):
        name, _, uid, gid, comment, home, shell = fields
        with suppress(ValueError):  # a line for NIS
            yield Account(name, int(uid), int(gid), comment, Path(home), shell)


def groups(root: Path = Path("/")) -> Iterator[Group]:
    """Yield the groups that are kept on this machine."""
    for name, _, gid, members in _lines(root / "etc/group", _FIELDS_OF_GROUP):
        with suppress(ValueError):
            yield Group(name, int(gid), frozenset(filter(None, members.split(","))))


def group_named(name: str) -> int | None:
    """Return the number of the group of that name, wherever it is kept."""
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        return None


def add_group(name: str) -> None:
    """Make a group.

    Raises:
        Failed: it cannot be made now.
    """
    _run("groupadd", name)


def add(name: str, comment: str) -> None:
    """Make an account without a password and without a home; its own group must be there.

    Raises:
        Failed: it cannot be made now.
    """
    shell = next((it for it in _SHELLS if Path(it).exists()), _SHELLS[-1])
    _run("useradd", "--gid", name, "--no-create-home", "--comment", comment, "--shell", shell, name)


def join(name: str, of: frozenset[str]) -> None:
    """Make an account a member of these groups, and of no other but its own.

    Raises:
        Failed: it cannot be changed now.
    """
    _run("usermod", "--groups", ",".join(sorted(of)), name)


def lock(name: str) -> None:
    """Let nobody sign in to an account any more, with whatever key.

    Raises:
        Failed: it cannot be changed now.
    """
    _run("usermod", "--lock", "--expiredate", "1", name)


def remove(name: str) -> None:
    """Remove an account with its home.

    Raises:
        Failed: it cannot be removed now.
    """
    _run("userdel", "--remove", name)


def _run(program: str, *arguments: str) -> None:
    try:
        subprocess.run(  # noqa: S603 - names are ours, or were looked up
            [program, *arguments], env={"PATH": SEARCHED, "LC_ALL": "C"}, check=True,
            stdin=subprocess.DEVNULL, capture_output=True, timeout=_PATIENCE,
        )  # fmt: skip
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode(errors="replace").strip()
        raise Failed(f"{program}: {said or f'exit code {error.returncode}'}") from error
    except subprocess.TimeoutExpired as error:
        raise Failed(f"{program} did not end") from error


def _lines(file: Path, count: int) -> Iterator[list[str]]:
    for line in file.read_text(errors="replace").splitlines():
        fields = line.split(":")
        if len(fields) == count:
            yield fields
