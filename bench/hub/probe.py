"""Ask a hub who we are a hundred times a second, until SIGTERM; then print every delay.

`python -m bench.hub.probe <port> <token>`: a process of its own, so that what it waits for is the
hub and not the crowd that is measured with it. What waits is late for all its time.
"""

import asyncio
import json
import signal
import sys
import time

from bench.hub.client import Client

_EVERY = 0.01


async def main(port: int, token: str) -> list[float]:
    """Return the delays in seconds."""
    client, delays, stop = Client(port, token), list[float](), asyncio.Event()

    async def ask() -> None:
        began = time.monotonic()
        await client.ask("GET", "/hub/api/user")
        delays.append(time.monotonic() - began)

    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await client.ask("GET", "/hub/api/user")
    print("ready", flush=True)
    async with asyncio.TaskGroup() as tasks:
        due = time.monotonic()
        while not stop.is_set():
            tasks.create_task(ask())
            due += _EVERY
            await asyncio.sleep(max(0.0, due - time.monotonic()))
    client.close()
    return delays


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(int(sys.argv[1]), sys.argv[2]))))
