"""Whose Unix account runs people's servers here, and whether that can work; `up` asks the same."""

import os
import pwd
import shutil
from collections.abc import Iterator
from pathlib import Path

from perijove.cli.box import Box
from perijove.cli.doctor.finding import Finding, bad, good, risky
from perijove.cli.supervisor.reach import Who, may_read, why_not
from perijove.cli.trouble import Trouble
from perijove.settings import Settings
from perijove.spawners.passwd import PROGRAMS, SEARCHED

_ANYBODY = 0o007
_PRIVATE = ("secrets", "workloads", "homes", "log", "run", "trash", "perijove.sqlite")
_NEEDED = {"accounts.not-root", "accounts.no-programs", "accounts.unreachable"}
"""Without these nobody's server could be started."""


def accounts(settings: Settings, box: Box, file: Path | None) -> Finding:
    """Return as whom servers run, or what is wrong with that, the worst first."""
    return next(_all(settings, box, file))


def require_accounts(settings: Settings, box: Box, file: Path | None) -> None:
    """Return if servers can be run as whom the settings say.

    Raises:
        Trouble: none could be started.
    """
    found = accounts(settings, box, file)
    if found.code in _NEEDED:
        raise Trouble(told(found))


def told(found: Finding) -> str:
    """Return a finding as `up` says it."""
    return f"{found.sentence('en')} {found.remedy('en')}".strip()


def worth_saying(settings: Settings, box: Box, file: Path | None) -> list[str]:
    """Return what whoever starts it should know of it."""
    found = [it for it in _all(settings, box, file) if it.code != "accounts.good"]
    return [told(it) for it in found]


def _all(settings: Settings, box: Box, file: Path | None) -> Iterator[Finding]:
    if not settings.system_users:
        who = pwd.getpwuid(os.geteuid()).pw_name
        root = not os.geteuid()
        yield risky("accounts", "accounts.root" if root else "accounts.shared", account=who)
        return
    if os.geteuid():
        yield bad("accounts", "accounts.not-root")
        return
    yield from _wrong(settings, box, file)
    yield good("accounts")


def _wrong(settings: Settings, box: Box, file: Path | None) -> Iterator[Finding]:
    missing = [it for it in PROGRAMS if shutil.which(it, path=SEARCHED) is None]
    if missing:
        yield bad("accounts", "accounts.no-programs", programs=", ".join(missing))
    why = why_not(Who(), program=(settings.singleuser.cmd or ("",))[0])
    if why:
        yield bad("accounts", "accounts.unreachable", why=why)
    if file is not None and may_read(Who(), file):
        yield bad("accounts", "accounts.file-open", path=str(file))
    opened = _open(box.path)
    if opened:
        yield bad("accounts", "accounts.data-open", path=str(opened))
    if box.homes.is_dir() and any(box.homes.iterdir()):
        yield bad("accounts", "accounts.homes-left", path=str(box.homes))


def _open(data: Path) -> Path | None:
    """Return what of a data directory every account can open, if there is anything."""
    if not data.is_dir() or not data.stat().st_mode & _ANYBODY:
        return None
    inner = (data / name for name in _PRIVATE)
    return next((it for it in inner if it.exists() and it.stat().st_mode & _ANYBODY), None)
