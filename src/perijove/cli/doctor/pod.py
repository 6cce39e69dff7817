"""Checks that only a pod can make: does one run, does it know the hub by name, does it reach it."""

from argparse import Namespace
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from perijove.cli.doctor.finding import Finding, Health, bad, good, skipped
from perijove.http.reader import Reader
from perijove.http.sentences import administrator, next_step, told
from perijove.kit.clock import Clock
from perijove.model.errors import Refused
from perijove.model.signal import Signal
from perijove.settings import Settings
from perijove.settings.pods import traits
from perijove.spawners.kubernetes.cluster import Cluster
from perijove.spawners.kubernetes.errors import ClusterError, Missing
from perijove.spawners.kubernetes.trial import Heard, Left, Trial, tried

CHECKS = ("pod", "dns", "hub")
HUB = "http://hub:8081"
_OK = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """A cluster in which a pod may be tried."""

    cluster: Cluster
    given: Namespace
    language: str
    clock: Clock = field(default_factory=Clock)

    async def checks(self, settings: Settings | None) -> AsyncIterator[Finding]:
        """Yield what a pod finds, and whether there was one."""
        assert settings is not None
        found, heard = await self._tried(settings)
        yield found
        if found.health is Health.BAD:
            yield skipped("dns", "pod")
            yield skipped("hub", "pod")
        elif not heard.found:
            for name in ("dns", "hub"):
                yield Finding(check=name, health=Health.SKIPPED, code="pod.no-python")
        else:
            for finding in _of(heard.found, self._trial(settings), self.cluster.namespace):
                yield finding

    async def _tried(self, settings: Settings) -> tuple[Finding, Heard]:
        """Return how a pod has fared, and what it has said."""
        image, namespace = settings.singleuser.image.reference, self.cluster.namespace
        began = self.clock()
        try:
            heard = await tried(self.cluster, self._trial(settings), self.clock)
        except Refused as error:
            heard = Heard(signal=Signal(code=error.code, params=error.params), image=image)
        except Missing:
            return bad("pod", "pod.no-namespace", namespace=namespace), Heard()
        except Left as left:
            return bad("pod", "pod.left", name=str(left), namespace=namespace), Heard()
        except ClusterError as error:
            return bad("pod", "pod.unknown", why=str(error)), Heard()
        if heard.signal is not None:
            return self._failed(heard.signal, heard.image), heard
        took = (self.clock() - began).total_seconds()
        return good("pod", image=heard.image, node=heard.node, seconds=f"{took:.1f}"), heard

    def _trial(self, settings: Settings) -> Trial:
        url = (self.given.connect_url or HUB).rstrip("/")
        return Trial(
            traits=traits(settings),
            host=urlsplit(url).hostname or "",
            url=f"{url}{settings.hub.base_url}hub/api",
        )

    def _failed(self, signal: Signal, image: str) -> Finding:
        """Return why no pod runs; what to do ends with the cluster's own words."""
        reader = Reader(language=self.language)
        remedy = administrator(signal.code, signal.params, reader)
        remedy = remedy or next_step(signal.code, signal.params, reader) or ""
        why = told(signal.code, signal.params, reader)
        about = {"image": image, "because": signal.code, "why": why, "remedy": remedy}
        return bad("pod", "pod.failed", **about)


def _of(found: Mapping[str, Any], trial: Trial, namespace: str) -> Iterator[Finding]:
    """Yield what a pod has found out."""
    host, url = trial.host, trial.url
    if "dns" in found:
        yield bad("dns", "dns.unknown", host=host, why=str(found["dns"]), namespace=namespace)
        yield skipped("hub", "dns")
        return
    yield good("dns", host=host, addresses=", ".join(found.get("addresses", ())))
    if "status" not in found:
        yield bad("hub", "hub.silent", url=url, why=str(found.get("hub", "")), host=host)
    elif found["status"] != _OK or not found.get("version"):
        yield bad("hub", "hub.other", url=url, status=str(found["status"]))
    else:
        yield good("hub", url=url)
