"""An editor in thirty lines, in the place of code-server: answers over HTTP and a WebSocket."""

import asyncio
import sys

from tornado import web, websocket


class Page(web.RequestHandler):
    def get(self, path: str) -> None:
        self.write(f"the editor at /{path}")

    post = get


class Echo(websocket.WebSocketHandler):
    def on_message(self, message: str | bytes) -> None:
        _ = self.write_message(message, binary=isinstance(message, bytes))


async def serve(port: int) -> None:
    web.Application([("/echo", Echo), ("/(.*)", Page)]).listen(port, "127.0.0.1")
    await asyncio.Event().wait()


if __name__ == "__main__":
    given = [word.partition("=")[2] for word in sys.argv if word.startswith("--port=")]
    asyncio.run(serve(int(given[0])))
