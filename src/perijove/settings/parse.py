"""YAML text -> a tree of plain values, and where each key stands. Every problem with its place."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path as File
from typing import Any

import yaml

from perijove.settings.hints import explained
from perijove.settings.problem import Path, Place, Problem, dotted

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_LARGEST = 1 << 20
_MOST_NODES = 100_000
_DEEPEST = 60
_OF_SECRETS = {"api_tokens", "service_tokens"}
"""Their keys are secrets."""
_MERGE, _TIME = "tag:yaml.org,2002:merge", "tag:yaml.org,2002:timestamp"
_PLAIN = {f"tag:yaml.org,2002:{it}" for it in ("null", "bool", "int", "float", "str", "value")}


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a file says."""

    tree: dict[str, Any] = field(default_factory=dict[str, Any])
    places: dict[Path, Place] = field(default_factory=dict[Path, Place])
    problems: list[Problem] = field(default_factory=list[Problem])


def read(file: File) -> Parsed:
    """Return what `file` says; what cannot be read is a problem."""
    problem, data = "", b""
    try:
        with file.open("rb") as stream:
            data = stream.read(_LARGEST + 1)
    except FileNotFoundError:
        problem = "there is no such file."
    except IsADirectoryError:
        problem = "is a directory; name a YAML file in it."
    except PermissionError:
        problem = "may not be read by this account."
    except (OSError, ValueError) as error:
        problem = f"cannot be read ({getattr(error, 'strerror', None) or error})."
    if problem:
        return Parsed(problems=[Problem(problem, place=Place(str(file)))])
    return parse(data, str(file))


def parse(data: bytes, source: str) -> Parsed:
    """Return what `data` says."""
    here = Place(source)
    if len(data) > _LARGEST:
        return Parsed(
            problems=[Problem("is larger than 1 MiB; that is no configuration.", place=here)]
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        words = "is no text in UTF-8; is it the right file?"
        return Parsed(problems=[Problem(words, place=Place(source, line, 1))])
    return _Reading(text, source).parsed()


class _Reading:
    """One reading of one text."""

    def __init__(self, text: str, source: str) -> None:
        self._text, self._source = text, source
        self._result = Parsed()
        self._nodes = 0
        self._loader: Any = None

    def parsed(self) -> Parsed:
        """Return everything that could be read, and everything that is wrong."""
        try:
            self._loader = _LOADER(self._text)
            root = self._loader.get_single_node()
        except yaml.YAMLError as error:
            self._result.problems.append(explained(self._text, self._source, error))
            return self._result
        except RecursionError:
            self._problem("is nested too deep to be read.", None, ())
            return self._result
        if root is None or (isinstance(root, yaml.ScalarNode) and root.tag.endswith(":null")):
            return self._result
        if not isinstance(root, yaml.MappingNode):
            words = "holds no `key: value` lines."
            self._problem(words, root, (), "A configuration begins like `hub:`.")
            return self._result
        self._result.tree.update(self._mapping(root, ()))
        if self._nodes > _MOST_NODES:
            self._result.tree.clear()
            self._problem("becomes too large when its aliases (*name) are followed.", root, ())
        return self._result

    def _value(self, node: Any, path: Path) -> Any:
        self._nodes += 1
        if self._nodes > _MOST_NODES or len(path) > _DEEPEST:
            if len(path) > _DEEPEST:
                self._nodes = _MOST_NODES + 1
            return None
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self._item(each, (*path, at)) for at, each in enumerate(node.value)]
        return self._scalar(node, path)

    def _item(self, node: Any, path: Path) -> Any:
        self._result.places[path] = self._place(node)
        return self._value(node, path)

    def _scalar(self, node: Any, path: Path) -> Any:
        if node.tag == _TIME:
            return node.value
        if node.tag not in _PLAIN:
            tag = node.tag.removeprefix("tag:yaml.org,2002:")
            self._problem(f"has a tag that means nothing here ({tag}).", node, path)
            return None
        try:
            return self._loader.construct_object(node)
        except (yaml.YAMLError, ValueError):
            return node.value

    def _mapping(self, node: Any, path: Path) -> dict[str, Any]:
        result: dict[str, Any] = {}
        seen: dict[str, Any] = {}
        for key_node, value_node in _flat(node):
            key = self._key(key_node, path)
            if key is None:
                continue
            if key in seen and key_node is not seen[key]:
                first = seen[key].start_mark.line + 1
                words = f"stands here again; the first is in line {first}. Keep one of them."
                self._problem(words, key_node, (*path, key))
                continue
            seen[key] = key_node
            self._result.places[(*path, key)] = self._place(key_node)
            result[key] = self._value(value_node, (*path, key))
        for mapping in _merged(node):
            for key, value in self._mapping(mapping, path).items():
                result.setdefault(key, value)
        return result

    def _key(self, node: Any, path: Path) -> str | None:
        if not isinstance(node, yaml.ScalarNode):
            words = "has a key that is no text."
            hint = "Put {{ … }} in quotes, if that is what it is."
            self._problem(words, node, path, hint)
            return None
        return str(node.value)

    def _place(self, node: Any) -> Place:
        mark = node.start_mark
        return Place(self._source, mark.line + 1, mark.column + 1)

    def _problem(self, words: str, node: Any, path: Path, hint: str = "") -> None:
        place = Place(self._source) if node is None else self._place(node)
        self._result.problems.append(Problem(words, dotted(_told(path)), place, hint))


def _told(path: Path) -> Path:
    """Return as much of `path` as holds no secret."""
    cut = next((at + 1 for at, part in enumerate(path) if part in _OF_SECRETS), len(path))
    return path[:cut]


def _flat(node: Any) -> Iterator[tuple[Any, Any]]:
    return ((key, value) for key, value in node.value if key.tag != _MERGE)


def _merged(node: Any) -> Iterator[Any]:
    """Yield the mappings that `<<:` takes in; what is written beside it wins."""
    for key, value in node.value:
        if key.tag == _MERGE:
            yield from value.value if isinstance(value, yaml.SequenceNode) else (value,)
