"""Sort the keys of a tree: ours, those that do nothing here, and those that nobody knows."""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import UnionType
from typing import Any, get_args, get_origin

from pydantic import BaseModel

from perijove.settings import hooks
from perijove.settings.known import MOVED, REMOVED, below, chart, fits, sections, traits
from perijove.settings.problem import Path, Place, Problem, dotted

_CONFIG = ("hub", "config")
_SERVICE = {"external"}
"""Of hub.services.<name>: what it was once told by, and follows from its command today."""


@dataclass(slots=True)
class Walk:
    """One walk over one tree."""

    places: Mapping[Path, Place]
    problems: list[Problem] = field(default_factory=list[Problem])
    idle: list[Path] = field(default_factory=list[Path])
    """Keys that do nothing here."""

    def known(self, tree: Mapping[str, Any], model: type[BaseModel], path: Path = ()) -> Any:
        """Return what of `tree` is `model`'s own; the rest goes into the lists."""
        names = keys(model)
        kept: dict[str, Any] = {}
        for key, value in tree.items():
            here = (*path, key)
            if key not in names:
                self._other(here, value, names)
            elif value is not None or _takes_none(names[key]):
                kept[key] = self._inside(value, names[key], here)
        return kept

    def _inside(self, value: Any, kind: Any, path: Path) -> Any:
        """Return what of `value` belongs to the type `kind`."""
        model = _model(kind)
        if model and isinstance(value, Mapping):
            return self.known(value, model, path)
        inner = _model(get_args(kind)[-1]) if get_origin(kind) is dict else None
        if inner and isinstance(value, Mapping):
            return {key: self._inside(it, inner, (*path, key)) for key, it in value.items()}
        inner = _model(get_args(kind)[0]) if get_origin(kind) is tuple else None
        if inner and isinstance(value, list):
            return [self._inside(it, inner, (*path, at)) for at, it in enumerate(value)]
        if inner and isinstance(value, Mapping):
            return {key: self._inside(it, inner, (*path, key)) for key, it in value.items()}
        return value

    def _other(self, path: Path, value: Any, names: Iterable[str]) -> None:
        """Say what a key is that does nothing here."""
        if path[:2] == _CONFIG:
            self._trait(path, value, names)
        elif below(path) in REMOVED:
            self._problem("is not known (any more).", path, REMOVED[below(path)])
        elif path[:2] == ("hub", "services") and path[-1] in _SERVICE:
            self.idle.append(path)
        elif below(path) in chart():
            self._chart_value(path, value)
        elif below(path) in sections():
            self._chart_section(path, value)
        else:
            beside = {key.split(".")[len(path) - 1] for key in chart() if _within(key, path[:-1])}
            self._problem("is not known.", path, meant(str(path[-1]), {*names, *beside}))

    def _chart_value(self, path: Path, value: Any) -> None:
        kinds = chart()[below(path)]
        if value is not None and not fits(value, kinds):
            want = kinds.lstrip("=").replace("|", ", ").replace("/", " or ")
            self._problem(f"must be {want}; it is {said(value)}.", path)
        self.idle.append(path)

    def _chart_section(self, path: Path, value: Any) -> None:
        if value is not None and not isinstance(value, Mapping):
            self._problem(f"holds keys of its own; it is {said(value)}.", path)
        for key, inner in (value or {}).items() if isinstance(value, Mapping) else ():
            self._other((*path, key), inner, ())

    def _trait(self, path: Path, value: Any, names: Iterable[str]) -> None:
        """Deal with hub.config.<Class>, or hub.config.<Class>.<trait>."""
        name = str(path[2])
        if len(path) == len(_CONFIG) + 1:
            if not name[:1].isupper():
                hint = meant(name, {*traits(), *names}) or "Classes begin with a capital."
                self._problem("is no class: it begins with a small letter.", path, hint)
            elif not isinstance(value, Mapping):
                self._problem(f"holds traits; it is {said(value)}.", path)
            else:
                for trait in value:
                    self._trait((*path, trait), value[trait], ())
            return
        trait, known = str(path[3]), traits().get(name)
        old = trait == "services" and path[-1] in _SERVICE
        if trait.endswith(hooks.SUFFIX) and value:
            self._problem(hooks.WORDS, path, hooks.instead(trait))
        elif known is None or trait in known or below(path) in MOVED or old:
            self.idle.append(path)
        elif len(path) > len(_CONFIG) + 2:  # within a trait that does something here
            self._problem("is not known.", path, meant(str(path[-1]), names))
        else:
            moved = {
                key.rsplit(".", 1)[1] for key in MOVED if key.startswith(f"hub.config.{name}.")
            }
            hint = meant(trait, {*known, *names, *moved})
            self._problem(f"is no trait of {name}.", path, hint)

    def _problem(self, words: str, path: Path, hint: str = "") -> None:
        self.problems.append(Problem(words, dotted(path), place_of(self.places, path), hint))


def keys(model: type[BaseModel]) -> dict[str, Any]:
    """Return the keys of a section as they are written, and their types."""
    found: dict[str, Any] = {}
    for name, info in model.model_fields.items():
        choices = getattr(info.validation_alias, "choices", None)
        for key in choices or (info.alias or name,):
            found[str(key)] = info.annotation
    return found


def place_of(places: Mapping[Path, Place], path: Path) -> Place | None:
    """Return where `path` is written, or else what it is in."""
    for length in range(len(path), 0, -1):
        if path[:length] in places:
            return places[path[:length]]
    return None


def meant(key: str, known: Iterable[str]) -> str:
    """Return a suggestion, or nothing."""
    lower = {name.lower().replace("_", ""): name for name in sorted(known)}
    close = difflib.get_close_matches(key.lower().replace("_", ""), lower, n=1, cutoff=0.7)
    return f"Did you mean `{lower[close[0]]}`?" if close else ""


def said(value: Any) -> str:
    """Return a value in few words; never a long one, which may be a secret."""
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return f"{'true' if value else 'false'} (a boolean)"
    if isinstance(value, int | float):
        return f"{value} (a number)"
    if isinstance(value, Mapping):
        return "a mapping (key: value)"
    return "a list" if isinstance(value, list | tuple) else "a text"


def _within(key: str, path: Path) -> bool:
    return key.split(".")[: len(path)] == list(path) and key.count(".") >= len(path)


def _model(kind: Any) -> type[BaseModel] | None:
    for each in get_args(kind) if isinstance(kind, UnionType) else (kind,):
        if isinstance(each, type) and issubclass(each, BaseModel):
            return each
    return None


def _takes_none(kind: Any) -> bool:
    return isinstance(kind, UnionType) and type(None) in get_args(kind)
