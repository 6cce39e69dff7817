"""Secrets that nobody can guess."""

import string
from collections import Counter

from perijove.kit.secret import letters


def test_every_letter_is_as_likely_as_any_other() -> None:
    number = 200_000
    found = Counter(letters(number))
    assert set(found) == set(string.ascii_letters + string.digits)
    fair = number / len(found)
    assert all(abs(it - fair) < 8 * fair**0.5 for it in found.values())


def test_it_has_the_length_asked_for_and_is_another_each_time() -> None:
    assert [len(letters(n)) for n in range(50)] == list(range(50))
    assert len({letters(20) for _ in range(1000)}) == 1000
