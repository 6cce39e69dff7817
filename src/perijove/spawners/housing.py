"""Housing: the home of a Unix account, made once, and never taken from anybody."""

import os
import pwd
import shutil
from contextlib import suppress
from pathlib import Path

from perijove.model.errors import Refused
from perijove.spawners.passwd import Account

_SKELETON = Path("/etc/skel")
_PRIVATE = 0o700


def house(account: Account, *, ours: bool) -> None:
    """Let `account` have its home, which nobody else can read if the account is `ours`.

    Raises:
        Refused: there is none, or it is somebody else's.
        OSError: it cannot be made now.
    """
    try:
        home = _opened(account, ours=ours)
    except FileNotFoundError:
        if not ours:
            raise Refused("account.no-home", account=account.name) from None
        _build(account)
        home = _opened(account, ours=ours)
    try:
        _take(home, account, ours=ours)
    finally:
        os.close(home)


def _opened(account: Account, *, ours: bool) -> int:
    """Return the home as a file descriptor, so that it cannot be exchanged any more."""
    links = os.O_NOFOLLOW if ours else 0  # of others, /home/ada may lead to a larger disk
    try:
        return os.open(account.home, os.O_RDONLY | os.O_DIRECTORY | links)
    except NotADirectoryError:  # also where a link was not followed
        raise Refused("account.no-home", account=account.name) from None


def _take(home: int, account: Account, *, ours: bool) -> None:
    seen = os.fstat(home)
    if seen.st_uid != account.uid:
        if not (ours and seen.st_uid == 0 and not os.listdir(home)):
            raise Refused("account.home-owner", account=account.name, owner=_name(seen.st_uid))
        os.fchown(home, account.uid, account.gid)
    if ours and seen.st_mode & 0o777 != _PRIVATE:
        os.fchmod(home, _PRIVATE)


def _build(account: Account) -> None:
    """Make it beside where it is to be, then move it there: whole or not at all."""
    parent = account.home.parent
    if not parent.exists():
        parent.mkdir(parents=True)
        parent.chmod(0o755)  # whatever our umask is
    draft = parent / f".{account.home.name}.new"
    with suppress(FileNotFoundError):
        shutil.rmtree(draft)
    if _SKELETON.is_dir():
        shutil.copytree(_SKELETON, draft, symlinks=True)
    else:
        draft.mkdir()
    for folder, names, files in os.walk(draft):
        for name in (".", *names, *files):
            os.chown(Path(folder, name), account.uid, account.gid, follow_symlinks=False)
    draft.chmod(_PRIVATE)
    draft.rename(account.home)


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
