"""`perijove-proxy`: configurable-http-proxy 5, with our data plane."""

import sys
from collections.abc import Sequence

import uvloop

from perijove.kit.log import LEVEL, to_stderr
from perijove.proxy.chp.options import parse
from perijove.proxy.chp.serve import serve
from perijove.proxy.running import CannotServe

_FAILURE, _TOLD_TO_END = 1, 2


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a proxy; exit with 1 and a sentence if it cannot start, with 2 when told to end."""
    options = parse(arguments)
    to_stderr({LEVEL: "warning" if options.log_level == "warn" else options.log_level})
    try:
        uvloop.run(serve(options))
    except CannotServe as problem:
        sys.stderr.write(f"{problem}\n")
        sys.exit(_FAILURE)
    sys.exit(_TOLD_TO_END)


if __name__ == "__main__":
    main()
