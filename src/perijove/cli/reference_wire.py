"""The reference pages of what goes over the wire: the REST API, scopes, metrics."""

from collections.abc import Iterator, Mapping
from typing import Any

from perijove.api.metrics import GAUGES, PERIODS, REPORTED, REPORTS
from perijove.api.ours import OURS, PROCESS
from perijove.api.routes import ROOT, ROUTES
from perijove.core.roles import DEFAULTS
from perijove.http import elsewhere
from perijove.http.openapi import Description, document
from perijove.http.page import Page
from perijove.http.route import Route
from perijove.kit.timings import KINDS
from perijove.model.scope import IMPLIES, SELF
from perijove.oauth import routes as oauth
from perijove.proxy import metrics as proxy
from perijove.web.routes import PAGES

MADE = "<!-- Made from the code: UPDATE=1 pytest tests/unit/test_reference.py -->\n"
_API = "/hub/api"
_ABSENT = {
    "proxy_add_duration_seconds": "proxies pull their table; nobody adds a route to one",
    "proxy_delete_duration_seconds": "likewise",
    "proxy_poll_duration_seconds": "likewise; `check_routes_duration_seconds` is our side of it",
    "init_spawners_duration_seconds": "servers are adopted while the hub answers already",
}
"""Of JupyterHub's metrics, those that would say nothing true here."""


def rest_api() -> str:
    """Return docs/reference/rest-api.md."""
    return "\n".join([*_rest_api(), ""])


def scopes() -> str:
    """Return docs/reference/scopes.md."""
    return "\n".join([*_scopes(), ""])


def metrics() -> str:
    """Return docs/reference/metrics.md."""
    return "\n".join([*_metrics(), ""])


def _routes() -> list[Route]:
    api = [*ROUTES, *oauth.ROUTES]
    return [*api, Description([(_API, it) for it in api], _API).row]


def _rest_api() -> Iterator[str]:
    yield "# REST API\n"
    yield MADE
    yield "What JupyterHub 6.1 answers, at the same paths. All of it is below `/hub/api` (after"
    yield "`hub.baseUrl`); the hub describes itself in `/hub/api/openapi.json`, and to"
    yield "people at `/hub/api/docs`."
    yield "Send `Authorization: token <secret>`. Every error is `{status, message, code, params}`"
    yield "([codes](error-codes.md)); any request can meet 400, and 503 while the database is away."
    routes = _routes()
    told = document((_API, it) for it in routes)
    for row in routes:
        path = f"{_API}{row.path}".replace("{*", "{")
        yield from _route(row, told["paths"][path][row.method.lower()])
    yield "\n## Models\n\nA field that may not be seen is not sent."
    for name, schema in sorted(told["components"]["schemas"].items()):
        if name != "Problem":
            yield f"\n### {name}\n"
            yield from _fields(schema) if "properties" in schema else (_of_one_piece(schema),)
    yield from _addresses()


def _route(row: Route, told: Mapping[str, Any]) -> Iterator[str]:
    yield f"\n## {row.method} {row.path or '(the API itself)'}\n"
    also = " Also below `/hub`." if row in ROOT else ""
    yield f"{told['summary']}{also}\n"
    yield f"- Who may: {_who(row)}"
    if row.query:
        names = ", ".join(
            f"`{it['name']}` ({_type(it['schema'])})"
            for it in told["parameters"]
            if it["in"] == "query"
        )
        yield f"- Query: {names}"
    if row.body:
        yield f"- Body: {_link(row.body.__name__)}"
    if row.form:
        yield "- Body: a form"
    for status, answer in told["responses"].items():
        (kind,) = answer.get("content", {"": None})
        media = f", `{kind}`" if kind and not kind.endswith("json") else ""
        gives = _given(answer, kind) if status < "300" else ""
        yield f"- {status}: {answer['description']}{gives}{media}"


def _who(row: Route) -> str:
    if row.any_of:
        return f"any of {', '.join(f'`{it}`' for it in row.any_of)} ([scopes](scopes.md))"
    return f"everybody whom we know: {row.known}" if row.known else f"everybody: {row.public}"


def _given(answer: Mapping[str, Any], kind: str) -> str:
    return f", {_type(answer['content'][kind]['schema'])}" if kind.endswith("json") else ""


def _of_one_piece(schema: Mapping[str, Any]) -> str:
    said = _type(schema)
    return f"{said[:1].upper()}{said[1:]}. {schema.get('description', '')}".strip()


def _fields(schema: Mapping[str, Any]) -> Iterator[str]:
    yield "| field | type |\n|---|---|"
    needed = schema.get("required", ())
    for name, of in schema["properties"].items():
        more = f"{', required' if name in needed else ''}{_limits(of)}"
        yield f"| `{name}` | {_type(of)}{more} |"


def _limits(schema: Mapping[str, Any]) -> str:
    return f", {schema['description']}" if "description" in schema else ""


def _type(schema: Mapping[str, Any]) -> str:
    """Return a schema in a few words."""
    if "$ref" in schema:
        return _link(schema["$ref"].rpartition("/")[2])
    if "anyOf" in schema:
        return " or ".join(_type(it) for it in schema["anyOf"])
    match schema.get("type"):
        case "array":
            return f"list of {_type(schema.get('items', {}))}"
        case "object" if isinstance(schema.get("additionalProperties"), dict):
            return f"object of {_type(schema['additionalProperties'])}"
        case "string" if schema.get("format") == "date-time":
            return "time"
        case str(kind):
            return kind
        case _:
            return "anything"


def _link(model: str) -> str:
    return f"[{model}](#{model.lower()})"


def _addresses() -> Iterator[str]:
    yield "\n## Addresses for people\n\nBelow `/hub`; no program needs them.\n"
    yield "| method | path | who may | what it does |\n|---|---|---|---|"
    for row in (*PAGES, *oauth.PAGES, *elsewhere.PAGES):
        words = (row.handler.__doc__ or "").strip().splitlines()[0]
        yield f"| {row.method} | `{row.path}` | {_visitor(row)} | {words} |"


def _visitor(row: Page) -> str:
    if row.public:
        return f"everybody: {row.public}"
    return ", ".join(f"`{it}`" for it in row.any_of) or "who has signed in"


def _scopes() -> Iterator[str]:
    yield "# Scopes\n"
    yield MADE
    yield "What somebody may do. A scope alone is good for everything; `!user=ada`, `!group=g`,"
    yield "`!server=ada/lab` and `!service=s` after it cut it down to that. A token holds at most"
    yield "what its owner holds. Without the scope a request gets 403; with one that is filtered"
    yield "to something else, 404, so that nobody learns what there is.\n"
    yield "| scope | implies | opens |\n|---|---|---|"
    for name, implied in IMPLIES.items():
        opens = sorted({f"{it.method} {it.path}" for it in _routes() if name in it.any_of})
        cells = (f"`{name}`", _listed(implied), "<br>".join(f"`{it}`" for it in opens))
        yield f"| {' | '.join(cells)} |"
    yield f"\n`self`, of a user: {_listed(SELF)}, each filtered to that user."
    yield "Custom scopes (`custom:…`) are those of `hub.config.JupyterHub.custom_scopes`: they open"
    yield "nothing here, and mean something to services ([how](../how-to/roles.md))."
    yield "\n## Roles\n\n`hub.loadRoles` adds others, and may change all but `admin`.\n"
    yield "| role | scopes | what it is for |\n|---|---|---|"
    for role in DEFAULTS:
        yield f"| `{role.name}` | {_listed(role.scopes)} | {role.description} |"


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


_PROXY_WORDS = """
`reason` and `cause` are words that stay: a request is refused as `malformed`, `bad-path` …, or
for [a limit](../how-to/chp.md#what-one-client-may-take); a target fails as `connect`,
`connect-timeout`, `closed`, `cut-short`, `bad-answer`, `silent`, `shunned`, or `stale`: a kept
connection was dead.
"""


def _metrics() -> Iterator[str]:
    yield "# Metrics\n"
    yield MADE
    yield "`/hub/metrics`, in the text format of Prometheus, for who holds `read:metrics`; for"
    yield "everybody with `hub.config.JupyterHub.authenticate_prometheus: false`. Every name"
    yield "of this table begins with `jupyterhub_` (`JUPYTERHUB_METRICS_PREFIX` changes that).\n"
    yield "| name | kind | labels | what it counts |\n|---|---|---|---|"
    for name, words in GAUGES.items():
        labels = f"`period`: {', '.join(PERIODS)}" if name == "active_users" else ""
        yield f"| `{name}` | gauge | {labels} | {words} |"
    yield f"| `{REPORTS}_total` | counter |  | {REPORTED} |"
    for name, kind in KINDS.items():
        labels = ", ".join(f"`{it}`" for it in kind.labels)
        yield f"| `{name}` | histogram, seconds | {labels} | {kind.words} |"
    yield "\n`status` is `success` or `failure`, of a look `running` or `stopped`. `reason` is an"
    yield "[error code](error-codes.md), or `throttled` where too many were starting.\n"
    yield "## Our own\n\n| name | kind | label | what it counts |\n|---|---|---|---|"
    for it in OURS:
        shape, end = ("counter", "_total") if it.counts else ("gauge", "")
        label = f"`{it.label}`" if it.label else ""
        yield f"| `perijove_{it.name}{end}` | {shape} | {label} | {it.words} |"
    yield from (f"| `{name}` | | | {words} |" for name, words in PROCESS.items())
    yield "\n`phase` is queued, starting, running or stopping; `reason` an error code, or `asked`."
    yield "Of several hubs each tells its own `shards`, `followers` and counters.\n"
    yield "## The proxy\n\n`/metrics` at `--metrics-port` of `perijove proxy` and `perijove-proxy`"
    yield "(or `--metrics-socket`), for everybody who reaches that place.\n"
    yield "| name | kind | label | what it counts |\n|---|---|---|---|"
    for name, (shape, label, words) in proxy.OURS.items():
        named = f"`{label}`" if label else ""
        yield f"| `perijove_proxy_{name}` | {shape} | {named} | {words} |"
    yield _PROXY_WORDS
    yield "## Of JupyterHub's, not here\n\n| name | why |\n|---|---|"
    yield from (f"| `{name}` | {why} |" for name, why in _ABSENT.items())
