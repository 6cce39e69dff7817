"""A scripted API server: lists, watches and writes as the real one, and fails as it is told to."""

import asyncio
import json
import ssl
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from urllib.parse import parse_qs, unquote, urlsplit

Object: TypeAlias = dict[str, Any]
REASONS = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    409: "Conflict",
    410: "Expired",
    422: "Invalid",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
}


def status(code: int, message: str, reason: str = "", **details: Any) -> bytes:
    body = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code}
    body |= {"message": message, "reason": reason or REASONS[code], "details": details}
    return json.dumps(body).encode()


@dataclass
class Request:
    method: str
    path: str
    query: dict[str, str]
    fields: dict[str, str]
    body: bytes
    peer: Any = None

    @property
    def watch(self) -> bool:
        return self.query.get("watch") == "1"

    @property
    def plural(self) -> str:
        return self.parts[0]

    @property
    def name(self) -> str:
        return self.parts[1] if len(self.parts) > 1 else ""

    @property
    def parts(self) -> list[str]:
        below = self.path.removeprefix("/api/v1").removeprefix("/apis/storage.k8s.io/v1")
        parts = below.strip("/").split("/")
        return parts[2:] if parts[0] == "namespaces" and len(parts) > 2 else parts


@dataclass
class Answer:
    """What to send in place of the truth; `hang` sends nothing at all."""

    code: int = 200
    body: bytes = b""
    fields: dict[str, str] = field(default_factory=dict)
    hang: bool = False
    drop: bool = False


Script: TypeAlias = Callable[[Request], Answer | None]


class Watch:
    """An open watch, for tests to disturb."""

    def __init__(self, writer: asyncio.StreamWriter, plural: str) -> None:
        self.plural = plural
        self.silent = False
        self._writer = writer
        self.ended = asyncio.Event()

    def raw(self, data: bytes) -> None:
        self._writer.write(b"%x\r\n%s\r\n" % (len(data), data))

    def send(self, type: str, object: Object) -> None:
        if not self.silent:
            self.raw(json.dumps({"type": type, "object": object}).encode() + b"\n")

    def bookmark(self, version: int) -> None:
        kept = {"metadata": {"resourceVersion": str(version)}, "kind": "Bookmark"}
        self.send("BOOKMARK", kept)

    def error(self, code: int) -> None:
        self.send("ERROR", json.loads(status(code, "too old resource version")))

    def end(self) -> None:
        """End as a time-out of the server does."""
        self._writer.write(b"0\r\n\r\n")
        self.ended.set()

    def cut(self) -> None:
        """Break in the middle of a line."""
        self.raw(b'{"type":"ADDED","obj')
        self._writer.transport.abort()
        self.ended.set()


class ApiServer:
    """Objects by kind and name, a version that grows, and a history for watches."""

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, Object]] = {}
        self.version = 100
        self.history: list[tuple[int, str, str, Object]] = []
        self.compacted = 0
        self.requests: list[Request] = []
        self.watches: list[Watch] = []
        self.scripts: list[Script] = []
        self.logs: dict[str, str] = {}
        self.connections = 0
        self.token = ""
        self.grace = False
        self.url = ""

    def script(self, answer: Answer, *, times: int = 1, when: Callable[[Request], bool]) -> None:
        """Give `answer` to the next `times` requests that are meant."""
        left = [times]

        def one(request: Request) -> Answer | None:
            if left[0] and when(request):
                left[0] -= 1
                return answer
            return None

        self.scripts.append(one)

    def put(self, plural: str, object: Object) -> Object:
        """Make or change an object, as somebody else would."""
        self.version += 1
        kind = self.objects.setdefault(plural, {})
        name = object["metadata"]["name"]
        before = kind.get(name)
        metadata = {"uid": str(uuid.uuid4()), **(before or {}).get("metadata", {})}
        metadata |= object["metadata"] | {"resourceVersion": str(self.version)}
        new = kind[name] = {**object, "metadata": metadata}
        self._tell("MODIFIED" if before else "ADDED", plural, new)
        return new

    def remove(self, plural: str, name: str) -> None:
        """Take an object away."""
        self.version += 1
        gone = self.objects[plural].pop(name)
        gone = {**gone, "metadata": {**gone["metadata"], "resourceVersion": str(self.version)}}
        self._tell("DELETED", plural, gone)

    def compact(self) -> None:
        """Forget the history, so that watches from before are told to list again."""
        self.history.clear()
        self.compacted = self.version

    def asked(self, plural: str, *, watch: bool) -> int:
        return sum(it.plural == plural and it.watch is watch for it in self.requests)

    def _tell(self, type: str, plural: str, object: Object) -> None:
        self.history.append((self.version, type, plural, object))
        for watch in self.watches:
            if watch.plural == plural:
                watch.send(type, object)

    @asynccontextmanager
    async def serving(self, context: ssl.SSLContext | None = None) -> AsyncIterator["ApiServer"]:
        tasks: set[asyncio.Task[None]] = set()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task
            tasks.add(task)
            self.connections += 1
            with suppress(OSError, EOFError, asyncio.CancelledError):
                await self._serve(reader, writer)
            writer.transport.abort()
            tasks.discard(task)

        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
        port = server.sockets[0].getsockname()[1]
        self.url = f"{'https' if context else 'http'}://127.0.0.1:{port}"
        try:
            yield self
        finally:
            server.close()
            for task in list(tasks):
                task.cancel()
            while tasks:
                await asyncio.sleep(0.001)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while request := await _read(reader):
            request.peer = writer.get_extra_info("peercert")
            self.requests.append(request)
            answers = (script(request) for script in self.scripts)
            answer = next((it for it in answers if it), None)
            if answer is None and self.token and not self._known(request):
                answer = Answer(401, status(401, "Unauthorized"))
            if answer is None and request.watch:
                await self._watch(request, reader, writer)
                continue
            answer = answer or self._answer(request)
            if answer.hang:
                await reader.read()
            if answer.drop or answer.hang:
                return
            writer.write(_head(answer, len(answer.body)) + answer.body)
            await writer.drain()

    def _known(self, request: Request) -> bool:
        return request.fields.get("authorization") == self.token

    def _answer(self, request: Request) -> Answer:
        kind = self.objects.setdefault(request.plural, {})
        if len(request.parts) > 2:
            return self._log(request)
        if request.method == "POST":
            return self._create(request, json.loads(request.body))
        if not request.name:
            return self._list(request, kind)
        if request.name not in kind:
            message = f'{request.plural} "{request.name}" not found'
            return Answer(404, status(404, message, name=request.name))
        if request.method == "GET":
            return Answer(body=json.dumps(kind[request.name]).encode())
        return self._delete(request, kind[request.name])

    def _create(self, request: Request, object: Object) -> Answer:
        name = object["metadata"]["name"]
        if name in self.objects[request.plural]:
            return Answer(409, status(409, f"{name} already exists", "AlreadyExists"))
        return Answer(201, json.dumps(self.put(request.plural, object)).encode())

    def _delete(self, request: Request, object: Object) -> Answer:
        wanted = json.loads(request.body).get("preconditions", {}).get("uid")
        if wanted not in {None, object["metadata"]["uid"]}:
            return Answer(409, status(409, "the UID in the precondition does not match"))
        if not self.grace:
            self.remove(request.plural, request.name)
            return Answer(body=b'{"kind":"Status","apiVersion":"v1","status":"Success"}')
        doomed = {"name": request.name, "deletionTimestamp": "2026-01-01T00:00:00Z"}
        new = self.put(request.plural, {**object, "metadata": {**object["metadata"], **doomed}})
        return Answer(body=json.dumps(new).encode())

    def _list(self, request: Request, kind: dict[str, Object]) -> Answer:
        items = list(kind.values())
        begin = int(request.query.get("continue") or 0)
        limit = int(request.query.get("limit") or 0) or len(items)
        metadata = {"resourceVersion": str(self.version)}
        if begin + limit < len(items):
            metadata["continue"] = str(begin + limit)
        page = {"kind": "List", "apiVersion": "v1", "metadata": metadata}
        return Answer(body=json.dumps(page | {"items": items[begin : begin + limit]}).encode())

    def _log(self, request: Request) -> Answer:
        text = self.logs.get(request.name)
        if text is None:
            return Answer(404, status(404, "no such pod"))
        return Answer(body=text.encode())

    async def _watch(
        self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        since = int(request.query["resourceVersion"])
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        watch = Watch(writer, request.plural)
        if since < self.compacted:
            watch.error(410)
            watch.end()
            return
        for version, type, plural, object in self.history:
            if version > since and plural == request.plural:
                watch.send(type, object)
        self.watches.append(watch)
        try:
            while not (watch.ended.is_set() or reader.at_eof() or writer.is_closing()):
                await asyncio.sleep(0.002)
        finally:
            self.watches.remove(watch)


def _head(answer: Answer, size: int) -> bytes:
    fields = {"Content-Type": "application/json", "Content-Length": str(size), **answer.fields}
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {answer.code} Whatever\r\n{lines}\r\n".encode()


async def _read(reader: asyncio.StreamReader) -> Request | None:
    head = await reader.readuntil(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    method, target, _ = first.split(" ")
    fields = {name.lower(): value for name, value in _fields(lines)}
    body = await reader.readexactly(int(fields.get("content-length", 0)))
    url = urlsplit(target)
    query = {name: values[0] for name, values in parse_qs(url.query).items()}
    return Request(method, unquote(url.path), query, fields, body)


def _fields(lines: list[str]) -> Iterator[tuple[str, str]]:
    for line in lines:
        name, colon, value = line.partition(":")
        if colon:
            yield name, value.strip()


async def until(true: Callable[[], bool | Awaitable[bool]], seconds: float = 20.0) -> None:
    """Wait until `true()`."""
    async with asyncio.timeout(seconds):
        while True:
            found = true()
            if found if isinstance(found, bool) else await found:
                return
            await asyncio.sleep(0.005)
