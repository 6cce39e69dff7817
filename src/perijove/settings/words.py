"""What pydantic found, in words: the key as it is written, its place, and what it should be."""

import re
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from perijove.settings.problem import Path, Place, Problem, dotted
from perijove.settings.walk import place_of, said

_WANTED = {
    "string_type": "a text; put it in quotes",
    "int_type": "a whole number, without quotes",
    "int_from_float": "a whole number",
    "float_type": "a number, without quotes",
    "bool_type": "true or false, without quotes",
    "dict_type": "a mapping (key: value)",
    "model_type": "a mapping (key: value)",
    "list_type": "a list (- item)",
    "tuple_type": "a list (- item)",
    "set_type": "a list (- item)",
    "frozen_set_type": "a list (- item)",
}


def words_for(
    error: ValidationError, tree: Mapping[str, Any], places: Mapping[Path, Place]
) -> list[Problem]:
    """Return a problem for each thing that is wrong in `tree`."""
    found: dict[tuple[Path, str], Problem] = {}
    kinds = _kinds(error, tree)
    for each in error.errors(include_url=False):
        path = _within(tree, each["loc"])
        if len(kinds.get(path, ())) > 1 and each["type"] in _WANTED:
            words, hint = f"must be {' or '.join(kinds[path])}; it is {said(_at(tree, path))}.", ""
        else:
            words, hint = _words(each["type"], each.get("ctx", {}), each["msg"], _at(tree, path))
        key = dotted(path)
        if each["type"] == "missing":
            key = dotted(each["loc"])
        found[path, words] = Problem(words, key, place_of(places, path), hint)
    return list(found.values())


def _kinds(error: ValidationError, tree: Mapping[str, Any]) -> dict[Path, list[str]]:
    """Return what each key may be, in short: of several things it is told once."""
    found: dict[Path, list[str]] = {}
    for each in error.errors(include_url=False):
        if each["type"] in _WANTED:
            short = re.split(r"[,;]", _WANTED[each["type"]])[0]
            kinds = found.setdefault(_within(tree, each["loc"]), [])
            kinds += [short] if short not in kinds else []
    return found


def _words(kind: str, about: Mapping[str, Any], message: str, value: Any) -> tuple[str, str]:
    if kind in _WANTED:
        hint = "A space is missing after the colon." if _glued(value) else ""
        return f"must be {_WANTED[kind]}; it is {said(value)}.", hint
    if kind == "enum":
        return f"must be {about['expected']}.".replace("'", ""), ""
    if kind == "missing":
        return "is missing.", ""
    if kind == "value_error":
        return f"{about['error']}.", ""
    limits = {"greater_than_equal": ("ge", "least"), "less_than_equal": ("le", "most")}
    if kind in limits:
        bound, word = limits[kind]
        return f"must be at {word} {about[bound]}; it is {value}.", ""
    return f"{message[:1].lower()}{message[1:]}.", ""


def _within(tree: Any, path: Path) -> Path:
    """Return `path` as far as it is written; what pydantic adds (a type in a union) goes."""
    kept: list[str | int] = []
    for part in path:
        there = isinstance(tree, Mapping) and part in tree
        in_list = isinstance(tree, list) and isinstance(part, int) and part < len(tree)
        if not (there or in_list):
            break
        tree = tree[part]
        kept.append(part)
    return tuple(kept)


def _at(tree: Any, path: Path) -> Any:
    for part in path:
        tree = tree[part]
    return tree


def _glued(value: Any) -> bool:
    return isinstance(value, str) and ":" in value and ": " not in value and "//" not in value
