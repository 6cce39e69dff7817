"""One server that answers for every played pod: `python -m bench.cluster.stub` as root.

The addresses of played pods (kwok) are given to this machine meanwhile, so whoever knocks at a
pod finds it listening.
"""

import asyncio
import subprocess

from bench.hub.stub import Stub

PODS = "10.250.0.0/16"
PORT = 8888
_ROUTE = ("local", PODS, "dev", "lo")


async def main() -> None:
    """Listen until killed."""
    subprocess.run(["ip", "route", "replace", *_ROUTE], check=True)  # noqa: ASYNC221, S603, S607
    try:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(Stub, "0.0.0.0", PORT, backlog=4096)  # noqa: S104
        await server.serve_forever()
    finally:
        subprocess.run(["ip", "route", "del", *_ROUTE], check=False)  # noqa: ASYNC221, S603, S607


if __name__ == "__main__":
    asyncio.run(main())
