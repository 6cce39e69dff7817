"""Every sentence that the product can say, found where it stands."""

import ast
from collections.abc import Iterator
from pathlib import Path

from perijove.http.cluster_sentences import VAGUE
from perijove.http.remedies import ADMINISTRATOR, NEXT
from perijove.http.sentences import ENGLISH
from perijove.kit.clock import Clock
from perijove.web import drawing
from tests import sources

SOURCE = Path(drawing.__file__).parents[1]
SAID = {"say": 1, "noted": 1, "count": 2}
"""What takes an English sentence in a page module, and how many of its arguments are one."""


def in_templates() -> Iterator[str]:
    environment = drawing.load("/", Clock()).environment
    for source in drawing.SOURCES.values():
        for _, _, found in environment.extract_translations(source):  # type: ignore[attr-defined]
            yield from (found,) if isinstance(found, str) else (text for text in found if text)


def in_code() -> Iterator[str]:
    for call in _calls():
        for argument in call.args[: SAID.get(_name(call), 0)]:
            if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                yield argument.value


def _calls() -> Iterator[ast.Call]:
    for path in sorted([*(SOURCE / "http").glob("*.py"), *(SOURCE / "web").glob("*.py")]):
        for node in ast.walk(sources.tree(path)):
            if isinstance(node, ast.Call):
                yield node


def _name(call: ast.Call) -> str:
    if isinstance(call.func, ast.Attribute):
        return call.func.attr
    return call.func.id if isinstance(call.func, ast.Name) else ""


def all_of_them() -> set[str]:
    tables = (*ENGLISH.values(), *VAGUE.values(), *NEXT.values(), *ADMINISTRATOR.values())
    return {*in_templates(), *in_code(), *tables}


def plurals() -> dict[str, str]:
    """Return the plural of every sentence that has one."""
    found: dict[str, str] = {}
    environment = drawing.load("/", Clock()).environment
    for source in drawing.SOURCES.values():
        for _, name, texts in environment.extract_translations(source):  # type: ignore[attr-defined]
            if name == "ngettext":
                found[texts[0]] = texts[1]
    for call in _calls():
        if _name(call) == "count":
            texts = [each.value for each in call.args[:2] if isinstance(each, ast.Constant)]
            if len(texts) == 2:  # else it counts something, as itertools does
                found[str(texts[0])] = str(texts[1])
    return found
