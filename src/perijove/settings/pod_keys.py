"""Which keys of a configuration only a pod has."""

from collections.abc import Iterator, Mapping
from typing import Any

from perijove.settings.known import below, sections
from perijove.settings.pod_sections import PodSettings
from perijove.settings.problem import Path
from perijove.settings.walk import keys

_OTHERS = ("scheduling", "imagePullSecrets")


def of_pods_alone(path: Path) -> bool:
    """Return whether a key has an effect in a cluster alone."""
    section, *rest = path
    return section in _OTHERS or (section == "singleuser" and rest[:1][0] in keys(PodSettings))


def of_pods(known: Mapping[str, Any]) -> list[Path]:
    """Return the keys in `known` that have an effect in a cluster alone."""
    singleuser = known.get("singleuser")
    given = dict(singleuser) if isinstance(singleuser, Mapping) else {}
    found = [
        path
        for key in keys(PodSettings)
        if key in given
        for path in _leaves(("singleuser", key), given[key])
    ]
    for key in _OTHERS:
        if key in known:
            found += _leaves((key,), known[key])
    return found


def _leaves(path: Path, value: Any) -> Iterator[Path]:
    if isinstance(value, Mapping) and below(path) in sections():
        for key, inner in value.items():
            yield from _leaves((*path, key), inner)
    else:
        yield path
