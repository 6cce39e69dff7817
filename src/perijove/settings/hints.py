"""What a YAML syntax error means: the line, the column, and what to do about it."""

import re
from typing import Any

from yaml.reader import ReaderError

from perijove.settings.problem import Place, Problem

_KEY = re.compile(r"^(?P<indent> *)(?:- +)?(?P<key>[^\s#:'\"{\[-][^:#]*):(?:\s|$)")
_UNQUOTED = re.compile(r":\s+(?P<value>[^'\"\s#|>{\[].*:\s.*)$")
_STARTS = {"@": "@", "`": "a backtick", "%": "%", "&": "&", "*": "*", "!": "!"}


def explained(text: str, source: str, error: Any) -> Problem:
    """Return the problem that the parser's `error` with `text` is."""
    if isinstance(error, ReaderError):
        before = text[: error.position]
        line, column = before.count("\n") + 1, error.position - before.rfind("\n")
        words = "there is a character here that YAML does not allow (a control character)."
        return Problem(words, place=Place(source, line, column), hint="Is it the right file?")
    mark = _mark(error)
    lines = text.split("\n")
    at = min(mark.line, len(lines) - 1) if mark else 0
    column = mark.column + 1 if mark else 1
    hint = (
        _tab(lines, at)
        or _several(error)
        or _alias(error)
        or _value(lines, at)
        or _open_quote(error)
        or _missing_colon(lines, at)
        or _indent(lines, at)
        or _bracket(error)
        or "Compare the indentation and the quotes with the lines above."
    )
    said = getattr(error, "problem", None) or "it cannot be read"
    return Problem(f"is no YAML: {said}.", place=Place(source, at + 1, column), hint=hint)


def _mark(error: Any) -> Any:
    """Return where the mistake is: of a quote that is not closed, where it opens."""
    context = getattr(error, "context_mark", None)
    if _open_quote(error):
        return context
    return getattr(error, "problem_mark", None) or context


def _tab(lines: list[str], at: int) -> str:
    for number in range(at, max(at - 3, -1), -1):
        line = lines[number]
        if "\t" in line[: len(line) - len(line.lstrip())]:
            return f"Line {number + 1} is indented with a tab; YAML takes spaces only."
    return ""


def _several(error: Any) -> str:
    if "single document" in str(getattr(error, "context", "")):
        return "The file holds several documents (`---`); keep one."
    return ""


def _alias(error: Any) -> str:
    said = str(getattr(error, "problem", ""))
    if "undefined alias" in said:
        return "A value that begins with * needs quotes, or an anchor (&name) above it."
    return ""


def _value(lines: list[str], at: int) -> str:
    found = _UNQUOTED.search(lines[at])
    if found:
        value = found["value"].strip().replace('"', '\\"')
        return f'A value with `: ` in it needs quotes: "{value}".'
    value = lines[at].partition(": ")[2].strip()
    if value[:1] in _STARTS:
        return f'A value that begins with {_STARTS[value[0]]} needs quotes: "{value}".'
    return ""


def _open_quote(error: Any) -> str:
    said = f"{getattr(error, 'context', '')} {getattr(error, 'problem', '')}"
    mark = getattr(error, "context_mark", None)
    if "quoted scalar" in said and mark:
        return f"The quote that line {mark.line + 1} opens is not closed."
    return ""


def _missing_colon(lines: list[str], at: int) -> str:
    """Say which line is neither `key: value` nor part of a list."""
    for number in (at, at - 1):
        words = lines[number].strip() if 0 <= number < len(lines) else ""
        if re.fullmatch(r"[A-Za-z]\w*", words):
            return f"Line {number + 1} lacks a colon: `{words}:`."
        if re.match(r"[A-Za-z]\w*:[^\s/]", words):
            key, _, value = words.partition(":")
            return f"Line {number + 1} lacks a space after the colon: `{key}: {value}`."
    return ""


def _indent(lines: list[str], at: int) -> str:
    """Say with which line a key does not line up; the one above is often the wrong one."""
    here = _KEY.match(lines[at])
    if not here:
        return ""
    width, key = len(here["indent"]), here["key"]
    levels = _open_levels(lines, at)
    if any(indent == width for indent, _, _ in levels):
        return ""
    beside = [level for level in levels if level[0] > width]
    parents = [level for level in levels if level[0] < width]
    if not beside:
        indent, number, parent = levels[-1] if levels else (0, 1, "")
        return (
            f"`{key}` is indented by {width} spaces, but line {number} (`{parent}`, {indent})"
            " holds a value already and cannot hold keys: indent both alike."
        )
    indent, number, other = min(beside)
    place = f" below `{parents[-1][2]}`" if parents else ""
    return (
        f"`{key}` is indented by {width} spaces, but `{other}` in line {number}{place}"
        f" by {indent}. Keys beside each other need the same: indent line {number} by {width}, too."
    )


def _open_levels(lines: list[str], at: int) -> list[tuple[int, int, str]]:
    """Return the keys that the line `at` could stand beside or below: (indent, line, key)."""
    levels: list[tuple[int, int, str]] = []
    for number, line in enumerate(lines[:at], 1):
        found = _KEY.match(line)
        if not found:
            continue
        indent = len(found["indent"])
        levels = [level for level in levels if level[0] < indent]
        levels.append((indent, number, found["key"]))
    return _all_open(lines, at, levels)


def _all_open(
    lines: list[str], at: int, levels: list[tuple[int, int, str]]
) -> list[tuple[int, int, str]]:
    """Add the level that a line indented too little has closed: its first key."""
    found: dict[int, tuple[int, int, str]] = {}
    top = next((number for _, number, _ in levels[:1]), 1)
    for number in range(top, at + 1):
        key = _KEY.match(lines[number - 1])
        if key:
            found.setdefault(len(key["indent"]), (len(key["indent"]), number, key["key"]))
    return sorted({*levels, *found.values()})


def _bracket(error: Any) -> str:
    context = str(getattr(error, "context", ""))
    mark = getattr(error, "context_mark", None)
    if "flow" in context and mark:
        return f"The bracket or brace that line {mark.line + 1} opens is not closed."
    return ""
