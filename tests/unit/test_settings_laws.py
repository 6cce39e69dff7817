"""Whatever a file holds, it is settings or a list of problems; nothing else ever comes out."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from perijove.settings import read_tree
from perijove.settings.known import MOVED, REMOVED, chart
from perijove.settings.meaning import meanings
from perijove.settings.parse import parse

KEYS = sorted({*chart(), *MOVED, *REMOVED, *(it.key for it in meanings())})
WORDS = sorted({part for key in KEYS for part in key.replace("[]", "").split(".")})
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(WORDS) | st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)


def planted(key: str, value: Any) -> dict[str, Any]:
    for part in reversed(key.replace("[]", "").split(".")):
        value = {part: value}
    assert isinstance(value, dict)
    return value


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(KEYS), VALUES)
def test_any_value_of_any_key_is_settings_or_problems(key: str, value: Any) -> None:
    reading = read_tree(planted(key, value), {})
    assert (reading.settings is None) == bool(reading.problems)
    assert all(str(it) and it.key for it in reading.problems)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200) | st.text("ab:-[]{}'\"\n\t &*!#|>%@?,", max_size=60).map(str.encode))
def test_any_bytes_are_a_tree_or_problems(data: bytes) -> None:
    parsed = parse(data, "it.yaml")
    assert isinstance(parsed.tree, dict)
    for problem in parsed.problems:
        assert problem.words
        assert problem.place is not None
