"""A path that comes by HTTP leads through the real proxy to where hub and servers would have it."""

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from urllib.parse import unquote_to_bytes

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler

from perijove.app import Running
from perijove.kit.paths import canonical
from perijove.settings import of
from perijove.singleuser.app import _respelled
from perijove.store.open import open_database
from tests.bar import size
from tests.integration.proxy_parts import Proxy, proxied
from tests.integration.test_paths import ask
from tests.parts import hub
from tests.vectors.paths import PREFIXES, paths

of({})  # settings read their tables when they are first used


def is_text(path: str) -> bool:
    """Return whether the hub could know a name in it."""
    try:
        unquote_to_bytes(path).decode()
    except UnicodeDecodeError:
        return False
    return True


class Here(RequestHandler):
    """Says which server this is, and that it takes the path for its own."""

    def initialize(self, prefix: str) -> None:
        self.prefix = prefix

    def get(self) -> None:
        self.write(f"taken by {self.prefix}")


@contextmanager
def server(prefix: str) -> Iterator[int]:
    """Run Tornado as a server of that prefix has it; give its port."""
    own = f"{re.escape(prefix)}.*|{re.escape(prefix[:-1])}"
    application = Application([(own, Here, {"prefix": prefix})])
    application.find_handler = _respelled(prefix, application.find_handler)  # type: ignore[method-assign]
    (sock,) = bind_sockets(0, "127.0.0.1")
    it = HTTPServer(application)
    it.add_sockets([sock])
    try:
        yield sock.getsockname()[1]
    finally:
        it.stop()


async def misled(proxy: Proxy, running: Running, sent: str, met: Counter[str]) -> str:
    """Return in which way a path was led astray."""
    head = f"GET {sent} HTTP/1.1\r\nHost: e\r\nConnection: close\r\n\r\n"
    said = await proxy.ask(head.encode("latin-1"))
    try:
        form = canonical(sent.partition("?")[0].encode("latin-1")).decode()
    except ValueError:
        form = ""
    if not form or re.search(r"[^!-~]", sent):
        met["refused"] += 1
        return "" if said.startswith(b"HTTP/1.1 400 ") else f"not refused: {said!r}"
    longest = max((it for it in PREFIXES if f"{form}/".startswith(it)), key=len, default="")
    if longest:
        met["server"] += 1
        right = said.endswith(b"\r\n\r\ntaken by " + longest.encode())
        return "" if right else f"{longest} did not take it: {said!r}"
    met["hub"] += 1
    seen = re.search(rb"hub:GET ([^ ?]*)", said)
    if seen is None:
        return f"the hub did not get it: {said!r}"
    status, headers, _ = await ask(running, seen[1].decode())
    if not is_text(form):
        return "" if status == 400 else f"{status} for what is no text"
    if form.startswith("/hub"):
        return "" if status in {301, 302, 404} else f"{status}"
    return "" if headers.get("location") == f"/hub{form}" else f"{status} {headers}"


async def test_over_http_a_path_leads_where_the_hub_would_have_it(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        database = await open_database(f"{tmp_path}/hub.sqlite")
        stack.push_async_callback(database.close)
        running = await hub(database)
        proxy, feed = await stack.enter_async_context(proxied(tmp_path))
        await feed.change({it: stack.enter_context(server(it)) for it in PREFIXES})
        await proxy.knows("/user/ada/", by=b"taken by /user/ada/")
        met = Counter[str]()
        wrong = [
            (sent, problem)
            for sent in paths(size(17, 400, 5_000), 18)
            if (problem := await misled(proxy, running, sent, met))
        ]
        assert not wrong[:10]
        assert min(met["refused"], met["server"], met["hub"]) > 30, met
