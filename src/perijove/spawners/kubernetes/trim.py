"""Trim: of an object in JSON, only the fields that we use are read."""

from collections.abc import Callable
from typing import Any, TypeAlias

import msgspec

from perijove.spawners.kubernetes.wire import Object

Trim: TypeAlias = Callable[[bytes | msgspec.Raw], Object | None]
"""Reads of an object what is of use; None is: nothing at all."""

_Tree: TypeAlias = "dict[str, _Tree]"
_EACH = "[]"
_IDENTITY = ("metadata.name", "metadata.uid", "metadata.resourceVersion")
"""What the cache itself needs of everything."""


def keeping(*paths: str) -> Trim:
    """Return what reads these fields and those that identify an object.

    Fields are named as in `status.conditions[].type`, of each condition its type; a path that
    ends at an object, or at a list, keeps the whole of it.

    Raises, where it is called:
        msgspec.MsgspecError: it is no object, or a field on the way is of another kind.
    """
    tree: _Tree = {}
    for path in (*_IDENTITY, "metadata.deletionTimestamp", *paths):
        here = tree
        for part in path.split("."):
            here = here.setdefault(part, {})
    decode = msgspec.json.Decoder(_shape("Kept", tree)).decode

    def trim(text: bytes | msgspec.Raw) -> Object:
        kept: Object = msgspec.to_builtins(decode(text))
        return kept

    return trim


def _shape(name: str, tree: _Tree) -> type[msgspec.Struct]:
    """Return what has these fields, each of which may be absent, and no other."""
    fields: list[tuple[str, Any, Any]] = []
    for key, below in tree.items():
        field, each = key.removesuffix(_EACH), key.endswith(_EACH)
        kind: Any = _shape(field.title(), below) if below else Any
        kind = list[kind] if each else kind
        fields.append((field, kind | None | msgspec.UnsetType if below else Any, msgspec.UNSET))
    return msgspec.defstruct(name, fields)
