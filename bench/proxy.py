"""Our proxy beside configurable-http-proxy: CPU per request, in the same run on the same cores.

    python -m bench.proxy [--chp PATH] [--seconds 5] [--rounds 2]

Every request has other bytes (path, cookie), so that no cache of a head can flatter.
"""

import argparse
import asyncio
import json
import os
import shutil
import socket
import sys
import tempfile
import time
import urllib.request
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import uvloop

TOKEN = "bench"  # noqa: S105 - of nothing
PROXY_CORE = min(os.sched_getaffinity(0))
CONNECTIONS = 32
BODY = b"x" * 1024
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 1024\r\n\r\n" + BODY
HEAD = (
    b"GET /user/ada/api/contents/%d HTTP/1.1\r\nHost: edge:8000\r\nAccept: */*\r\n"
    b"User-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\nAccept-Encoding: gzip, deflate\r\n"
    b"Cookie: session=%d; _xsrf=2|abc|%d\r\n\r\n"
)


class Upstream(asyncio.Protocol):
    """Answers every head with one kilobyte."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer each head in `data`; heads come whole, one at a time."""
        self.transport.write(ANSWER * data.count(b"\r\n\r\n"))  # type: ignore[attr-defined]


class Load(asyncio.Protocol):
    """One kept connection that asks again whenever it has been answered."""

    def __init__(self, count: list[int]) -> None:
        self.count = count
        self.size = 0
        self.number = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self.transport = transport
        self.ask()

    def ask(self) -> None:
        """Send one request."""
        self.size = 0
        self.number += 1
        head = HEAD % (self.number, id(self) + self.number, self.number * 7)
        self.transport.write(head)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        """Count an answer when its last byte is there: the head is not longer than 512."""
        self.size += len(data)
        if self.size > len(BODY) and data.endswith(b"x"):
            self.count[0] += 1
            self.ask()


def cpu(pid: int) -> float:
    """Return the CPU seconds of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    """Return a port that nobody uses."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


async def measure(port: int, pid: int, seconds: float) -> tuple[float, float]:
    """Return requests a second and CPU µs a request."""
    count = [0]
    loop = asyncio.get_running_loop()
    lines = [
        await loop.create_connection(lambda: Load(count), "127.0.0.1", port)
        for _ in range(CONNECTIONS)
    ]
    await asyncio.sleep(0.5)
    began, spent, before = time.perf_counter(), cpu(pid), count[0]
    await asyncio.sleep(seconds)
    done = count[0] - before
    took, used = time.perf_counter() - began, cpu(pid) - spent
    for transport, _ in lines:
        transport.abort()
    return done / took, used / max(done, 1) * 1e6


@asynccontextmanager
async def running(port: int, *command: str, **env: str) -> AsyncIterator[int]:
    """Run a proxy on the first core until the block ends; give its process id."""
    process = await asyncio.create_subprocess_exec(
        *command, env={**os.environ, **env}, stdout=2, stderr=asyncio.subprocess.DEVNULL
    )
    os.sched_setaffinity(process.pid, {PROXY_CORE})
    try:
        for _ in range(200):
            await asyncio.sleep(0.05)
            with socket.socket() as sock:
                if sock.connect_ex(("127.0.0.1", port)) == 0:
                    break
        yield process.pid
    finally:
        process.kill()
        await process.wait()


async def ours(folder: Path, target: str, seconds: float) -> tuple[float, float]:
    """Measure our proxy, which starts from a table on disk."""
    from perijove.proxy.table import checksum  # noqa: PLC0415 - not needed by the others

    entries = {"/user/ada/": {"target": target}}
    table = {"version": 1, "checksum": checksum(entries), "routes": entries}
    (folder / "routes").write_text(json.dumps(table))
    (folder / "token").write_text(TOKEN)
    port = free_port()
    options = ("--hub", "http://127.0.0.1:9", "--token-file", str(folder / "token"))
    command = (sys.executable, "-m", "perijove.proxy", "--ip", "127.0.0.1", "--port", str(port))
    async with running(port, *command, *options, "--table", str(folder / "routes")) as pid:
        return await measure(port, pid, seconds)


async def theirs(chp: str, target: str, seconds: float) -> tuple[float, float]:
    """Measure configurable-http-proxy with the same route."""
    port, api = free_port(), free_port()
    ports = ("--ip", "127.0.0.1", "--port", str(port), "--api-port", str(api))
    async with running(port, chp, *ports, CONFIGPROXY_AUTH_TOKEN=TOKEN) as pid:
        request = urllib.request.Request(
            f"http://127.0.0.1:{api}/api/routes/user/ada",
            json.dumps({"target": target}).encode(),
            {"Authorization": f"token {TOKEN}"},
        )
        send: Callable[..., object] = urllib.request.urlopen
        await asyncio.to_thread(send, request)
        return await measure(port, pid, seconds)


async def compare(chp: str | None, seconds: float, rounds: int) -> None:
    """Measure both in turn and print the best of each, and the ratio."""
    server = await asyncio.get_running_loop().create_server(Upstream, "127.0.0.1", 0)
    target = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    results: dict[str, list[tuple[float, float]]] = {"ours": [], "chp": []}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(rounds):
            results["ours"].append(await ours(Path(folder), target, seconds))
            if chp:
                results["chp"].append(await theirs(chp, target, seconds))
    best = {name: min(rows, key=lambda row: row[1]) for name, rows in results.items() if rows}
    for name, (rate, cost) in best.items():
        print(f"{name:5} {rate:8.0f} requests/s {cost:7.1f} µs of CPU a request")
    if chp:
        print(f"CHP needs {best['chp'][1] / best['ours'][1]:.1f} times the CPU of ours")
    else:
        print("configurable-http-proxy was not found: name it with --chp")


def main() -> None:
    """Run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chp", default=shutil.which("configurable-http-proxy"))
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--rounds", type=int, default=2)
    given = parser.parse_args()
    os.sched_setaffinity(0, set(sorted(os.sched_getaffinity(0))[1:]) or {0})
    uvloop.run(compare(given.chp, given.seconds, given.rounds))


if __name__ == "__main__":
    main()
