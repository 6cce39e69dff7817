"""The figures on a cluster as a page of the reference."""

import platform
from datetime import datetime
from pathlib import Path

from bench.cluster.first import First
from bench.cluster.measure import Figures
from bench.hub.report import Row
from bench.page import machine

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "performance-cluster.md"
_BY_WALL = 1.2


def rows(ours: Figures, theirs: Figures | None, wall: float) -> list[Row]:
    """Return the table; `wall`: the seconds that the same pods take by kubectl alone."""
    lines: list[tuple[str, float, str, str]] = [
        ("hub CPU for a start", 2.0, "ms", "start_ms"),
        ("hub CPU for a stop", 1.5, "ms", "stop_ms"),
        ("all starts at once: all ready", round(_BY_WALL * wall, 1), "s", "start_seconds"),
        ("… answers 429", 0, "", "refused"),
        ("all stops at once: all gone", 5, "s", "stop_seconds"),
        ("API requests of the hub for a start", 1.1, "", "asked_a_start"),
        ("API requests a minute, at rest", 2, "", "asked_a_minute"),
        ("… of them lists", 0, "", "lists_a_minute"),
        ("hub CPU at rest", 0.5, "%", "idle_percent"),
        ("RSS of a fresh hub", 80, "MiB", "fresh_mib"),
        ("RSS with all servers", 100, "MiB", "full_mib"),
    ]
    return [
        Row(what, bar, unit, getattr(ours, name), getattr(theirs, name) if theirs else None)
        for what, bar, unit, name in lines
    ]


def waits(ours: First, theirs: First | None) -> list[Row]:
    """Return how long a person waits for a real pod with a new volume; theirs is the bar."""
    lines = (("from the wish to ready", "ready"), ("… to a kernel's first answer", "answer"))
    return [
        Row(
            what,
            round(getattr(theirs, name), 1) if theirs else float("inf"),
            "s",
            getattr(ours, name),
            getattr(theirs, name) if theirs else None,
        )
        for what, name in lines
    ]


def write(table: list[Row], today: datetime, servers: int, wall: float) -> str:
    """Write the page; return it."""
    missed = [row.what for row in table if not row.met]
    said = f"Missed: {'; '.join(missed)}." if missed else "Every bar is met."
    text = f"""# Performance on Kubernetes

Written by `python -m bench.cluster` on {today:%Y-%m-%d}, on {machine()}, Python
{platform.python_version()}, with the test cluster (`make cluster-up`) on the same machine.

Our hub beside that of Zero-to-JupyterHub (JupyterHub 5.5.0, KubeSpawner 7.1.0,
configurable-http-proxy), one after the other in one run. {servers} servers are played pods (kwok)
on a real API server and scheduler; one stub answers for all of them. CPU is that of the hub
process, from /proc; requests are counted by client in the API server's audit log, where a watch
counts once. The same {servers} pods made by `kubectl create` alone take {wall:.1f} s: that is the
cluster's own share. The last two rows are the medians of three real pods, one after the other,
with a new volume each and the unmodified image of jupyterhub-singleuser.

| | Perijove | Zero-to-JupyterHub | ratio | bar | met |
|---|---|---|---|---|---|
{chr(10).join(row.text() for row in table)}

{said}
"""
    PAGE.write_text(text)
    return text
