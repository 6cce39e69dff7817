"""What whoever reaches the API can do to the proxy, with the token and without."""

import asyncio
from pathlib import Path

import pytest

from perijove.kit.clock import Clock
from perijove.proxy.chp.errors import own_page
from perijove.proxy.chp.routes import Routes
from perijove.proxy.chp.shunned import shunned
from perijove.proxy.client import Client
from perijove.proxy.edge import Edge
from perijove.proxy.forwarded import TrustedPeers
from perijove.proxy.log import Log
from tests.chp.process import chp
from tests.integration.proxy_parts import mirror, ok, serving

POST = b"POST /api/routes/x HTTP/1.1\r\nHost: x\r\n"
SHUNNED = [
    *("169.254.169.254", "169.254.170.2", "[fe80::1]", "[fd00:ec2::254]", "[fd20:ce::254]"),
    *("[::ffff:169.254.169.254]", "100.100.100.200", "168.63.129.16"),
]


async def test_a_body_that_is_too_large_is_refused_before_it_comes_or_the_token_is_read(
    tmp_path: Path,
) -> None:
    async with chp(tmp_path) as it:
        reader, writer = await asyncio.open_connection("127.0.0.1", it.api_port)
        writer.write(POST + b"Content-Length: 1048577\r\n\r\n")
        assert (await asyncio.wait_for(reader.readline(), 20)).split()[1] == b"413"
        writer.close()


async def test_strangers_cannot_keep_the_hub_from_the_api(tmp_path: Path) -> None:
    async with chp(tmp_path) as it:
        await it.routes()  # a connection that is kept, and one of somebody without the token
        strangers = []
        for _ in range(1100):
            _, writer = await asyncio.open_connection("127.0.0.1", it.api_port)
            writer.write(POST)
            strangers.append(writer)
        kept = len(list(Path(f"/proc/{it.process.pid}/fd").iterdir()))
        assert kept < 1100
        assert await it.routes() == {}
        reader, writer = await asyncio.open_connection("127.0.0.1", it.api_port)
        writer.write(b"GET /api/routes HTTP/1.1\r\nHost: x\r\nAuthorization: token t0ken\r\n\r\n")
        assert (await asyncio.wait_for(reader.readline(), 20)).split()[1] == b"200"
        for other in (*strangers, writer):
            other.close()


@pytest.mark.parametrize("address", SHUNNED)
async def test_no_route_leads_to_where_clouds_tell_secrets(tmp_path: Path, address: str) -> None:
    async with chp(tmp_path) as it:
        said = await it.api.post("/api/routes/x", json={"target": f"http://{address}/latest"})
        assert said.status_code == 400
        assert "needs --allow-link-local" in said.text
        assert await it.routes() == {}


@pytest.mark.parametrize("here", ["", "127.0.0.1"], ids=["taken", "shunned"])
async def test_a_name_that_turns_out_to_be_such_an_address_is_sent_nothing(here: str) -> None:
    """Which name that is cannot be arranged here: localhost stands for it, in this very process."""
    loop, clock = asyncio.get_running_loop(), Clock()
    seen: list[bytes] = []

    async def upstream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.read(1))
        writer.write(ok(b""))

    routes = Routes(clock, loop, by_host=False, shuns=shunned)
    trusted, shuns = TrustedPeers(()), {here, "::1"}.__contains__
    edge = Edge(loop=loop, table=routes, trusted=trusted, log=Log(clock), apology=own_page,
                shuns=shuns)  # fmt: skip
    server = await loop.create_server(lambda: Client(edge), "127.0.0.1", 0)
    async with serving(upstream) as port, server:
        routes.add(b"/", {"target": f"http://localhost:{port}"})
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        status = (await asyncio.wait_for(reader.read(), 20)).split()[1]
        writer.close()
        assert (status, b"".join(seen)) == ((b"503", b"") if here else (b"200", b"G"))
        assert edge.counts.failed == ({"shunned": 1} if here else {})
        routes.remove(b"/")


async def test_link_local_targets_are_allowed_when_that_is_asked_for(tmp_path: Path) -> None:
    async with chp(tmp_path, "--allow-link-local") as it:
        await it.add("/x", "http://169.254.169.254/latest")
        assert list(await it.routes()) == ["/x"]


async def test_what_jupyterhub_needs_is_no_such_address(tmp_path: Path) -> None:
    async with serving(mirror) as port, chp(tmp_path) as it:
        for number, host in enumerate(("127.0.0.1", "localhost", "10.1.2.3", "[fd12::1]", "hub")):
            await it.add(f"/{number}", f"http://{host}:{port}")
        assert (await it.web.get("/0")).status_code == 200
        assert (await it.web.get("/1")).status_code == 200
