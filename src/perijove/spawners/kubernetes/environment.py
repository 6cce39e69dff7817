"""Environment of a pod: what a value refers to by $(NAME) comes before it."""

import re
from collections.abc import Mapping
from typing import Any

_REFERENCE = re.compile(r"\$\(([^)]+)\)")


def variables(given: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return `given` as a list; a value may be a mapping (`valueFrom`, `value`, `name`).

    By name, but for references: Kubernetes fills in only what stands further up. Those that go
    in a circle come last.
    """
    waiting = {key: _variable(key, value) for key, value in sorted(given.items())}
    names = {each["name"] for each in waiting.values()}
    done: list[dict[str, Any]] = []
    while waiting:
        there = {each["name"] for each in done}
        ready = [key for key, it in waiting.items() if (_needs(it) & names) <= there]
        done += [waiting.pop(key) for key in ready or list(waiting)]
    return done


def _variable(key: str, value: Any) -> dict[str, Any]:
    if isinstance(value, Mapping):
        return {"name": key, **value}
    return {"name": key, "value": str(value)}


def _needs(variable: Mapping[str, Any]) -> set[str]:
    found = set(_REFERENCE.findall(str(variable.get("value") or "")))
    return found - {str(variable["name"])}
