"""/api/docs: the REST API for people who write programs, drawn from its OpenAPI document."""

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup, escape
from starlette.responses import Response

from perijove.core import Hub
from perijove.http.openapi import PUBLIC, SUBJECTS
from perijove.http.page import Page, Visit, page
from perijove.http.reader import noted
from perijove.web.frame import draw, reader

_FEW = 6
"""Calls that are found, which stand open at once."""
_SITE = "https://site.invalid"
"""Stands where the address of the hub is put in: what is kept is of no one host."""
_DEEP = 3
"""Objects within objects that an example shows."""
TITLES = {
    "hub": noted("Hub"),
    "users": noted("People"),
    "servers": noted("Servers"),
    "tokens": noted("Tokens"),
    "sharing": noted("Sharing"),
    "groups": noted("Groups"),
    "services": noted("Services"),
    "audit": noted("Audit log"),
    "proxy": noted("Proxy"),
    "oauth": noted("OAuth"),
}
ORDER = tuple(TITLES)
assert set(ORDER) == {name for name, _ in SUBJECTS}


@dataclass(frozen=True, slots=True)
class Field:
    """One member of an object, or one parameter of a call."""

    name: str
    kind: str
    needed: bool
    place: str = ""
    """Of a parameter: path or query."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One status that a call answers with."""

    status: str
    about: str
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method of one URL."""

    id: str
    method: str
    path: str
    about: str
    subject: str
    scopes: Sequence[str]
    rule: str
    """Who may, where no scope says so."""
    parameters: Sequence[Field]
    body: Sequence[Field]
    body_kind: str
    answers: Sequence[Answer]
    returned: Sequence[Field]
    """Members of what it answers with, or of each item."""
    example: str

    @property
    def words(self) -> str:
        """What a search looks at."""
        return " ".join([self.method, self.path, self.about, self.subject, *self.scopes]).lower()


@dataclass(frozen=True, slots=True)
class Drawn:
    """An operation, and what stands below its first line, in one language."""

    it: Operation
    inside: str


class Docs:
    """Draws the page; of each operation the inside once for each language."""

    def __init__(self, document: Callable[[], Mapping[str, Any]]) -> None:
        self._document = document
        self._drawn: dict[str, Sequence[Drawn]] = {}

    async def __call__(self, hub: Hub, visit: Visit) -> Response:
        """Show every call, or those that have all words that are looked for."""
        query = visit.asked("q").strip()[:255]
        every = await self._in_language(visit)
        found = [each for each in every if all(it in each.it.words for it in query.lower().split())]
        site = escape(visit.request.site)
        return await draw(
            hub,
            visit,
            "api.html",
            query=query,
            total=len(found),
            opened=bool(query) and len(found) <= _FEW,
            subjects=_by_subject(found, site, visit),
            base=f"{visit.request.site}{hub.base_url}hub/api",
        )

    async def _in_language(self, visit: Visit) -> Sequence[Drawn]:
        language = reader(visit).language
        if language not in self._drawn:
            self._drawn[language] = await asyncio.to_thread(self._draw, visit)
        return self._drawn[language]

    def _draw(self, visit: Visit) -> list[Drawn]:
        return [
            Drawn(it, visit.pages.text(visit, "api-call.html", it=it))
            for it in operations(self._document())
        ]


def page_of(document: Callable[[], Mapping[str, Any]]) -> Page:
    """Return the page that shows a document of OpenAPI."""
    return page("GET", "/api/docs", Docs(document), public=PUBLIC)


def _by_subject(
    found: Iterable[Drawn], site: str, visit: Visit
) -> list[tuple[str, str, list[tuple[Operation, Markup]]]]:
    """Return the key, the title and the operations of each subject that has any."""
    groups: dict[str, list[tuple[Operation, Markup]]] = {name: [] for name in ORDER}
    for each in found:
        inside = Markup(each.inside.replace(_SITE, site))  # noqa: S704 - a template has drawn it
        groups[each.it.subject].append((each.it, inside))
    who = reader(visit)
    return [(name, who.say(TITLES[name]), group) for name, group in groups.items() if group]


def operations(document: Mapping[str, Any]) -> list[Operation]:
    """Return every operation of a document of OpenAPI, in its order."""
    schemas: Mapping[str, Any] = document["components"]["schemas"]
    return [
        _operation(method, path, told, schemas)
        for path, methods in document["paths"].items()
        for method, told in methods.items()
    ]


def _operation(
    method: str, path: str, told: Mapping[str, Any], schemas: Mapping[str, Any]
) -> Operation:
    content: Mapping[str, Any] = told.get("requestBody", {}).get("content", {})
    media, schema = next(((it, each["schema"]) for it, each in content.items()), ("", {}))
    answers = [
        Answer(status, each["description"], _kind_of_answer(each))
        for status, each in told["responses"].items()
    ]
    return Operation(
        id=told["operationId"],
        method=method.upper(),
        path=path,
        about=told["summary"],
        subject=told["tags"][0],
        scopes=told["x-scopes"],
        rule="" if told["x-scopes"] else told["description"],
        parameters=[
            Field(it["name"], kind(it["schema"]), it["required"], it["in"])
            for it in told["parameters"]
        ],
        body=fields(schema, schemas),
        body_kind=media,
        answers=answers,
        returned=_returned(told, schemas),
        example=_example(method.upper(), path, told, media, _sample(schema, schemas)),
    )


def _kind_of_answer(told: Mapping[str, Any]) -> str:
    content = told.get("content", {})
    return next((kind(it["schema"]) if media.endswith("json") else media
                 for media, it in content.items()), "")  # fmt: skip


def _returned(told: Mapping[str, Any], schemas: Mapping[str, Any]) -> list[Field]:
    no_content: Mapping[str, Any] = {}
    good = (it for status, it in told["responses"].items() if status.startswith("2"))
    content: Mapping[str, Any] = next(good, no_content).get("content", {})
    schema: Mapping[str, Any] = next((it["schema"] for it in content.values()), {})
    return fields(schema.get("items", schema), schemas)


def fields(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> list[Field]:
    """Return the members of the object that a schema describes."""
    found = _resolved(schema, schemas)
    needed = set(found.get("required", ()))
    return [
        Field(name, kind(it), name in needed) for name, it in found.get("properties", {}).items()
    ]


def kind(schema: Mapping[str, Any]) -> str:
    """Return what a value is, as JSON Schema says it: `list of string`, `integer or null`."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if many := schema.get("anyOf"):
        return " or ".join(dict.fromkeys(map(kind, many)))
    if values := schema.get("enum"):
        return " or ".join(map(str, values))
    if "const" in schema:
        return str(schema["const"])
    if schema.get("type") == "array":
        return f"list of {kind(schema.get('items', {}))}"
    word = str(schema.get("type", "anything"))
    return f"{word} ({schema['format']})" if "format" in schema else word


def _resolved(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Mapping[str, Any]:
    name = str(schema.get("$ref", "")).rpartition("/")[2]
    found: Mapping[str, Any] = schemas[name] if name else schema
    return found


def _sample(schema: Mapping[str, Any], schemas: Mapping[str, Any], deep: int = 0) -> Any:
    """Return a value that a schema allows: of an object what it must have, or else its first."""
    it = _resolved(schema, schemas)
    if many := it.get("anyOf"):
        return _sample(many[0], schemas, deep)
    if it.get("enum"):
        return it["enum"][0]
    match it.get("type"):
        case "object" if deep < _DEEP:
            properties: Mapping[str, Any] = it.get("properties", {})
            names = it.get("required") or list(properties)[:1]
            return {name: _sample(properties[name], schemas, deep + 1) for name in names}
        case "object":
            return {}
        case "array":
            return [_sample(it.get("items", {}), schemas, deep + 1)]
        case "integer" | "number":
            return it.get("minimum", 1)
        case "boolean":
            return True
        case _:
            return "…"


def _example(method: str, path: str, told: Mapping[str, Any], media: str, body: Any) -> str:
    """Return a line for a shell; what stands in a path in braces is to be put in, in capitals."""
    words = ["curl"]
    if method != "GET":
        words.append(f"-X {method}")
    if told["security"]:
        words.append('-H "Authorization: token $PERIJOVE_TOKEN"')
    if media.endswith("/json"):
        sent = json.dumps(body, ensure_ascii=False)
        words.append(f"-H 'Content-Type: {media}' -d '{sent}'")
    elif media:
        words.append("-d 'name=value'")
    return " ".join([*words, f'"{_SITE}{_in_capitals(path)}"'])


def _in_capitals(path: str) -> str:
    parts = path.split("/")
    return "/".join(it[1:-1].upper() if it.startswith("{") else it for it in parts)
