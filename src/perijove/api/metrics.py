"""Metrics in the text format of Prometheus: those of JupyterHub (hub.md 2.10), and ours."""

import asyncio
import os
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from itertools import accumulate
from typing import TYPE_CHECKING, TypeAlias

from perijove.api.ours import families, numbers, process
from perijove.core import Hub
from perijove.kit.timings import KINDS, Counted, Labels
from perijove.model.server import Phase
from perijove.store.people import Wanted

if TYPE_CHECKING:
    from prometheus_client import Metric

_PREFIX = os.environ.get("JUPYTERHUB_METRICS_PREFIX", "jupyterhub")
GAUGES = {
    "running_servers": "Servers that run",
    "total_users": "Users",
    "active_users": "Users who did something in the last `period`",
    "place_silence_seconds": "Seconds without a word of the place where servers run",
}
REPORTS = "csp_reports"
REPORTED = "Reports of browsers about pages that broke their policy"
PERIODS = {"24h": timedelta(days=1), "7d": timedelta(days=7), "30d": timedelta(days=30)}
_Gauges: TypeAlias = Mapping[str, Mapping[str, float]]
"""By name, then by period; '' is the one value of what has none."""
_Histograms: TypeAlias = Mapping[tuple[str, Labels], Counted]


async def exposition(hub: Hub) -> tuple[bytes, str]:
    """Return all metrics, and the media type they are written in."""
    servers = await hub.servers.running()
    _, total = await hub.accounts.page(Wanted(), 0, 1)
    running = sum(1 for server in servers if server.phase is Phase.RUNNING)
    now = hub.clock()
    active = {
        period: float(await hub.activity.people_since(now - length))
        for period, length in PERIODS.items()
    }
    gauges: _Gauges = {
        "running_servers": {"": running},
        "total_users": {"": total},
        "active_users": active,
        "place_silence_seconds": {"": hub.silence_of_place()},
    }
    mine = await numbers(hub, servers)
    counted = {
        key: Counted(list(one.buckets), one.seconds) for key, one in hub.timings.counted.items()
    }
    return await asyncio.to_thread(_text, gauges, hub.timings.reports, counted, mine)


def _text(gauges: _Gauges, reports: int, counted: _Histograms, mine: _Gauges) -> tuple[bytes, str]:
    # Read when somebody asks: a hub that nobody watches does not carry the library.
    from prometheus_client import CollectorRegistry, generate_latest  # noqa: PLC0415
    from prometheus_client.core import CounterMetricFamily  # noqa: PLC0415
    from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4  # noqa: PLC0415

    found = [
        *_gauges(gauges),
        CounterMetricFamily(f"{_PREFIX}_{REPORTS}", REPORTED, reports),
        *_histograms(counted),
        *families(mine),
        *process(),
    ]

    class Here:
        def collect(self) -> Iterable["Metric"]:
            return found

    registry = CollectorRegistry(auto_describe=False)
    registry.register(Here())
    return generate_latest(registry), CONTENT_TYPE_PLAIN_0_0_4


def _gauges(gauges: _Gauges) -> Iterator["Metric"]:
    from prometheus_client.core import GaugeMetricFamily  # noqa: PLC0415

    for name, values in gauges.items():
        labels = ["period"] if "" not in values else []
        family = GaugeMetricFamily(f"{_PREFIX}_{name}", GAUGES[name], labels=labels)
        for period, value in values.items():
            family.add_metric([period] if labels else [], value)
        yield family


def _histograms(counted: _Histograms) -> Iterator["Metric"]:
    from prometheus_client.core import HistogramMetricFamily  # noqa: PLC0415

    for name, kind in KINDS.items():
        family = HistogramMetricFamily(f"{_PREFIX}_{name}", kind.words, labels=kind.labels)
        for (of, labels), one in counted.items():
            if of == name:
                family.add_metric(labels, list(_buckets(one, kind.bounds)), one.seconds)
        yield family


def _buckets(counted: Counted, bounds: Iterable[float]) -> Iterator[tuple[str, float]]:
    edges = [*(str(bound) for bound in bounds), "+Inf"]
    return zip(edges, accumulate(counted.buckets), strict=True)
