"""Metrics in the text format of Prometheus, under the names of JupyterHub (hub.md 2.10)."""

import asyncio
import os
from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate
from typing import TYPE_CHECKING

from perijove.core import Hub
from perijove.kit.timings import BOUNDS, Counted, Labels
from perijove.model.server import Phase
from perijove.store.people import Wanted

if TYPE_CHECKING:
    from prometheus_client import Metric

_PREFIX = os.environ.get("JUPYTERHUB_METRICS_PREFIX", "jupyterhub")
_WORDS = {"running_servers": "Servers that run", "total_users": "Users"}


async def exposition(hub: Hub) -> tuple[bytes, str]:
    """Return all metrics, and the media type they are written in."""
    servers = await hub.servers.running()
    _, total = await hub.accounts.page(Wanted(), 0, 1)
    running = sum(1 for server in servers if server.phase is Phase.RUNNING)
    gauges = {"running_servers": running, "total_users": total}
    counted = {
        labels: Counted(list(one.buckets), one.seconds)
        for labels, one in hub.timings.counted.items()
    }
    return await asyncio.to_thread(_text, gauges, hub.timings.reports, counted)


def _text(
    gauges: Mapping[str, float], reports: int, counted: Mapping[Labels, Counted]
) -> tuple[bytes, str]:
    # Read when somebody asks: a hub that nobody watches does not carry the library.
    from prometheus_client import CollectorRegistry, generate_latest  # noqa: PLC0415
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily  # noqa: PLC0415
    from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4  # noqa: PLC0415

    found: list[Metric] = [
        GaugeMetricFamily(f"{_PREFIX}_{name}", _WORDS[name], value)
        for name, value in gauges.items()
    ]
    told = "Reports of browsers about pages that broke their policy"
    found.append(CounterMetricFamily(f"{_PREFIX}_csp_reports", told, reports))
    found.append(_requests(counted))

    class Here:
        def collect(self) -> Iterable["Metric"]:
            return found

    registry = CollectorRegistry(auto_describe=False)
    registry.register(Here())
    return generate_latest(registry), CONTENT_TYPE_PLAIN_0_0_4


def _requests(counted: Mapping[Labels, Counted]) -> "Metric":
    from prometheus_client.core import HistogramMetricFamily  # noqa: PLC0415

    family = HistogramMetricFamily(
        f"{_PREFIX}_request_duration_seconds",
        "Seconds that requests have taken",
        labels=["method", "handler", "code"],
    )
    for (method, handler, code), one in counted.items():
        family.add_metric([method, handler, str(code)], list(_buckets(one)), one.seconds)
    return family


def _buckets(counted: Counted) -> Iterator[tuple[str, float]]:
    bounds = [*(str(bound) for bound in BOUNDS), "+Inf"]
    return zip(bounds, accumulate(counted.buckets), strict=True)
