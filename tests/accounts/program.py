"""A Perijove that every account of this machine may run: root's own is often for root alone.

`python -m tests.accounts.program` makes its environment; a test that needs it makes it as well.
"""

import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tests.environment import install, kept

_REPOSITORY = Path(__file__).parents[2]
_LOCK = _REPOSITORY / "requirements/run.txt"
_CACHE = Path("/var/cache")
"""Where everybody may read, unlike in root's home."""
_NOBODY = 65534
_SCRIPT = """#!{python}
import sys
from {module} import main
sys.exit(main())
"""
_SCRIPTS = {"perijove": "perijove.__main__", "perijove-singleuser": "perijove.singleuser.__main__"}
_NEW_ENOUGH = "import sys, venv; sys.exit(sys.version_info < (3, 11))"


@dataclass(frozen=True, slots=True)
class Program:
    """Today's Perijove, and the Python that runs it."""

    python: Path
    source: Path

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "PYTHONPATH": str(self.source)}


def program(folder: Path) -> Program:
    """Return a copy of the source in `folder`, which others must be able to reach, and a Python."""
    python = _python()
    source = folder / "source"
    shutil.copytree(_REPOSITORY / "src", source, ignore=shutil.ignore_patterns("__pycache__"))
    for each in (source, *source.rglob("*")):
        each.chmod(0o755 if each.is_dir() else 0o644)
    return Program(python, source)


def _python() -> Path:
    """Return the Python of the environment, made if it is not there, for everybody to read."""
    before = os.umask(0o022)
    try:
        lock = _LOCK.read_bytes()
        return kept("perijove-accounts", "run", lock, _fill, cache=_CACHE, made_by=_made_by())
    finally:
        os.umask(before)


def _made_by() -> str:
    """Return a Python that every account may run."""
    found = [sys.executable, *(shutil.which(it, path="/usr/bin:/usr/local/bin") for it in _NAMES)]
    for python in filter(None, found):
        if _runs(python):
            return python
    raise RuntimeError(
        "No Python >= 3.11 here can be run by other accounts: install one in /usr (python3)"
    )


_NAMES = ("python3", "python3.14", "python3.13", "python3.12", "python3.11")


def _runs(python: str) -> bool:
    command = [python, "-I", "-c", _NEW_ENOUGH]
    try:
        ran = subprocess.run(
            command, user=_NOBODY, group=_NOBODY, extra_groups=[], cwd="/", check=False,
            capture_output=True,
        )  # fmt: skip
    except OSError:
        return False
    return ran.returncode == 0


def _fill(python: Path) -> None:
    """Install what the lock says, and the commands of a Perijove that PYTHONPATH names."""
    install(python, "--require-hashes", "-r", _LOCK)
    for name, module in _SCRIPTS.items():
        script = python.with_name(name)
        script.write_text(_SCRIPT.format(python=python, module=module))
        script.chmod(0o755)


if __name__ == "__main__":
    began = time.monotonic()
    _python()
    sys.stdout.write(f"a Perijove for every account: {time.monotonic() - began:.0f} s\n")
