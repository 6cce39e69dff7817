"""Trim: of an object, only the fields that we use; the names of fields are kept once for all."""

from typing import Any, TypeAlias

from perijove.spawners.kubernetes.listing import Object, Trim

_Tree: TypeAlias = "dict[str, _Tree]"

IDENTITY = ("metadata.name", "metadata.uid", "metadata.resourceVersion")
"""What the cache itself needs of everything."""


def keeping(*paths: str) -> Trim:
    """Return what keeps these fields and those of IDENTITY.

    Fields are named as in `status.conditions.type`; a list on the way keeps all its elements,
    and a path that ends at an object keeps the whole of it.
    """
    tree: _Tree = {}
    for path in (*IDENTITY, "metadata.deletionTimestamp", *paths):
        here = tree
        for part in path.split("."):
            here = here.setdefault(part, {})

    def trim(whole: Object) -> Object | None:
        kept = _cut(whole, tree)
        return kept if isinstance(kept, dict) else None

    return trim


def _cut(value: Any, tree: _Tree) -> Any:
    if not tree:
        return value
    if isinstance(value, list):
        return [_cut(it, tree) for it in value]
    if isinstance(value, dict):
        return {key: _cut(value[key], below) for key, below in tree.items() if key in value}
    return value
