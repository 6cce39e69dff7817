"""A server that tells which requests it has seen: Tornado's, or uvicorn's with either parser.

`python -m tests.integration.recorder tornado|httptools|h11` says its port in its first line.
Each answer names the request it belongs to; `/records` tells of all that came, whole or not.
"""

import asyncio
import json
import sys
from typing import Any

import uvicorn
from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPHeaders, HTTPServerRequest, ResponseStartLine
from tornado.netutil import bind_sockets

records: list[dict[str, Any]] = []


def answer_to(method: str, url: str, body: bytes) -> bytes:
    return f"{method} {url} {body.decode('latin-1')}".encode()


def seen(method: str, url: str, fields: list[list[str]]) -> dict[str, Any]:
    record = {"method": method, "url": url, "fields": fields, "body": "", "whole": False}
    if url != "/records":
        records.append(record)
    return record


def said(record: dict[str, Any], body: bytes) -> bytes:
    """Note that the whole request is there; return what to answer."""
    record["body"], record["whole"] = body.decode("latin-1"), True
    if record["url"] == "/records":
        return json.dumps(records).encode()
    return answer_to(record["method"], record["url"], body)


def by_tornado(request: HTTPServerRequest) -> None:
    fields = [list(field) for field in request.headers.get_all()]
    record = seen(str(request.method), str(request.uri), fields)
    text = said(record, request.body)
    head = HTTPHeaders({"Content-Length": str(len(text)), "X-Answers": record["method"]})
    assert request.connection is not None
    body = b"" if request.method == "HEAD" else text
    _ = request.connection.write_headers(ResponseStartLine("HTTP/1.1", 200, "OK"), head, body)
    request.connection.finish()


async def by_uvicorn(scope: Any, receive: Any, send: Any) -> None:
    fields = [[name.decode("latin-1"), text.decode("latin-1")] for name, text in scope["headers"]]
    query = b"?" + scope["query_string"] if scope["query_string"] else b""
    record = seen(scope["method"], (scope["raw_path"] + query).decode("latin-1"), fields)
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            return
        body += message["body"]
        more = message["more_body"]
    # what uvicorn makes of trailers
    record["fields"] = [[it.decode("latin-1") for it in field] for field in scope["headers"]]
    text = said(record, body)
    head = [(b"content-length", b"%d" % len(text)), (b"x-answers", scope["method"].encode())]
    await send({"type": "http.response.start", "status": 200, "headers": head})
    await send({"type": "http.response.body", "body": text})


async def main(kind: str) -> None:
    (sock,) = bind_sockets(0, "127.0.0.1")
    sys.stdout.write(f"{sock.getsockname()[1]}\n")
    sys.stdout.flush()
    if kind == "tornado":
        HTTPServer(by_tornado).add_sockets([sock])
        await asyncio.Event().wait()
    config = uvicorn.Config(by_uvicorn, http=kind, ws="none", lifespan="off", log_level="error")
    await uvicorn.Server(config).serve([sock])


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
