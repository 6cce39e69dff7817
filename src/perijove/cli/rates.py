"""Rates: what has happened between two looks at the metrics of a proxy."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from typing import Any

from perijove.cli.trouble import Trouble
from perijove.cli.usage import size

_PREFIX = "perijove_proxy_"
_LINE = re.compile(rf'{_PREFIX}(\w+)(?:\{{\w+="([^"]*)"\}})? (\S+)')
Values = Mapping[tuple[str, str], float]
"""By name and label ('': there is none)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What the counters said, and when."""

    at: float
    values: Values


def read(text: str) -> Values:
    """Return what the page of metrics says.

    Raises:
        Trouble: it is that of something else.
    """
    found = {}
    for line in text.splitlines():
        if match := _LINE.fullmatch(line):
            name, label, value = match.groups()
            found[name, label or ""] = float(value)
    if ("connections", "") not in found:
        raise Trouble("What answers there is no proxy of Perijove: it has none of its metrics.")
    return found


def rates(before: Look, now: Look) -> dict[str, Any]:
    """Return what happened each second between two looks, and what there is now."""
    seconds = max(now.at - before.at, 1e-3)

    def gone(name: str) -> dict[str, float]:
        """Return by how much each counter has grown; one of a new process began at 0."""
        grown = {}
        for (it, label), value in now.values.items():
            was = before.values.get((it, label), 0.0)
            if it == name:
                grown[label] = value - was if value >= was else value
        return grown

    def each_second(name: str) -> float:
        return round(sum(gone(name).values()) / seconds, 1)

    statuses = {it: round(count / seconds, 1) for it, count in gone("requests_total").items()}
    count, sum_ = (sum(gone(f"response_seconds_{it}").values()) for it in ("count", "sum"))
    now_is = {name: _value(now, name) for name in _NOW}
    return {
        "seconds": round(seconds, 3),
        "requests_per_second": round(sum(statuses.values()), 1),
        "by_status": {it: rate for it, rate in statuses.items() if rate},
        "received_bytes_per_second": each_second("received_bytes_total"),
        "sent_bytes_per_second": each_second("sent_bytes_total"),
        **now_is,
        "refused": _some(gone("refused_total")),
        "errors": _some(gone("upstream_errors_total")),
        "mean_seconds": round(sum_ / count, 6) if count else None,
        "slowest_seconds": _slowest(gone("response_seconds_bucket")),
    }


def shown(found: Mapping[str, Any]) -> dict[str, str]:
    """Return the lines that people are shown."""
    statuses = ", ".join(f"{it}: {rate:,}" for it, rate in sorted(found["by_status"].items()))
    received, sent = (size(found[f"{it}_bytes_per_second"]) for it in ("received", "sent"))
    drains = "; draining" if found["draining"] else ""
    return {
        "requests": f"{found['requests_per_second']:,} a second"
        + f" ({statuses})" * bool(statuses),
        "bytes": f"{received} a second received, {sent} sent",
        "open": f"{found['connections']:,} connections, {found['websockets']:,} of them WebSockets;"
        f" {found['idle_upstreams']:,} idle to targets{drains}",
        "refused": _counted(found["refused"]),
        "errors": _counted(found["errors"]),
        "slowest": _between(found["slowest_seconds"], found["mean_seconds"]),
        "routes": f"{found['routes']:,}",
    }


_NOW = ("connections", "websockets", "idle_upstreams", "routes", "draining")


def _value(look: Look, name: str) -> int:
    return int(look.values.get((name, ""), 0))


def _some(grown: Mapping[str, float]) -> dict[str, int]:
    return {it: int(count) for it, count in grown.items() if count}


def _slowest(below: Mapping[str, float]) -> dict[str, float | None] | None:
    """Return between which bounds the slowest answer began; None: there was none."""
    bounds = sorted((inf if it == "+Inf" else float(it), count) for it, count in below.items())
    whole, least = max(below.values(), default=0.0), 0.0
    if not whole:
        return None
    for bound, count in bounds:
        if count >= whole:
            return {"over": least, "within": None if bound == inf else bound}
        least = bound
    return None


def _counted(found: Mapping[str, int]) -> str:
    return ", ".join(f"{it} {count:,}" for it, count in sorted(found.items())) or "none"


def _between(slowest: Mapping[str, float | None] | None, mean: float | None) -> str:
    if slowest is None or mean is None:
        return "no answers"
    within = slowest["within"]
    end = f"{within:g} s" if within else "any time"
    return f"{slowest['over']:g} to {end} until an answer began; {mean:.3g} s on average"
