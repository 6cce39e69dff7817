"""Run pytest; in CI, run what failed once more, alone, and name it.

`python -m tests.again --most 3 -- PYTEST'S ARGUMENTS`. Why, and what it must not hide: ADR 0022.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

_FAILED = 1
"""pytest's own exit code for: all have run, and some have failed."""


def main(arguments: Sequence[str]) -> int:
    """Return pytest's exit code; 0 also where all that failed have passed when run again."""
    parser = argparse.ArgumentParser(prog="python -m tests.again", description=__doc__)
    parser.add_argument(
        "--most",
        type=int,
        default=0,
        metavar="N",
        help="run again if so many have failed, or fewer (0: never)",
    )
    parser.add_argument("rest", nargs="+", metavar="ARGUMENT", help="what pytest is given")
    given = parser.parse_args(arguments)
    with TemporaryDirectory() as folder:
        code = _pytest(folder, *given.rest)
        failed = _failed(Path(folder)) if code == _FAILED else []
        if not 0 < len(failed) <= given.most:
            return code
        _say("failed, and are run again, alone", failed)
        again = _pytest(folder, *failed)
        if again == 0:
            _say("passed only when run again, alone", failed)
        return again


def _pytest(folder: str, *arguments: str) -> int:
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-o", f"cache_dir={folder}", *arguments], check=False
    ).returncode


def _say(what: str, tests: Sequence[str]) -> None:
    sys.stdout.write(f"=== {what}: {' '.join(tests)}\n")
    sys.stdout.flush()


def _failed(folder: Path) -> list[str]:
    """Return the failed tests, as pytest keeps them for its --last-failed."""
    file = folder / "v" / "cache" / "lastfailed"
    return sorted(json.loads(file.read_text())) if file.exists() else []


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
