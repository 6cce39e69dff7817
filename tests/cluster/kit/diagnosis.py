"""Why nodes are not Ready, as far as it can be seen: their own words, and the ends of logs."""

import json
import re
from collections import deque
from collections.abc import Iterator

from tests.cluster.kit import api, parts
from tests.cluster.kit.places import LOG

_LINES = 25
_TRIFLES = re.compile(r"I\d{4} |time=\S+ level=info ")
"""How lines of klog and of containerd begin that are no trouble."""


def of_nodes(wanted: set[str]) -> str:
    """Return it in lines."""
    return "\n".join([*_parts(), *_conditions(wanted), *_logs(wanted)])


def _parts() -> Iterator[str]:
    for name in parts.resting():
        yield f"{name} has ended"


def _conditions(wanted: set[str]) -> Iterator[str]:
    told = api.kubectl("get", "nodes", "-o", "json", "--request-timeout=5s", check=False)
    rows = json.loads(told)["items"] if told else []
    found = {row["metadata"]["name"]: row["status"].get("conditions", []) for row in rows}
    for name in sorted(wanted):
        if name not in found:
            yield f"{name} has never told the API server of itself"
        for it in found.get(name, []):
            if it["type"] == "Ready":
                yield f"{name} Ready={it['status']}: {it.get('message', '')}"


def _logs(wanted: set[str]) -> Iterator[str]:
    """Yield the ends of the logs of kubelets and runtimes, news left out."""
    for name in sorted(wanted):
        for part in (f"{name}-kubelet", f"{name}-containerd"):
            file = LOG / f"{part}.log"
            if file.exists():
                lines = file.read_text(errors="replace").splitlines()
                serious = (it[:400] for it in lines if not _TRIFLES.match(it))
                yield f"--- {file}"
                yield from deque(serious, _LINES)
