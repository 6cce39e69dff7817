"""PERIJOVE__HUB__BASEURL=/lab overrides one key; …__FILE=/run/secrets/x takes it from a file."""

import json
from collections.abc import Mapping
from pathlib import Path as File
from types import UnionType
from typing import Any, get_args, get_origin

from pydantic import BaseModel

from perijove.settings.problem import Path, Place, Problem

KEYS = "JUPYTERHUB_CRYPT_KEY"
"""JupyterHub's name for `hub.config.CryptKeeper.keys`, which wins over it."""
_SEALS = "enable_auth_state"
_FILE = "file"
_LONGEST = 1 << 16


def override(
    tree: dict[str, Any],
    places: dict[Path, Place],
    model: type[BaseModel],
    environment: Mapping[str, str],
) -> list[Problem]:
    """Put what the environment says over `tree`; case does not matter where a key is ours."""
    problems = []
    for name, text in sorted(environment.items()):
        prefix, *parts = name.split("__")
        if prefix.upper() != "PERIJOVE" or not parts:
            continue
        path, kind = _path(model, tree, parts)
        if not all(parts):
            problems.append(Problem("is no key: it has an empty part.", place=Place(name)))
        elif kind is None and parts[-1].lower() == _FILE:
            path, kind = _path(model, tree, parts[:-1])
            secret, problem = _from_file(name, text)
            problems += problem
            _put(tree, places, path, secret, Place(name))
        else:
            _put(tree, places, path, _value(text, kind), Place(name))
    _put_keys(tree, places, environment.get(KEYS, ""))
    return problems


def _put_keys(tree: dict[str, Any], places: dict[Path, Place], text: str) -> None:
    """Put the keys of the environment where none are; JupyterHub as well reads them only if used.

    So a program that has another use for the variable keeps nobody from starting.
    """
    config = _at(tree, "hub", "config")
    used = isinstance(config, Mapping) and any(_at(config, it, _SEALS) for it in config)
    path: Path = ("hub", "config", "CryptKeeper", "keys")
    if text.strip("; ") and used and not _at(tree, *path):
        _put(tree, places, path, text, Place(KEYS))


def _at(tree: Any, *path: str | int) -> Any:
    """Return what is written at `path`; None: nothing."""
    for key in path:
        tree = tree.get(key) if isinstance(tree, Mapping) else None
    return tree


def _path(model: Any, tree: Any, parts: list[str]) -> tuple[Path, Any]:
    """Return the key that `parts` are, and its type; None if it is none of ours."""
    path: list[str | int] = []
    for part in parts:
        key, model = _step(model, tree, part)
        path.append(key)
        tree = tree.get(key) if isinstance(tree, Mapping) else None
    return tuple(path), model


def _step(model: Any, tree: Any, part: str) -> tuple[str, Any]:
    if isinstance(model, type) and issubclass(model, BaseModel):
        for name, field in model.model_fields.items():
            key = field.alias or name
            if part.lower() in {key.lower(), name.lower()}:
                return key, field.annotation
    written = tree if isinstance(tree, Mapping) else {}
    key = next((str(key) for key in written if str(key).lower() == part.lower()), part)
    inner = get_args(model)[1] if get_origin(model) is dict else None
    return key, inner


def _put(
    tree: dict[str, Any], places: dict[Path, Place], path: Path, value: Any, place: Place
) -> None:
    *sections, last = path
    branch: Any = tree
    for key in sections:
        if not isinstance(branch.get(key), dict):
            branch[key] = {}
        branch = branch[key]
    branch[last] = value
    for path_ in [each for each in places if each[: len(path)] == path]:
        del places[path_]
    places[path] = place


def _value(text: str, kind: Any) -> Any:
    """Read JSON (numbers, true, null, lists), unless the key holds text only."""
    kinds = get_args(kind) if isinstance(kind, UnionType) else (kind,)
    if str in kinds and not {int, bool} & set(kinds) and text != "null":
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def _from_file(name: str, file: str) -> tuple[str, list[Problem]]:
    try:
        with File(file).open(encoding="utf-8") as stream:
            return stream.read(_LONGEST).strip(), []
    except (OSError, ValueError):
        words = "names a file that cannot be read."
        return "", [Problem(words, place=Place(name))]
