"""Who asked the API server what: counted from its audit log, by user, program and request."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.cluster.kit.places import AUDIT


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A kind of request; `agent` is the first word of its user agent."""

    user: str
    agent: str
    verb: str
    resource: str
    namespace: str
    code: int


def requests(since: datetime | None = None, log: Path = AUDIT) -> Counter[Asked]:
    """Return how often each was asked from `since` on (aware, UTC), a watch again when it ends."""
    return Counter(asked for at, asked in _read(log) if since is None or at >= since)


def _read(log: Path) -> Iterator[tuple[datetime, Asked]]:
    with log.open() as lines:
        for line in lines:
            if line.endswith("\n"):  # the last one may be half written
                row = json.loads(line)
                yield datetime.fromisoformat(row["requestReceivedTimestamp"]), _asked(row)


def _asked(row: dict[str, Any]) -> Asked:
    about = row.get("objectRef", {})
    names = [about.get("apiGroup"), about.get("resource"), about.get("subresource")]
    return Asked(
        user=row["user"].get("username", ""),
        agent=row.get("userAgent", "").partition(" ")[0],
        verb=row["verb"],
        resource="/".join(name for name in names if name) or row["requestURI"].partition("?")[0],
        namespace=about.get("namespace", ""),
        code=row.get("responseStatus", {}).get("code", 0),
    )


def table(counted: Counter[Asked], most: int = 40) -> str:
    """Return the most frequent ones as lines of text."""
    return "\n".join(
        f"{count:7} {it.verb:7} {it.code} {it.resource:40} {it.namespace:20} {it.user} {it.agent}"
        for it, count in counted.most_common(most)
    )
