"""`python -m perijove.proxy`, the same as `perijove proxy`."""

import sys
from collections.abc import Sequence

import uvloop

from perijove.kit.log import to_stderr
from perijove.proxy.options import parse
from perijove.proxy.running import CannotServe
from perijove.proxy.serve import serve


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a proxy; exit with 1 and a sentence if it cannot start."""
    options = parse(arguments)
    to_stderr()
    try:
        uvloop.run(serve(options))
    except CannotServe as problem:
        sys.stderr.write(f"{problem}\n")
        sys.exit(1)


if __name__ == "__main__":
    main()
