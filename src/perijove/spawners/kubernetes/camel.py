"""Keys as Kubernetes writes them: published configurations hold image_pull_policy as well."""

import re
from collections.abc import Mapping
from typing import Any

_SNAKE = re.compile(r"[a-z0-9]+(_[a-z0-9]+)+")


def camel(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return `given` with its own keys inThisForm; what they hold stays as it is."""
    return {_key(key): value for key, value in given.items()}


def camels(given: Any) -> list[dict[str, Any]]:
    """Return every item of a list, or of a mapping in the order of its keys, in that form."""
    return [camel(it) if isinstance(it, Mapping) else it for it in in_order(given)]


def in_order(given: Any) -> list[Any]:
    """Return the items of a list, or the values of a mapping by their keys."""
    if isinstance(given, Mapping):
        return [given[key] for key in sorted(given)]
    return list(given or ())


def _key(key: str) -> str:
    if not _SNAKE.fullmatch(key):
        return key
    first, *rest = key.split("_")
    return first + "".join(part.capitalize() for part in rest)
