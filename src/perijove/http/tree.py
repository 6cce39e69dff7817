"""Tree: from the raw path of a request to the row of a table that answers it.

A path is split before its escapes are decoded, so a name may hold a slash (`%2F`) and a
server may have the empty name (`/servers/`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeAlias, TypeVar
from urllib.parse import unquote

from perijove.model.errors import Invalid

Row = TypeVar("Row")
Methods: TypeAlias = Mapping[str, tuple[Row, tuple[str, ...]]]
"""For every method the row that answers, and how it calls the values in the path."""


@dataclass(slots=True)
class _Node(Generic[Row]):
    literal: dict[str, "_Node[Row]"] = field(default_factory=dict)
    named: "_Node[Row] | None" = None
    rest: "_Node[Row] | None" = None
    methods: dict[str, tuple[Row, tuple[str, ...]]] = field(default_factory=dict)


class Tree(Generic[Row]):
    """Rows by method and path template: `/users/{user}`, `/static/{*file}`."""

    def __init__(self) -> None:
        self._root: _Node[Row] = _Node()
        self._whole: dict[str, Methods[Row]] = {}

    def add(self, method: str, template: str, row: Row) -> None:
        """Let `row` answer for `method` and `template`.

        Raises:
            ValueError: another row does already.
        """
        node, names = self._root, []
        for part in template.split("/"):
            if not part.startswith("{"):
                node = node.literal.setdefault(part, _Node())
                continue
            names.append(part.strip("{*}"))
            if part.startswith("{*"):
                node.rest = node = node.rest or _Node()
            else:
                node.named = node = node.named or _Node()
        if method in node.methods:
            raise ValueError(f"{method} {template} has two rows")
        node.methods[method] = (row, tuple(names))
        if not names:
            self._whole[template] = node.methods

    def find(self, raw_path: str) -> tuple[Methods[Row], tuple[str, ...]] | None:
        """Return what answers for a path, by method, and the values in it; None: nothing does.

        Raises:
            Invalid: the path holds an escape that is no text.
        """
        whole = self._whole.get(raw_path)
        if whole is not None:
            return whole, ()
        segments = raw_path.split("/")
        if "%" in raw_path:
            segments = [_decoded(segment) for segment in segments]
        found = _walk(self._root, segments, 0, raw_path)
        return (found[0].methods, found[1]) if found else None


def _walk(
    node: _Node[Row], segments: list[str], at: int, raw_path: str
) -> tuple[_Node[Row], tuple[str, ...]] | None:
    """Return the node of `segments[at:]` below `node`; words come before names."""
    if at == len(segments):
        return (node, ()) if node.methods else None
    here = segments[at]
    if here in node.literal:
        found = _walk(node.literal[here], segments, at + 1, raw_path)
        if found:
            return found
    if node.named:
        found = _walk(node.named, segments, at + 1, raw_path)
        if found:
            return found[0], (here, *found[1])
    if node.rest:
        return node.rest, ("/".join(raw_path.split("/")[at:]),)
    return None


def _decoded(segment: str) -> str:
    """Return what a segment stands for: once decoded, never twice."""
    try:
        text = unquote(segment, errors="strict")
    except UnicodeDecodeError as error:
        raise Invalid("bad-path") from error
    if "\0" in text:
        raise Invalid("bad-path")
    return text
