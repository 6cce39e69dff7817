"""What people may be called, each refusal with its reason."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perijove.core.names import look, normal, short, user_name
from perijove.model.errors import Invalid

GOOD = {
    "ada": "ada",
    "Ada": "ada",
    "wu.min@uni.edu": "wu.min@uni.edu",
    "王小明": "王小明",
    "王ming": "王ming",
    "Zoë": "zoë",
    "Zoe\u0308": "zoë",
    "Ольга": "ольга",
    "Ελένη": "ελένη",
    "दीपा": "दीपा",
    "a b": "a b",
    "a+b=c": "a+b=c",
    "...": "...",
    "x" * 255: "x" * 255,
}
BAD = {
    "": "name.empty",
    ".": "name.dots",
    "..": "name.dots",
    "%2e%2E": "name.dots",
    "%2e.": "name.dots",
    "a/b": "name.slash",
    "/": "name.slash",
    "../x": "name.slash",
    "a\0b": "name.nul",
    "a\nb": "name.newline",
    "a\rb": "name.newline",
    "a\x85b": "name.newline",
    "a\u2028b": "name.newline",
    "a\tb": "name.control",
    "a\x1bb": "name.control",
    "a\x7fb": "name.control",
    "a\u200bb": "name.invisible",
    "a\u200db": "name.invisible",
    "\ufeffada": "name.invisible",
    "a\u00adda": "name.invisible",
    "ada\ufe0f": "name.invisible",
    "a\u3164b": "name.invisible",
    "a\u202eb": "name.bidi",
    "a\u200fb": "name.bidi",
    "a\u2066b": "name.bidi",
    " ada": "name.space",
    "ada ": "name.space",
    "ada\u00a0": "name.space",
    "\u3000": "name.space",
    "a\ud800": "name.character",
    "a\ue000": "name.character",
    "a\U0001fffe": "name.character",
    "\u0430da": "name.mixed",  # a Cyrillic a
    "ad\u03b1": "name.mixed",  # a Greek alpha
    "\u00b5da": "name.mixed",  # the micro sign is a mu
    "x" * 256: "name.long",
    "x" * 300: "name.long",
    "\ufdfa" * 20: "name.long",  # 18 characters each, once NFKC has spelt them out
}


@pytest.mark.parametrize("text", GOOD)
def test_people_of_every_script_get_their_name(text: str) -> None:
    assert user_name(text) == GOOD[text]


@pytest.mark.parametrize("text", BAD, ids=ascii)
def test_a_name_that_misleads_or_breaks_is_refused_with_its_reason(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        user_name(text)
    assert refused.value.code == BAD[text]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ada", "\uff21\uff24\uff21"),
        ("strasse", "straße"),
        ("fi", "\ufb01"),
        ("k", "\u212a"),
        ("ß", "ẞ"),
    ],
)
def test_names_that_are_drawn_alike_share_a_look(one: str, other: str) -> None:
    assert look(one) == look(other)


@given(st.text(max_size=40))
def test_a_normal_name_is_its_own_normal_form(text: str) -> None:
    assert normal(normal(text)) == normal(text)
    assert look(look(text)) == look(text)


@given(st.text(max_size=40))
def test_whoever_gets_a_name_finds_themselves_under_it(text: str) -> None:
    try:
        name = user_name(text)
    except Invalid:
        return
    assert user_name(name) == name == normal(text)
    assert "/" not in name
    assert name == name.strip()
    assert name not in {"", ".", ".."}


def test_a_log_line_holds_little_of_a_name_and_nothing_that_steers_a_terminal() -> None:
    assert short("x" * 1_000_000) == "x" * 32
    assert short("a\x1b[31m\nb") == "a�[31m�b"
