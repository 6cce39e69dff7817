"""What goes into the archive: each part is text, or says why it is not there."""

import json
import os
import platform
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any, TypeAlias

from perijove import __version__
from perijove.cli.box import Box
from perijove.cli.support.scrub import HIDDEN
from perijove.kit.journal import lines
from perijove.kit.tail import tail
from perijove.settings import Reading
from perijove.settings.meaning import shown

Part: TypeAlias = tuple[str, Callable[[], str]]
"""A name in the archive, and what makes its text."""

_LOG = 2 << 20
"""Bytes of the end of a log."""
_ENTRIES = 1000
"""Of the audit log."""
_PATIENCE = 60
"""Seconds for a command."""
_PRIVATE = frozenset({"homes", "trash"})
"""Folders of which only the size is told."""
_ENVIRONMENTS = frozenset({"extraEnv", "environment"})
_NAMES = ("PERIJOVE_", "JUPYTERHUB_", "PG", "XDG_", "CUDA_")


def of_machine(box: Box) -> str:
    """Return what the machine is and what Perijove is made of."""
    usage = os.statvfs(box.path)
    return _json({
        "perijove": __version__,
        "python": sys.version,
        "system": platform.platform(),
        "processors": os.cpu_count(),
        "load": os.getloadavg(),
        "memory": _first_lines("/proc/meminfo", 3),
        "cgroup": _first_lines("/proc/self/cgroup", 20),
        "uid": os.geteuid(),
        "disk": {
            "free_bytes": usage.f_bavail * usage.f_frsize,
            "all_bytes": usage.f_blocks * usage.f_frsize,
            "free_files": usage.f_favail,
        },
        "environment": sorted(name for name in os.environ if name.startswith(_NAMES)),
        "packages": {it.name: it.version for it in sorted(metadata.distributions(), key=_name)},
    })  # fmt: skip


def of_settings(reading: Reading, file: Path | None) -> str:
    """Return the configuration in `file` without its secrets, or what is wrong with it."""
    found: dict[str, Any] = {
        "file": str(file) if file else None,
        "problems": list(map(str, reading.problems)),
        "notices": list(map(str, reading.notices)),
    }
    if reading.settings is not None:
        found["settings"] = _without_environments(shown(reading.settings))
    return _json(found)


def of_files(box: Box) -> str:
    """Return what lies in the data directory: names and sizes; of homes the count alone."""
    return "".join(f"{line}\n" for line in _listed(box.path, box.path))


def of_command(*arguments: str) -> str:
    """Return what one of our commands says, and how it ends."""
    program = [sys.executable, "-P", "-m", "perijove", *arguments]
    try:
        done = subprocess.run(  # noqa: S603 - our own command
            program, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=_PATIENCE
        )
    except subprocess.TimeoutExpired:
        return f"no answer in {_PATIENCE} s\n"
    said = f"{done.stdout.decode(errors='replace')}{done.stderr.decode(errors='replace')}"
    return f"{said}exit code {done.returncode}\n"


def of_audit(path: Path) -> str:
    """Return the latest entries of the audit log."""
    return "".join(f"{line}\n" for line in list(lines(path))[-_ENTRIES:])


def logs(box: Box) -> Iterator[Part]:
    """Yield every log of a part, and every audit log."""
    for path in sorted(box.log("hub").parent.iterdir()):
        if path.name.startswith("audit") and path.suffix == ".log":
            yield f"log/{path.name}", partial(of_audit, path)
        elif not path.name.startswith("audit"):
            yield f"log/{path.name}", partial(tail, path, _LOG)


def _without_environments(value: Any) -> Any:
    """Return settings without the values of what servers get as their environment: keys, often."""
    if isinstance(value, list):
        return [_without_environments(it) for it in value]
    if not isinstance(value, dict):
        return value
    return {
        key: dict.fromkeys(it, HIDDEN)
        if key in _ENVIRONMENTS and isinstance(it, dict)
        else _without_environments(it)
        for key, it in value.items()
    }


def _listed(folder: Path, root: Path) -> Iterator[str]:
    for entry in sorted(os.scandir(folder), key=lambda it: it.name):
        name = str(Path(entry.path).relative_to(root))
        try:
            found = entry.stat(follow_symlinks=False)
        except OSError as error:
            yield f"{name}: {error.strerror}"
            continue
        mode = stat.filemode(found.st_mode)
        yield f"{mode} {found.st_uid:>6} {found.st_size:>12} {int(found.st_mtime)} {name}"
        if not entry.is_dir(follow_symlinks=False):
            continue
        try:
            if name in _PRIVATE:
                yield f"{name}: {sum(1 for _ in os.scandir(entry.path))} entries"
            else:
                yield from _listed(Path(entry.path), root)
        except OSError as error:
            yield f"{name}: {error.strerror}"


def _first_lines(path: str, count: int) -> list[str]:
    try:
        return Path(path).read_text().splitlines()[:count]
    except OSError as error:
        return [str(error)]


def _name(it: metadata.Distribution) -> str:
    return str(it.name)


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"
