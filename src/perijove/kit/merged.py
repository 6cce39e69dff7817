"""One mapping over another."""

from collections.abc import Mapping
from typing import Any


def merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return `base` with `changes`: mappings are merged, None deletes, the rest replaces."""
    result = dict(base)
    for key, value in changes.items():
        before = result.get(key)
        if isinstance(value, Mapping):
            result[key] = merged(before if isinstance(before, Mapping) else {}, value)
        elif value is None:
            result.pop(key, None)
        else:
            result[key] = value
    return result


def stacked(first: Mapping[str, Any], then: Mapping[str, Any]) -> dict[str, Any]:
    """Return two sets of changes as one: as `merged`, but None stays, for what it is to delete."""
    result = dict(first)
    for key, value in then.items():
        before = result.get(key)
        if isinstance(before, Mapping) and isinstance(value, Mapping):
            value = stacked(before, value)  # noqa: PLW2901
        result[key] = value
    return result
