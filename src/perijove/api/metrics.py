"""Metrics in the text format of Prometheus, under the names of JupyterHub (hub.md 2.10)."""

import os
from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import TYPE_CHECKING

from perijove.core import Hub
from perijove.kit.timings import BOUNDS, Counted, Labels
from perijove.model.server import Phase
from perijove.store.people import Wanted

if TYPE_CHECKING:
    from prometheus_client import Metric

_PREFIX = os.environ.get("JUPYTERHUB_METRICS_PREFIX", "jupyterhub")


async def exposition(hub: Hub) -> tuple[bytes, str]:
    """Return all metrics, and the media type they are written in."""
    # Read when somebody asks: a hub that nobody watches does not carry the library.
    from prometheus_client import CollectorRegistry, generate_latest  # noqa: PLC0415
    from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4  # noqa: PLC0415

    found = [*await _gauges(hub), _requests(hub.timings.counted.items())]

    class Here:
        def collect(self) -> Iterable["Metric"]:
            return found

    registry = CollectorRegistry(auto_describe=False)
    registry.register(Here())
    return generate_latest(registry), CONTENT_TYPE_PLAIN_0_0_4


async def _gauges(hub: Hub) -> list["Metric"]:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily  # noqa: PLC0415

    servers = await hub.servers.running()
    running = sum(1 for server in servers if server.phase is Phase.RUNNING)
    _, total = await hub.accounts.page(Wanted(), 0, 1)
    reports = CounterMetricFamily(f"{_PREFIX}_csp_reports", "Content security reports")
    reports.add_metric([], hub.timings.reports)
    return [
        GaugeMetricFamily(f"{_PREFIX}_running_servers", "Servers that run", running),
        GaugeMetricFamily(f"{_PREFIX}_total_users", "Users", total),
        reports,
    ]


def _requests(counted: Iterable[tuple[Labels, Counted]]) -> "Metric":
    from prometheus_client.core import HistogramMetricFamily  # noqa: PLC0415

    family = HistogramMetricFamily(
        f"{_PREFIX}_request_duration_seconds",
        "Seconds that requests have taken",
        labels=["method", "handler", "code"],
    )
    for (method, handler, code), one in counted:
        family.add_metric([method, handler, str(code)], list(_buckets(one)), one.seconds)
    return family


def _buckets(counted: Counted) -> Iterator[tuple[str, float]]:
    bounds = [*(str(bound) for bound in BOUNDS), "+Inf"]
    return zip(bounds, accumulate(counted.buckets), strict=True)
