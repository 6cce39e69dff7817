"""The programs of earlier releases, each built from its commit and kept by content.

`python -m tests.e2e.release` makes them; a test that needs one makes it as well.
"""

import io
import subprocess
import sys
import tarfile
import time
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.environment import install, kept, run

RELEASES = {"0.1.0": "cdf36208a82c6dd97f2ec3c2032ef41259dc6ffd"}
"""The commit of each; a clone has no tags."""
_REPOSITORY = str(Path(__file__).parents[2])


def here(version: str) -> bool:
    """Return whether this clone has the commit of a release: a shallow one has not."""
    asked = ["git", "-C", _REPOSITORY, "cat-file", "-e", f"{RELEASES[version]}^{{commit}}"]
    return subprocess.run(asked, capture_output=True, check=False).returncode == 0


def python_of(version: str) -> str:
    """Return the Python that has this release, with what its own lock names beside it."""
    commit = RELEASES[version]
    fill = partial(_fill, commit=commit)
    return str(kept("perijove-releases", version, commit.encode(), fill))


def _fill(python: Path, commit: str) -> None:
    """Install the wheel of that commit."""
    with TemporaryDirectory(prefix="perijove-release-") as name:
        source, wheels = Path(name, "source"), Path(name, "wheels")
        with tarfile.open(fileobj=io.BytesIO(_archive(commit))) as tar:
            tar.extractall(source, filter="data")
        install(python, "--require-hashes", "-r", source / "requirements" / "run.txt")
        build = "import os, sys; os.chdir(sys.argv.pop(1)); from hatchling.cli import hatchling"
        run([str(python), "-c", f"{build}; hatchling()", str(source),
             "build", "-t", "wheel", "-d", str(wheels)])  # fmt: skip
        install(python, "--no-deps", *wheels.glob("*.whl"))


def _archive(commit: str) -> bytes:
    """Return the tree of a commit as a tar file."""
    return run(["git", "-C", _REPOSITORY, "archive", "--format=tar", commit])


if __name__ == "__main__":
    for it in RELEASES:
        if not here(it):
            sys.stdout.write(f"perijove {it}: not made, this clone lacks its commit (shallow?)\n")
            continue
        began = time.monotonic()
        python_of(it)
        sys.stdout.write(f"perijove {it}: {time.monotonic() - began:.0f} s\n")
