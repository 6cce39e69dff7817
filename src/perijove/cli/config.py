"""`perijove config check | show | explain`: the configuration, before and while it is used."""

import json
import os
from argparse import Namespace
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any

from perijove.cli.box import Box
from perijove.cli.output import answer, answer_json, fields, remark, table
from perijove.cli.spawner import in_cluster
from perijove.cli.trouble import USAGE, Trouble
from perijove.settings import BadConfig, Problem, Reading, Settings, read
from perijove.settings.meaning import Meaning, meanings, shown
from perijove.settings.pod_keys import where
from perijove.settings.problem import Path, Place
from perijove.settings.walk import place_of

_NOT_FOUND = 3
_PRECEDENCE = "environment (PERIJOVE__…), then the file (-f), then the default"


def check(given: Namespace) -> int:
    """Say everything that is wrong, and what is worth knowing; return 0 or 2."""
    reading = read(given.file, os.environ, cluster=in_cluster(given))
    if given.output == "json":
        answer_json(
            {
                "file": str(given.file) if given.file else None,
                "ok": reading.settings is not None,
                "problems": [_as_json(each) for each in reading.problems],
                "notices": [_as_json(each) for each in reading.notices],
                "no_effect_here": list(reading.idle),
            }
        )
        return 0 if reading.settings else USAGE
    for problem in reading.problems:
        remark(f"error: {problem}")
    for notice in reading.notices:
        remark(f"notice: {notice}")
    if reading.idle:
        remark(f"no effect here: {', '.join(reading.idle)}")
    if reading.settings is None:
        count = len(reading.problems)
        remark(f"{count} error{'s' if count > 1 else ''}.")
        return USAGE
    answer(f"The configuration {given.file} is good." if given.file else _no_file())
    return 0


def show(given: Namespace) -> None:
    """Show every setting in effect, and where it comes from.

    Raises:
        BadConfig: it has errors.
    """
    reading, settings = _good(given)
    every = _leaves(shown(settings), ())
    rows = [(path, value, _source(reading, path)) for path, value in every]
    if given.output == "json":
        answer_json({_key(path): {"value": it, "source": src} for path, it, src in rows})
        return
    table(("key", "source", "value"), [(_key(p), src, json.dumps(it, ensure_ascii=False))
                                       for p, it, src in rows])  # fmt: skip


def explain(given: Namespace) -> None:
    """Explain one key, or list those of a part.

    Raises:
        Trouble: there is none of that name.
        BadConfig: the configuration has errors.
    """
    found = _meant(given.key)
    reading, settings = _good(given)
    every = shown(settings)
    explained = [_explained(it, every, reading) for it in found]
    if given.output == "json":
        answer_json(explained)
    elif len(explained) == 1:
        fields({name.replace("_", " "): str(it) for name, it in explained[0].items()})
    else:
        table(("key", "default", "meaning"), [(it["key"], it["default"], it["meaning"])
                                              for it in explained])  # fmt: skip


def _no_file() -> str:
    """Return what was checked where no file is named."""
    given = sorted(name for name in os.environ if name.startswith("PERIJOVE__"))
    what = f"the defaults with {', '.join(given)} of the environment" if given else "the defaults"
    here = Box.at(None).file()
    other = f" What runs here was started with {here}." if here else ""
    return f"No file is named (-f FILE), so this is about {what}: they are good.{other}"


def _good(given: Namespace) -> tuple[Reading, Settings]:
    reading = read(given.file, os.environ, cluster=in_cluster(given))
    if reading.settings is None:
        raise BadConfig(reading.problems)
    return reading, reading.settings


def _meant(key: str) -> list[Meaning]:
    wanted = key.lower().strip(".")
    found = [it for it in meanings() if it.key.lower() == wanted]
    found = found or [it for it in meanings() if it.key.lower().startswith(f"{wanted}.")]
    if found:
        return found
    close = get_close_matches(wanted, [it.key.lower() for it in meanings()], n=1)
    meant = next((it.key for it in meanings() if close and it.key.lower() == close[0]), "")
    hint = f" Did you mean `{meant}`?" if meant else " `perijove config show` lists the keys."
    raise Trouble(f"There is no key `{key}` that does something here.{hint}", exit_code=_NOT_FOUND)


def _explained(it: Meaning, every: dict[str, Any], reading: Reading) -> dict[str, Any]:
    path = tuple(it.key.split("."))
    value: Any = every
    for part in path:
        value = value.get(part) if isinstance(value, dict) else None
    own = "<name>" in it.key or "[]" in it.key
    return {
        "key": it.key,
        "type": it.type,
        "default": it.default,
        "meaning": it.words,
        "effect": where(path),
        "environment": "" if own else f"PERIJOVE__{'__'.join(path).upper()}",
        "precedence": _PRECEDENCE,
        "value": None if own else json.dumps(value, ensure_ascii=False),
        "source": "" if own else _source(reading, path),
    }


def _leaves(tree: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    for key, value in tree.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, (*path, key))
        else:
            yield (*path, key), value


def _source(reading: Reading, path: Path) -> str:
    """Return where a key is written; a part that only holds others says nothing of it."""
    place = reading.places.get(path) or _above(reading, path)
    if place is None:
        return "default"
    return f"{place.source}:{place.line}" if place.line else place.source


def _above(reading: Reading, path: Path) -> Place | None:
    """Return the place of a value that was set as a whole, by the environment."""
    place = place_of(reading.places, path)
    return place if place and place.line is None else None


def _key(path: Path) -> str:
    return ".".join(map(str, path))


def _as_json(problem: Problem) -> dict[str, Any]:
    place = problem.place
    return {
        "key": problem.key,
        "source": place.source if place else None,
        "line": place.line if place else None,
        "column": place.column if place else None,
        "message": problem.words,
        "hint": problem.hint,
    }
