"""OpenAPI 3.1, made of the same rows that answer."""

import json
import re
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from starlette.responses import Response

from perijove.core import Hub
from perijove.http.dress import VERSION
from perijove.http.route import Call, Route, route
from perijove.model.scope import Kind

_REF = "#/components/schemas/{model}"
_NAME = re.compile(r"\{\*?(\w+)\}")
_PROBLEM = {
    "type": "object",
    "required": ["status", "message"],
    "properties": {
        "status": {"type": "integer"},
        "message": {"type": "string"},
        "code": {"type": "string"},
        "type": {"type": "string"},
        "title": {"type": "string"},
        "detail": {"type": "string"},
        "params": {"type": "object"},
        "failures": {"type": "array", "items": {"type": "object"}},
    },
}
_MEANT = {
    200: "OK", 201: "Made", 202: "On its way", 204: "Done", 400: "The request makes no sense",
    401: "The client has not proven itself", 403: "No credentials, or not enough of them",
    404: "There is none, or it may not be seen", 405: "Only the configuration changes it",
    409: "There is one already",
    413: "The body is too large", 422: "It can never be started like this",
    429: "Not now; Retry-After says when", 500: "It has failed; the code says why", 503: "Not now",
}  # fmt: skip
_EMPTY = 204
_MADE = 201
_NEXT = frozenset({"GET", "PATCH", "DELETE"})
"""What can be done with what was made."""
_OAUTH = frozenset({401})
_ITSELF = "Return this description."
PUBLIC = "whoever writes a client reads it before they have a token"
SUBJECTS = (
    ("oauth", r"/oauth2/|/authorizations/"),
    ("audit", r"/audit$"),
    ("sharing", r"/(shares|share-codes|shared)\b"),
    ("tokens", r"/tokens\b"),
    ("servers", r"/servers?\b|/usage$"),
    ("users", r"^/(users?|people|trash)\b"),
    ("groups", r"^/groups\b"),
    ("services", r"^/services\b"),
    ("proxy", r"^/proxy\b"),
    ("hub", ""),
)
"""What URLs are about, and how each is known: the first that fits."""


class Description:
    """What describes rows and itself; made when somebody asks: most hubs are never asked."""

    def __init__(self, rows: Iterable[tuple[str, Route]], below: str) -> None:
        """`below`: the path of the API, `/hub/api`."""
        self.row = route("GET", "/openapi.json", self._answer, public=PUBLIC, summary=_ITSELF)
        self._rows = [*rows, (below, self.row)]

    @cached_property
    def document(self) -> Mapping[str, Any]:
        """OpenAPI, as JSON holds it."""
        return document(self._rows)

    @cached_property
    def _text(self) -> bytes:
        return json.dumps(self.document).encode()

    async def _answer(self, _: Hub, __: Call) -> Response:
        return Response(self._text, 200, media_type="application/json")


def document(rows: Iterable[tuple[str, Route]]) -> dict[str, Any]:
    """Return the description of `rows`, each with the path below which it answers."""
    known = list(rows)
    schemas = _schemas(it for _, it in known)
    paths: dict[str, dict[str, Any]] = {}
    for below, row in known:
        path = _NAME.sub(r"{\1}", below + row.path)
        operation = paths.setdefault(path, {})[row.method.lower()] = _operation(below, row)
        if _MADE in row.success:
            made = (it for it in known if _is_made_by(below, row, *it))
            operation["responses"][str(_MADE)]["links"] = dict(_link(row, *it) for it in made)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Perijove: the REST API of JupyterHub", "version": VERSION},
        "paths": paths,
        "components": {
            "schemas": {**schemas, "Problem": _PROBLEM},
            "securitySchemes": {
                "token": {"type": "apiKey", "in": "header", "name": "Authorization",
                          "description": "`token <secret>` or `bearer <secret>`"},
            },
        },
    }  # fmt: skip


def _is_made_by(below: str, maker: Route, there: str, row: Route) -> bool:
    path = maker.makes[0] or maker.path
    return row.method in _NEXT and (there, row.path) == (below, path)


def _link(maker: Route, below: str, row: Route) -> tuple[str, dict[str, Any]]:
    """Return a link to `row`, which is about what `maker` has made, with its name."""
    names, pointer = _NAME.findall(row.path), maker.makes[1]
    parameters = {name: f"$request.path.{name}" for name in names}
    if pointer:
        parameters[names[-1]] = f"$response.body#{pointer}"
    words = {"GET": "show", "PATCH": "change", "DELETE": "remove"}
    return words[row.method], {"operationId": _id(below, row), "parameters": parameters}


def _operation(below: str, row: Route) -> dict[str, Any]:
    words = (row.handler.__doc__ or "").strip().splitlines()
    operation: dict[str, Any] = {
        "operationId": _id(below, row),
        "tags": [next(it for it, pattern in SUBJECTS if re.search(pattern, row.path))],
        "summary": row.summary or (words[0] if words else ""),
        "description": _rule(row),
        "parameters": [*_in_path(row), *_in_query(row)],
        "responses": _responses(row),
        "security": [] if row.public else [{"token": []}],
        "x-scopes": list(row.any_of),
    }
    if row.body:
        schema = {"$ref": _ref(row.body)}
        operation["requestBody"] = {"content": {"application/json": {"schema": schema}}}
    if row.form:
        kind = "application/x-www-form-urlencoded"
        operation["requestBody"] = {"content": {kind: {"schema": {"type": "object"}}}}
    return operation


def _id(below: str, row: Route) -> str:
    words = re.findall(r"\w+", f"{below.rpartition('/hub')[2]}{row.path}")
    tail = "_slash" if row.path == "/" else ""
    return "_".join([row.method.lower(), *words]) + tail


def _rule(row: Route) -> str:
    if row.any_of:
        return f"Needs any of: {', '.join(row.any_of)}."
    return f"Open to all we know: {row.known}." if row.known else f"Open to all: {row.public}."


def _in_path(row: Route) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in _NAME.findall(row.path)
    ]


def _in_query(row: Route) -> list[dict[str, Any]]:
    if row.query is None:
        return []
    properties: Mapping[str, Any] = row.query.model_json_schema()["properties"]
    return [
        {"name": name, "in": "query", "required": False, "schema": schema}
        for name, schema in properties.items()
    ]


def _responses(row: Route) -> dict[str, Any]:
    responses: dict[str, Any] = {
        str(status): {"description": _MEANT[status], **_content(row, status)}
        for status in row.success
    }
    for status in sorted(_errors(row)):
        responses[str(status)] = {"description": _MEANT[status], "content": _problem(row, status)}
    return responses


def _problem(row: Route, status: int) -> dict[str, Any]:
    if row.pages:
        return {"text/html": {"schema": {"type": "string"}}}
    kind = "application/json" if status in _OAUTH or row.form else "application/problem+json"
    schema = {"type": "object"} if row.form else {"$ref": _REF.format(model="Problem")}
    return {kind: {"schema": schema}}


def _errors(row: Route) -> set[int]:
    errors = {400, 503, *row.errors}
    if not row.public:
        errors.add(403)
    if row.target is not Kind.NONE and not row.public:
        errors.add(404)
    if row.any_of and not row.unaudited:
        errors.add(429)
    if row.body or row.form:
        errors.add(413)
    return errors


def _content(row: Route, status: int) -> dict[str, Any]:
    if status == _EMPTY or (row.returns is None and row.media.endswith("/json")):
        return {}
    if row.returns is None:
        return {"content": {row.media: {"schema": {"type": "string"}}}}
    schema: dict[str, Any] = {"$ref": _ref(row.returns)}
    if row.many:
        schema = {"type": "array", "items": schema}
    if row.also:
        schema = {"anyOf": [schema, {"$ref": _ref(row.also)}]}
    return {"content": {row.media: {"schema": schema}}}


def _ref(model: type[BaseModel]) -> str:
    return _REF.format(model=model.__name__)


def _schemas(rows: Iterable[Route]) -> dict[str, Any]:
    """Return the schema of every model; what is sent may lack what may not be seen."""
    taken: dict[type[BaseModel], None] = {}
    given: dict[type[BaseModel], None] = {}
    for row in rows:
        taken.update({row.body: None} if row.body else {})
        given.update({it: None for it in (row.returns, row.also) if it})
    inputs: list[tuple[type[BaseModel], Any]] = [(model, "validation") for model in taken]
    outputs: list[tuple[type[BaseModel], Any]] = [(model, "serialization") for model in given]
    _, found = models_json_schema(inputs + outputs, ref_template=_REF)
    schemas: dict[str, Any] = found.get("$defs", {})
    for model in given:
        _loosen(schemas[model.__name__])
    return schemas


def _loosen(schema: dict[str, Any]) -> None:
    schema.pop("required", None)
