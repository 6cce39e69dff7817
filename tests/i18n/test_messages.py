"""Every sentence stands in both languages, and none stands outside the catalogue."""

import ast
import re
import string
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from babel.messages.pofile import read_po
from jinja2 import nodes

from perijove.http.catalogue import LOCALE
from perijove.http.sentences import ENGLISH
from perijove.kit.clock import Clock
from perijove.web import drawing
from tests import sources
from tests.i18n.messages import SOURCE, all_of_them, plurals

CATALOGUE = LOCALE / "zh" / "LC_MESSAGES" / "perijove.po"
NAMES = {"Perijove"}
"""What is the same in every language."""
HIDDEN = {"script", "style"}
READ_OUT = {"aria-label", "title", "placeholder", "alt", "data-said", "data-words", "data-now"}
ATTRIBUTE = re.compile(r' [a-z-]+="[a-z]+"')
ERRORS = re.compile(
    r"(?:Anonymous|Busy|Conflict|Denied|Invalid|Refused|Stale|TooLarge|Unknown|Untimely|BadGrant)"
)


def first(forms: object) -> str:
    """Return a sentence, of the forms that a plural has."""
    return forms if isinstance(forms, str) else str(forms[0])  # type: ignore[index]


def translations() -> dict[str, str]:
    found = {}
    with CATALOGUE.open("rb") as source:
        for message in read_po(source):
            if message.id:
                one, said = first(message.id), first(message.string)
                assert not message.fuzzy, one
                found[one] = said
    return found


def test_every_sentence_has_its_chinese_and_nothing_else_is_in_the_catalogue() -> None:
    wanted = all_of_them() - set(plurals().values())
    there = {one for one, said in translations().items() if said.strip()}
    assert sorted(wanted - there) == []
    assert sorted(there - wanted) == []


def test_the_catalogue_is_in_the_order_of_its_sentences() -> None:
    _, *entries = CATALOGUE.read_text(encoding="utf-8").strip().split("\n\n")
    assert all(it.count("msgid ") == 1 for it in entries), "an empty line parts two of them"
    sentences = [re.findall(r'^msgid "(.*)"$', it, re.MULTILINE)[0] for it in entries]
    assert sentences == sorted(sentences)


def places(text: str) -> set[str]:
    named = set(re.findall(r"%\((\w+)\)s", text))
    return named | {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_both_languages_fill_the_same_places() -> None:
    dates = {"{day} {name}": {"day", "month"}, "{day} {name} {year}": {"day", "month", "year"}}
    for one, said in translations().items():
        if "%" in one:
            assert set(re.findall(r"%\((\w+)\)s", one)) == set(re.findall(r"%\((\w+)\)s", said))
        else:
            assert places(said) == dates.get(one, places(one)), one


def test_chinese_is_written_with_its_own_marks() -> None:
    for one, said in translations().items():
        assert "您" not in said, one
        bare = re.sub(r"`[^`]*`|[a-z]+:…|is:\w+", "", said)
        assert not re.search(r"[\u4e00-\u9fff][,;:?!]|[\u4e00-\u9fff]\.(?:$|\s)", bare), said
        assert not re.search(r"[\u4e00-\u9fff][A-Za-z]|[A-Za-z][\u4e00-\u9fff]", bare), said


def test_every_code_that_is_raised_has_a_sentence() -> None:
    missing = {(code, where) for code, where in raised() if code not in ENGLISH}
    assert sorted(missing) == []


def raised() -> Iterator[tuple[str, str]]:
    """Yield every code that stands in an error or a signal, and where."""
    for path in sorted(SOURCE.rglob("*.py")):
        if path.is_relative_to(SOURCE / "singleuser") or path.is_relative_to(SOURCE / "cli"):
            continue
        for call in ast.walk(sources.tree(path)):
            if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
                continue
            given = call.args[:1] if ERRORS.fullmatch(call.func.id) else []
            if call.func.id == "Signal":
                given = [word.value for word in call.keywords if word.arg == "code"]
            for code in given:
                if isinstance(code, ast.Constant) and isinstance(code.value, str):
                    yield code.value, str(path.relative_to(SOURCE))


class Bare(HTMLParser):
    """What a template says without the catalogue."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.silent += tag in HIDDEN
        self.found += [value for name, value in attrs if name in READ_OUT and value]

    def handle_endtag(self, tag: str) -> None:
        self.silent -= tag in HIDDEN

    def handle_data(self, data: str) -> None:
        if not self.silent:
            self.found.append(data)


def bare_strings(source: str) -> list[str]:
    """Return every word in the HTML of a template that does not come out of `_()`."""
    tree = drawing.load("/", Clock()).environment.parse(source)
    classes = {
        id(it) for block in tree.find_all(nodes.Block) if block.name == "shape" for it in block.body
    }
    html = "".join(
        node.data if isinstance(node, nodes.TemplateData) else "{}"
        for output in tree.find_all(nodes.Output)
        for node in output.nodes
        if id(output) not in classes and not ATTRIBUTE.fullmatch(getattr(node, "data", ""))
    )
    reader = Bare()
    reader.feed(html)
    words = (re.sub(r"\{\}|[\W\d_]+", " ", text).strip() for text in reader.found)
    return [word for word in words if word and word not in NAMES]


@pytest.mark.parametrize("name", sorted(drawing.SOURCES))
def test_no_template_says_anything_outside_the_catalogue(name: str) -> None:
    allowed = {"curl H Authorization token PERIJOVE TOKEN"} if name == "tokens.html" else set()
    assert [word for word in bare_strings(drawing.SOURCES[name]) if word not in allowed] == []


def test_a_bare_string_would_be_found() -> None:
    assert bare_strings("<p>{{ _('Start') }} now</p>") == ["now"]
    assert bare_strings('<a title="Go on">{{ icon("play") }}</a>') == ["Go on"]


def test_page_modules_say_nothing_outside_the_catalogue() -> None:
    """What reaches a template as text is said by a reader, or is a name or an address."""
    for path in sorted((SOURCE / "web").glob("*.py")):
        for text in unsaid(path):
            assert not re.match(r"[A-Z][a-z]+ [a-z]+", text), f"{path.name}: {text}"


def unsaid(path: Path) -> Iterator[str]:
    tree = sources.tree(path)
    said = {
        id(argument)
        for call in ast.walk(tree)
        if isinstance(call, ast.Call)
        and getattr(call.func, "attr", getattr(call.func, "id", "")) in {"say", "noted", "count"}
        for argument in call.args
    }
    documentation = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        text = isinstance(node, ast.Constant) and isinstance(node.value, str)
        if text and id(node) not in said | documentation:
            yield node.value  # type: ignore[attr-defined]
