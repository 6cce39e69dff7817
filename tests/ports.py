"""A port that nobody listens on."""

import os
import random
import socket

_BELOW = 30_000
"""Linux gives who asks for no port one of 32768 to 60999, and Kubernetes 30000 to 32767."""
_EACH = 1_000
_given = set[int]()


def free_port() -> int:
    """Return one that no program gets by chance before it is used: not from another process either.

    Tests run in several processes, and a port that was free for one is free for the next; so each
    has a thousand of its own. What they start asks for no port at all, and gets none of these.
    """
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    last = _BELOW - worker % 16 * _EACH
    while True:
        port = random.randrange(last - _EACH, last)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in _given:
            _given.add(port)
            return port
