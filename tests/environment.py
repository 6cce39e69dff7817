"""Environments of other programs than today's, each made once and kept outside the clone."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path


def kept(
    folder: str,
    name: str,
    content: bytes,
    fill: Callable[[Path], None],
    *,
    cache: Path | None = None,
    made_by: str = sys.executable,
) -> Path:
    """Return the Python of an environment in ~/.cache/`folder`; `fill` installs into a new one.

    Another `content`, or another Python of ours, is another environment. `made_by`: which Python
    it is of.
    """
    digest = hashlib.sha256(content + sys.version.encode() + made_by.encode()).hexdigest()[:12]
    cache = cache or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    place = cache / folder / f"{name}-{digest}"
    python = place / "bin/python"
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.with_suffix(f"{place.suffix}.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        if not (place / "ready").exists():
            shutil.rmtree(place, ignore_errors=True)
            bare = ["--without-pip"] if _uv().exists() else []
            subprocess.run([made_by, "-m", "venv", *bare, str(place)], check=True)
            fill(python)
            (place / "ready").touch()
    return python


def install(python: Path, *what: object) -> None:
    """Install with uv, as `make install` does; where there is none, with pip."""
    environment = dict(os.environ)
    if "PIP_INDEX_URL" in environment:
        environment.setdefault("UV_DEFAULT_INDEX", environment["PIP_INDEX_URL"])
    with_uv = [str(_uv()), "pip", "install", "--python", str(python)]
    command = with_uv if _uv().exists() else [str(python), "-m", "pip", "install"]
    run([*command, "--quiet", *map(str, what)], environment)


def run(command: list[str], environment: dict[str, str] | None = None) -> bytes:
    """Run a command and return what it prints; what it says matters only when it fails."""
    ran = subprocess.run(command, env=environment, capture_output=True, check=False)
    if ran.returncode:
        said = (ran.stdout + ran.stderr)[-10_000:].decode(errors="replace")
        raise RuntimeError(f"{' '.join(command)} failed:\n{said}")
    return ran.stdout


def _uv() -> Path:
    return Path(sys.executable).with_name("uv")
