"""Accounts: every person as a Unix account of their own, made when they first start a server.

An account that is made here is called `jupyter-<name>`, never `<name>`: who signs up as `mysql`
or `docker` would else own that program, or its group, once it is installed; and who signs up as
`bob` would get the files of a Bob whom this machine has known for years. An account that is
somebody's already is used only where the administrator has said whose it is (`people.users`).

Nothing is kept: that an account is ours, and whose, is said by its comment, which is written with
it in one line. So a person keeps the same account whatever becomes of the data directory, and one
who gets the name of a deleted person gets another account. Every step may be repeated.
"""

import asyncio
import fcntl
import os
import re
import shutil
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

from perijove.kit.slugs import slug
from perijove.model.errors import Refused
from perijove.model.workload import Origin
from perijove.spawners import passwd
from perijove.spawners.housing import house
from perijove.spawners.passwd import Account
from perijove.spawners.resident import Resident

GroupsOf: TypeAlias = Callable[[int], Awaitable[Collection[str]]]
"""Takes the id of a person, and returns the groups of Perijove that they are in."""

GIVEN = "accounts"
"""Of the traits: not one of KubeSpawner's, for pods have no accounts."""
_PERSON, _GROUP = "jupyter-", "jupyter_"
"""What names begin with that are made here; no name begins with both."""
_MARK = "Perijove person "
_LONGEST = 32
_MOST = 100
"""How many names are tried."""
_HOME = re.compile(r"(\d+)-([a-z0-9-]+)")
_ALMOST_ROOT = (
    "root", "wheel", "sudo", "admin", "docker", "podman", "lxd", "incus-admin", "libvirt", "disk",
    "shadow", "kmem",
)  # fmt: skip
"""Groups whose members can become root, or read what only root may."""
_RUN = Path("/run/perijove")
_PRIVATE = Path(__file__).parents[1] / "singleuser" / "private"
"""Configuration for Jupyter that keeps kernels off ports, which other accounts can reach."""


class Accounts:
    """The accounts of the people of one instance."""

    def __init__(
        self, instance: str, groups_of: GroupsOf, traits: Mapping[str, Any], run: Path = _RUN
    ) -> None:
        """`traits`: as in `renew`; `run`: for sockets and locks."""
        self._instance = instance
        self._groups_of = groups_of
        self._run = run
        self._users = dict[str, str]()
        self.renew(traits)

    def renew(self, traits: Mapping[str, Any]) -> None:
        """Go by the accounts that people have already, by person, from now on."""
        self._given: Mapping[str, str] = traits.get(GIVEN, {})

    async def make(self, origin: Origin) -> None:
        """Make what a server of this person needs: account, home, groups, folder for sockets.

        Raises:
            Refused: the account they were given is none for a person, or the home is another's.
            OSError: it cannot be made now.
        """
        self._users[origin.home] = origin.user
        groups = await self._groups_of(origin.user_id)
        await asyncio.to_thread(self._make, origin.home, groups)

    def resident(self, origin: Origin) -> Resident:
        """Return as whom the servers of a person run, once that was made.

        Raises:
            OSError: it is not there, yet or any more.
            Refused: as for `make`.
        """
        self._users[origin.home] = origin.user
        account = self._theirs(origin.home)
        if account is None:
            raise FileNotFoundError(f"the Unix account for {origin.home} is not there")
        groups = ",".join(map(str, account.groups))
        return Resident(
            account=account.name,
            home=account.home,
            shell=account.shell,
            becomes=f"{account.uid}:{account.gid}:{groups}",
            owner=(account.uid, account.gid),
            environment={
                "JUPYTER_RUNTIME_DIR": str(self._sockets(account)),
                "JUPYTER_CONFIG_PATH": str(_PRIVATE),
            },
        )

    def path(self, home: str) -> Path:
        """Return where `home` is; somewhere that is not there if its account is not."""
        given = self._given_to(home)
        account = passwd.named(given) if given else self._made(home)
        return account.home if account else _RUN / home

    async def retire(self, home: str) -> None:
        """Let nobody sign in to the account of a deleted person; it keeps its files.

        An account that was not made here is left alone.
        """
        await asyncio.to_thread(self._retire, home)

    def _make(self, home: str, groups: Collection[str]) -> None:
        with self._alone():
            account = self._theirs(home) or self._new(home)
            house(account, ours=self._given_to(home) is None)
            _join(account, {f"{_GROUP}{slug(name)}" for name in groups})
            sockets = self._sockets(account)
            sockets.mkdir(mode=0o700, exist_ok=True)
            os.chown(sockets, account.uid, account.gid, follow_symlinks=False)

    def _theirs(self, home: str) -> Account | None:
        """Return the account of a person, if there is one."""
        given = self._given_to(home)
        return self._fit(given, home) if given else self._made(home)

    def _given_to(self, home: str) -> str | None:
        """Return the account that the person of `home` was given.

        By their whole name where it is known: a name can be made whose slug is another's.
        """
        if home in self._users:
            return self._given.get(self._users[home])
        whose = _parts(home)[1]
        return next((it for person, it in self._given.items() if slug(person) == whose), None)

    def _made(self, home: str) -> Account | None:
        """Return the account that was made for the person of `home`, if it was."""
        mark, names = self._mark(home), frozenset(_names(home))
        found = (it for it in passwd.accounts() if it.comment == mark and it.name in names)
        return next((it for it in found if it.uid >= passwd.FIRST), None)

    def _new(self, home: str) -> Account:
        for name in _names(home):
            if _free(name):
                if passwd.group_named(name) is None:
                    passwd.add_group(name)
                passwd.add(name, self._mark(home))
                break
        made = self._made(home)
        if made is None:
            raise passwd.Failed(f"no account for {home} could be made")
        return made

    def _fit(self, name: str, home: str) -> Account:
        """Return the account that a person was given, if it may be used.

        Raises:
            Refused: it may not.
        """
        account = passwd.named(name)
        if account is None:
            raise Refused("account.missing", account=name)
        if account.uid < passwd.FIRST or account.uid == passwd.NOBODY:
            raise Refused("account.system", account=name)
        if account.comment.startswith(_MARK) and account.comment != self._mark(home):
            raise Refused("account.taken", account=name)
        inside = set(account.groups)
        group = next((it for it in _ALMOST_ROOT if passwd.group_named(it) in inside), None)
        if group:
            raise Refused("account.privileged", account=name, group=group)
        return account

    def _retire(self, home: str) -> None:
        with self._alone():
            account = self._made(home)
            if account is not None:
                passwd.lock(account.name)

    def _mark(self, home: str) -> str:
        return f"{_MARK}{_parts(home)[0]} of {self._instance}"

    def _sockets(self, account: Account) -> Path:
        """Return the folder for sockets of an account: a short path, for those have to be."""
        return self._run / str(account.uid)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold a lock of this machine: every instance writes to the same files."""
        self._run.mkdir(parents=True, exist_ok=True)
        self._run.chmod(0o755)  # whatever our umask is
        lock = os.open(self._run / "lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)


def unmake(user: str) -> None:
    """Remove the account of somebody who was never there, with its home: that of a trial.

    Raises:
        OSError: it cannot be removed.
    """
    for account in list(passwd.accounts()):
        if account.name == f"{_PERSON}{slug(user)}" and account.comment.startswith(_MARK):
            passwd.remove(account.name)
            shutil.rmtree(_RUN / str(account.uid), ignore_errors=True)


def _parts(home: str) -> tuple[str, str]:
    """Return the id of a person and their slug, as core.place has made a home's name of them.

    Raises:
        Refused: that is no name of a home.
    """
    found = _HOME.fullmatch(home)
    if found is None:
        raise Refused
    return found[1], found[2]


def _names(home: str) -> Iterator[str]:
    """Yield what the account of a person may be called, the best first."""
    base = f"{_PERSON}{_parts(home)[1]}"
    yield base
    for number in range(1, _MOST):
        suffix = f"---{number}"
        yield f"{base[: _LONGEST - len(suffix)]}{suffix}"


def _free(name: str) -> bool:
    """Return whether an account, and a group of its own, may have this name.

    A group that nobody is in is left of a start that was cut short.
    """
    if passwd.named(name) is not None:
        return False
    gid = passwd.group_named(name)
    if gid is None:
        return True
    ours = next((it for it in passwd.groups() if it.name == name), None)
    used = any(it.gid == gid for it in passwd.accounts())
    return ours is not None and gid >= passwd.FIRST and not ours.members and not used


def _join(account: Account, wanted: set[str]) -> None:
    """Let `account` be in the `wanted` of our groups, and in no other of ours."""
    for name in sorted(wanted):
        if passwd.group_named(name) is None:
            passwd.add_group(name)
    now = {it.name for it in passwd.groups() if account.name in it.members}
    then = {name for name in now if not name.startswith(_GROUP)} | wanted
    local = any(it.name == account.name for it in passwd.accounts())
    if now != then and local:
        passwd.join(account.name, frozenset(then))
