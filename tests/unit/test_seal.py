"""What is given away sealed comes back as it was, or not at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perijove.kit.seal import opened, sealed

SECRET, OTHER = b"a" * 32, b"b" * 32


@given(st.binary(max_size=300), st.text(max_size=20))
def test_what_was_sealed_is_opened(said: bytes, about: str) -> None:
    assert opened(SECRET, about, sealed(SECRET, about, said)) == said


@given(st.binary(max_size=60), st.data())
def test_whatever_was_changed_is_not(said: bytes, data: st.DataObject) -> None:
    good = sealed(SECRET, "x", said)
    place = data.draw(st.integers(0, len(good) - 2))  # the last letter may have bits to spare
    letter = data.draw(st.sampled_from("AQgw-_9"))
    changed = good[:place] + letter + good[place + 1 :]
    assert opened(SECRET, "x", changed) == (said if changed == good else None)


@given(st.text(max_size=60))
def test_what_nobody_has_sealed_is_not(given: str) -> None:
    assert opened(SECRET, "x", given) is None


@pytest.mark.parametrize(("secret", "about"), [(OTHER, "x"), (SECRET, "y")])
def test_it_belongs_to_one_secret_and_to_one_purpose(secret: bytes, about: str) -> None:
    assert opened(secret, about, sealed(SECRET, "x", b"1")) is None


def test_it_does_not_show_what_is_in_it() -> None:
    one, two = (sealed(SECRET, "x", b"1234567%d" % n) for n in range(2))
    assert sum(a == b for a, b in zip(one, two, strict=True)) < len(one) / 2
