"""What every key means: its type, its default, its words, and which are secrets."""

import ast
import inspect
import json
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from types import UnionType
from typing import Any, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from perijove.settings.sections import Settings

_HIDDEN = "(secret)"
_SECRET_WORDS = ("secret", "token", "password", "passwd", "apikey", "api_key", "credential")


@dataclass(frozen=True, slots=True)
class Meaning:
    """One key."""

    key: str
    """`<name>` stands for a name of one's own, `[]` for an item of a list."""
    type: str
    default: str
    words: str
    secret: bool = False


@cache
def meanings() -> tuple[Meaning, ...]:
    """Return every key that does something here, in the order of the sections."""
    return tuple(_of(Settings, ""))


def shown(settings: Settings) -> dict[str, Any]:
    """Return every setting, defaults included, as JSON has it; no secret is among them."""
    dumped: dict[str, Any] = _redacted(json.loads(settings.model_dump_json(by_alias=True)))
    return dumped


def secrets(settings: Settings) -> Iterator[str]:
    """Yield every secret that is set."""
    yield from _hidden_in(json.loads(settings.model_dump_json(by_alias=True)), shown(settings))


def _hidden_in(value: Any, told: Any) -> Iterator[str]:
    """Yield the texts of `value` that `told` does not tell."""
    if isinstance(told, dict):
        for key, it in told.items():
            yield from _hidden_in(value[key], it)
    elif isinstance(told, list):
        for it, other in zip(value, told, strict=True):
            yield from _hidden_in(it, other)
    elif told == _HIDDEN and told != value:
        yield from _texts(value)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict | list):
        for it in value.values() if isinstance(value, dict) else value:
            yield from _texts(it)
    elif value is not None:
        yield str(value)


def _redacted(value: Any, model: Any = Settings) -> Any:
    """Return a dumped value without its secrets."""
    if isinstance(value, dict):
        return {key: _hidden(key, it, model) for key, it in value.items()}
    if isinstance(value, list):
        inner = _inner(model)
        return [_redacted(it, inner) for it in value]
    return value


def _hidden(key: str, value: Any, model: Any) -> Any:
    info = _field(model, key)
    if value in (None, "", {}, []):
        return value
    named = isinstance(value, str) and any(word in key.lower() for word in _SECRET_WORDS)
    if named or (info is not None and _is_secret(info)):
        return _HIDDEN
    return _redacted(value, info.annotation if info else _inner(model))


def _of(model: type[BaseModel], before: str) -> Iterator[Meaning]:
    words = _docstrings(model)
    for name, info in model.model_fields.items():
        key = f"{before}.{info.alias or name}" if before else str(info.alias or name)
        inner, suffix = _nested(info.annotation)
        if inner:
            if words.get(name):
                yield Meaning(f"{key}{suffix}", _type(info.annotation), "", words[name])
            yield from _of(inner, f"{key}{suffix}")
        else:
            yield Meaning(
                key, _type(info.annotation), _default(info), words.get(name, ""), _is_secret(info)
            )


def _nested(kind: Any) -> tuple[type[BaseModel] | None, str]:
    """Return the section that `kind` holds, and how its keys are reached."""
    if get_origin(kind) is dict:
        return _section(get_args(kind)[1]), ".<name>"
    if get_origin(kind) is tuple:
        return _section(get_args(kind)[0]), "[]"
    return _section(kind), ""


def _section(kind: Any) -> type[BaseModel] | None:
    for each in get_args(kind) if isinstance(kind, UnionType) else (kind,):
        if isinstance(each, type) and issubclass(each, BaseModel):
            return each
    return None


def _inner(kind: Any) -> Any:
    return _nested(kind)[0]


def _field(model: Any, key: str) -> FieldInfo | None:
    section = _section(model)
    for name, info in section.model_fields.items() if section else ():
        if key in {name, info.alias}:
            return info
    return None


def _is_secret(info: FieldInfo) -> bool:
    return isinstance(info.json_schema_extra, dict) and bool(info.json_schema_extra.get("secret"))


_NAMES = {str: "text", int: "whole number", float: "number", bool: "true or false"}


def _type(kind: Any) -> str:
    if isinstance(kind, UnionType):
        parts = [_type(each) for each in get_args(kind) if each is not type(None)]
        return " or ".join([*parts, "null"] if type(None) in get_args(kind) else parts)
    if get_origin(kind) in {tuple, frozenset}:
        return f"list of {_type(get_args(kind)[0])}"
    if get_origin(kind) is dict:
        return "mapping"
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return "mapping"
    values = getattr(kind, "__members__", None)
    if values:
        return " or ".join(f"`{each.value}`" for each in values.values())
    return _NAMES.get(kind, "anything")


def _default(info: FieldInfo) -> str:
    if info.is_required():
        return "needed"
    value = info.get_default(call_default_factory=True)
    value = sorted(value) if isinstance(value, frozenset) else value
    return json.dumps(value, default=str)


def _docstrings(model: type[BaseModel]) -> dict[str, str]:
    """Return the docstrings of a section's fields: the texts that follow them."""
    found: dict[str, str] = {}
    for each in reversed(model.__mro__):
        if not (issubclass(each, BaseModel) and each.__module__.startswith("perijove.")):
            continue
        body = ast.parse(textwrap.dedent(inspect.getsource(each))).body[0]
        assert isinstance(body, ast.ClassDef)
        for field, after in zip(body.body, body.body[1:], strict=False):
            if not (isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)):
                continue
            text = after.value if isinstance(after, ast.Expr) else None
            if isinstance(text, ast.Constant) and isinstance(text.value, str):
                found[field.target.id] = " ".join(text.value.split())
    return found
