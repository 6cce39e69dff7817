"""A proxy that writes, whenever SIGUSR1 says so, how many objects of some kinds are alive in it."""

import asyncio
import gc
import json
import signal
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from perijove.proxy.__main__ import main
from perijove.proxy.client import Client
from perijove.proxy.head import Request, Response
from perijove.proxy.upstream import Upstream

KINDS = (Client, Upstream, Request, Response)
FILE = "counted.json"


def tell(*_: Any) -> None:
    gc.collect()
    found = Counter(type(it).__name__ for it in gc.get_objects() if isinstance(it, KINDS))
    tasks = sum(isinstance(it, asyncio.Task) and not it.done() for it in gc.get_objects())
    folder = Path(sys.argv[sys.argv.index("--table") + 1]).parent
    fresh = folder / f"{FILE}.new"
    fresh.write_text(json.dumps({**{it.__name__: 0 for it in KINDS}, **found, "tasks": tasks}))
    fresh.replace(folder / FILE)


if __name__ == "__main__":
    signal.signal(signal.SIGUSR1, tell)
    main()
