"""Servers of older images, unmodified, each in an environment of its own that is kept by content.

`python -m tests.singleuser.older` makes them; a test that needs one makes it as well.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

_LOCKS = Path(__file__).parents[2] / "requirements"


@dataclass(frozen=True, kw_only=True)
class Generation:
    """What one kind of server does that another does not; all else is the contract."""

    version: str
    """What it says in X-JupyterHub-Version."""
    asks_for_pkce: bool = True
    """Since 6.0; what it asks for, the hub enforces."""
    takes_token_in_url: bool = False
    """Until 5.0, `?token=` was as good as a header."""
    names_its_owner: bool = True
    """Its page is told both who looks and whose server it is: 5.5 does, 4.1 does not."""
    names_its_visitor: bool = True
    """The user of its page is who looks: 4.1 does, in 2.3 it is always the owner."""
    on_jupyter_server_1: bool = False
    """It knows no /api/me, guards no reads, and its own pages may frame it."""


CURRENT = Generation(version="6.1.1")
OLDER = {
    it.version: it
    for it in (
        Generation(version="5.5.4", asks_for_pkce=False),
        Generation(
            version="4.1.6", asks_for_pkce=False, takes_token_in_url=True, names_its_owner=False
        ),
        Generation(
            version="2.3.1",
            asks_for_pkce=False,
            takes_token_in_url=True,
            names_its_owner=False,
            names_its_visitor=False,
            on_jupyter_server_1=True,
        ),
    )
}


def command(version: str) -> list[str]:
    """Return what starts the server of that version; its environment is made if it is not there."""
    return [str(_made(version) / "bin/python"), "-m", "jupyterhub.singleuser", "--allow-root"]


def _made(version: str) -> Path:
    lock = _LOCKS / f"singleuser-{version}.txt"
    digest = hashlib.sha256(lock.read_bytes() + sys.version.encode()).hexdigest()[:12]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    place = cache / "perijove-singleuser" / f"{version}-{digest}"
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.with_suffix(f"{place.suffix}.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        if not (place / "ready").exists():
            shutil.rmtree(place, ignore_errors=True)
            _make(place, lock)
            (place / "ready").touch()
    return place


def _make(place: Path, lock: Path) -> None:
    """Install what `lock` says with uv, as `make install` does; where there is none, with pip."""
    uv = Path(sys.executable).with_name("uv")
    bare = ["--without-pip"] if uv.exists() else []
    subprocess.run([sys.executable, "-m", "venv", *bare, str(place)], check=True)
    python, environment = str(place / "bin/python"), dict(os.environ)
    if "PIP_INDEX_URL" in environment:
        environment.setdefault("UV_DEFAULT_INDEX", environment["PIP_INDEX_URL"])
    install = (
        [uv, "pip", "install", "--python", python]
        if uv.exists()
        else [python, "-m", "pip", "install"]
    )
    said = subprocess.run(
        [*install, "--quiet", "--require-hashes", "-r", str(lock)],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if said.returncode:
        raise RuntimeError(f"{lock.name} cannot be installed:\n{said.stdout}{said.stderr}")


if __name__ == "__main__":
    for name in OLDER:
        began = time.monotonic()
        command(name)
        sys.stdout.write(f"jupyterhub-singleuser {name}: {time.monotonic() - began:.0f} s\n")
