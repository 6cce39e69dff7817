"""One single-user server that answers for all, for both hubs: `python -m bench.hub.stub <port>`."""

import asyncio
import sys

_BODY = b'{"version": "2.21.1"}'
_ANSWER = (
    b"HTTP/1.1 200 OK\r\nX-JupyterHub-Version: 6.1.1\r\nContent-Type: application/json\r\n"
    b"Content-Length: %d\r\n\r\n%s" % (len(_BODY), _BODY)
)


class Stub(asyncio.Protocol):
    """Answers every request head with the same bytes."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = transport
        self._unread = b""

    def data_received(self, data: bytes) -> None:
        """Answer each request that is whole; none has a body."""
        *heads, self._unread = (self._unread + data).split(b"\r\n\r\n")
        assert isinstance(self._transport, asyncio.Transport)
        self._transport.write(_ANSWER * len(heads))


async def main(port: int) -> None:
    """Listen until killed."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Stub, "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
