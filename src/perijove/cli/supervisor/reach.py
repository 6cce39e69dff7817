"""Can another account run this Perijove? Found out by letting it try."""

import os
import pwd
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

_NOBODY = 65534
_TRY = "import sys; import perijove; [open(it).close() for it in sys.argv[1:]]"
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


def why_not(who: Who, file: Path | None = None) -> str:
    """Return why `who` cannot run our Python, with Perijove in it, and read `file`.

    '' if it can. Only root can ask.
    """
    command = [sys.executable, "-P", "-c", _TRY, *([str(file)] if file else [])]
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
