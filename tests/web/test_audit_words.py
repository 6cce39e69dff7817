"""Every detail of an entry of the audit log that code writes has a word, as the source says."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import pytest

import perijove
from perijove.http.reader import Reader
from perijove.web.audited import LABELS, WORDS
from perijove.web.trail import COLUMNS, line
from tests.web.test_trail import ALL, audited, entry

SOURCE = Path(perijove.__file__).parent
SURFACE = ("api", "http", "oauth", "web")
SHARED = SOURCE / "http" / "audit.py"
"""Its functions say for all modules what an entry tells."""
Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(path: Path) -> list[Function]:
    """Return all functions of a module."""
    return [it for it in ast.walk(ast.parse(path.read_text())) if isinstance(it, Function)]


@dataclass
class Told:
    """The keys that one function gives to `done`, the details of an entry.

    What cannot be read in the source fails: keys are to be written out.
    """

    path: Path
    function: Function
    known: dict[str, Function]

    def keys(self) -> Iterator[str]:
        for it in ast.walk(self.function):
            match it:
                case ast.AugAssign(ast.Attribute(attr="done"), ast.BitOr(), value):
                    yield from self._of(value)
                case ast.Assign(targets, _):
                    yield from self._put(targets)
                case ast.Call(ast.Attribute(ast.Attribute(attr="done"), "update" | "setdefault")):
                    self._unread(it)
                case _:
                    pass

    def _put(self, targets: list[ast.expr]) -> Iterator[str]:
        for target in targets:
            if isinstance(target, ast.Subscript) and isinstance(target.value, ast.Attribute):
                yield from self._text(target.slice) if target.value.attr == "done" else ()

    def _of(self, it: ast.expr | None) -> Iterator[str]:
        match it:
            case ast.Dict(keys, values):
                for key, value in zip(keys, values, strict=True):
                    yield from self._of(value) if key is None else self._text(key)
            case ast.IfExp(_, one, other):
                yield from self._of(one)
                yield from self._of(other)
            case ast.Call(ast.Name(name)) if name in self.known:
                for inner in ast.walk(self.known[name]):
                    if isinstance(inner, ast.Return):
                        yield from self._of(inner.value)
            case ast.DictComp(
                generators=[ast.comprehension(iter=ast.Call(ast.Attribute(ast.Name(name))))]
            ):
                for value in self._assigned(name):
                    yield from self._of(value)
            case _:
                self._unread(it)

    def _assigned(self, name: str) -> list[ast.expr]:
        found = []
        for it in ast.walk(self.function):
            match it:
                case ast.Assign([ast.Name(id)], value) if id == name:
                    found.append(value)
        return found or self._unread(ast.Name(name))

    def _text(self, key: ast.expr) -> Iterator[str]:
        match key:
            case ast.Constant(str(text)):
                yield text
            case ast.IfExp(_, ast.Constant(str(one)), ast.Constant(str(other))):
                yield from (one, other)
            case _:
                self._unread(key)

    def _unread(self, it: ast.AST | None) -> NoReturn:
        words = f"{self.path}, {self.function.name}: no key of an entry can be read from"
        pytest.fail(f"{words} `{ast.unparse(it) if it else it}`; write it out")


def written() -> dict[str, str]:
    """Return each key that code writes into details, with where it does."""
    found, shared = dict[str, str](), functions(SHARED)
    for path in (it for layer in SURFACE for it in sorted((SOURCE / layer).rglob("*.py"))):
        own = functions(path)
        known = {it.name: it for it in [*shared, *own]}
        for function in own:
            told = Told(path, function, known).keys()
            found |= dict.fromkeys(told, path.relative_to(SOURCE).as_posix())
    return found


def parts() -> set[str]:
    """Return what is named in the addresses of the calls that leave entries."""
    calls = {*audited(), *WORDS}
    paths = (it.path for it in ALL if f"{it.method} {it.path}" in calls)
    return {part[1:-1] for path in paths for part in path.split("/") if part.startswith("{")}


def test_each_detail_that_code_writes_has_a_word() -> None:
    found = written()
    assert {key: at for key, at in found.items() if key not in LABELS.keys() | COLUMNS} == {}
    assert sorted(parts() - LABELS.keys()) == []
    unused = LABELS.keys() - found.keys() - parts() - {"refused_before"}
    assert sorted(unused) == [], "nobody writes it any more"


def test_each_has_it_in_chinese_as_well() -> None:
    told = line(entry(about={}, details=dict.fromkeys(LABELS, "x")), Reader(language="zh"))
    assert len(told.about) == len(LABELS)
    assert [label for label, _ in told.about if label.isascii()] == []
