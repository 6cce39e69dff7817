"""Where a path leads is the same for proxy, hub and servers, whatever is written in it."""

from typing import Any

from perijove.http.asked import Asked
from perijove.proxy.paths import canonical, has_dots, without_dots
from perijove.proxy.refusal import Refusal
from perijove.proxy.table import Table, checksum
from perijove.singleuser import paths as singleuser
from tests.bar import size
from tests.vectors.paths import PREFIXES, paths

COUNT = size(17, 5_000, 100_000)
HUB = "http://127.0.0.1:1"


async def nothing() -> Any:
    raise AssertionError


def asked_of_the_hub(path: bytes) -> Asked:
    scope = {"type": "http", "method": "GET", "raw_path": path, "query_string": b"", "headers": []}
    return Asked(scope, nothing)


def table() -> Table:
    entries = {prefix: {"target": f"http://127.0.0.1:{n}"} for n, prefix in enumerate(PREFIXES, 2)}
    found = Table(HUB)
    found.replace(1, entries, checksum(entries))
    return found


def wrong(known: Table, sent: str) -> str:
    """Return in which way the three do not agree about a path."""
    path = sent.encode("latin-1").partition(b"?")[0]
    hub = asked_of_the_hub(path)
    try:
        form = canonical(path)
    except Refusal as refusal:
        return "" if refusal.status == 400 and hub.odd_path else "only the proxy refuses it"
    if hub.odd_path or hub.raw_path.encode() != form:
        return f"the hub takes it for {hub.raw_path}"
    passed_on = without_dots(path) if has_dots(path) else path
    again = asked_of_the_hub(passed_on)
    if again.odd_path or again.raw_path.encode() != form:
        return f"the hub takes what is passed on for {again.raw_path}"
    route = known.match(form)
    assert route is not None
    if path.isascii() and singleuser.canonical(passed_on.decode()).encode() != form:
        return f"a server takes it for {singleuser.canonical(passed_on.decode())}"
    takers = {it for it in PREFIXES if taken(it, passed_on.decode("latin-1"))}
    above = {it for it in PREFIXES if route.prefix.startswith(it)}
    return "" if takers == above else f"{route.prefix} is taken by {takers}"


def taken(prefix: str, path: str) -> bool:
    """Return whether the server with that prefix takes a path for its own."""
    ours = singleuser.under(prefix, path)
    return ours.startswith(prefix) or f"{ours}/" == prefix


def test_a_path_leads_to_the_same_place_for_all_three() -> None:
    known = table()
    found = [(sent, problem) for sent in paths(COUNT, 17) if (problem := wrong(known, sent))]
    assert not found[:10]


def test_the_paths_are_of_every_kind() -> None:
    known, met = table(), {"refused": 0, "dots": 0, "hub": 0, "server": 0}
    for sent in paths(COUNT, 17):
        path = sent.encode("latin-1").partition(b"?")[0]
        try:
            route = known.match(canonical(path))
        except Refusal:
            met["refused"] += 1
            continue
        met["dots"] += has_dots(path)
        met["hub" if route is None or route.prefix == "/" else "server"] += 1
    assert min(met.values()) > COUNT // 20, met
