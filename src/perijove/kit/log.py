"""Log to stderr, one line an event: time in UTC, level, logger, message."""

import logging
import sys
import time

_FORMAT = "%(asctime)s.%(msecs)03dZ %(levelname)s %(name)s: %(message)s"
_DATE = "%Y-%m-%dT%H:%M:%S"


def to_stderr(level: int = logging.INFO) -> None:
    """Begin. Level WARNING and above is also shown at the terminal of `perijove up`."""
    formatter = logging.Formatter(_FORMAT, _DATE)
    formatter.converter = time.gmtime
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.getLogger("alembic").setLevel(logging.WARNING)
