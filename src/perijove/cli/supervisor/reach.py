"""Can another account run this Perijove? Found out by letting it try."""

import os
import pwd
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

_NOBODY = 65534
_TRY = """
import os, sys, shutil
import perijove.singleuser
file, program = sys.argv[1:]
if file:
    open(file).close()
beside = os.path.dirname(sys.executable)
if program and not (shutil.which(program) or shutil.which(program, path=beside)):
    sys.exit(f"{program}: it cannot be run")
"""
_PATIENCE = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Who:
    """An account; unless it says more, one that owns nothing and is in no group."""

    uid: int = _NOBODY
    gid: int = _NOBODY
    groups: tuple[int, ...] = ()

    @classmethod
    def of(cls, name: str) -> "Who":
        """Return the account of that name, which there must be."""
        entry = pwd.getpwnam(name)
        groups = tuple(os.getgrouplist(name, entry.pw_gid))
        return cls(uid=entry.pw_uid, gid=entry.pw_gid, groups=groups)


def may_read(who: Who, file: Path) -> bool:
    """Return whether `who` can read `file`. Only root can ask."""
    tried = subprocess.run(  # noqa: S603 - a program of every machine
        ["/usr/bin/test", "-r", str(file)], user=who.uid, group=who.gid, extra_groups=who.groups,
        cwd="/", check=False,
    )  # fmt: skip
    return tried.returncode == 0


def why_not(who: Who, file: Path | None = None, program: str = "") -> str:
    """Return why `who` cannot run our Python with Perijove in it, read `file`, run `program`.

    '' if it can. Only root can ask.
    """
    command = [sys.executable, "-P", "-c", _TRY, str(file or ""), program]
    try:
        tried = subprocess.run(  # noqa: S603 - our own Python
            command, user=who.uid, group=who.gid, extra_groups=who.groups, cwd="/", check=False,
            capture_output=True, text=True, timeout=_PATIENCE,
        )  # fmt: skip
    except OSError as error:
        return f"{sys.executable}: {error.strerror}"
    except subprocess.TimeoutExpired:
        return f"{sys.executable} did not answer"
    return tried.stderr.strip().rpartition("\n")[2] if tried.returncode else ""
