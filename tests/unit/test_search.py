"""What is typed into the search of the people page: what it means, and what means nobody."""

from datetime import UTC, datetime, timedelta

import pytest

from perijove.store.people import Activeness
from perijove.web.listed import Search

NOW = datetime(2026, 11, 29, tzinfo=UTC)


def test_words_are_part_of_a_name_and_filters_are_none() -> None:
    wanted = Search('is:running group:"the lab" seen:7 wei').wanted(NOW)
    assert (wanted.name_filter, wanted.group) == ("wei", "the lab")
    assert (wanted.state, wanted.since) == (Activeness.ACTIVE, NOW - timedelta(days=7))


@pytest.mark.parametrize(
    "query",
    [
        "unseen:30d", "unseen:", "is:stopped", "is:idle", 'unseen:"30 days"', "group:a group:b",
        "seen:0000000009999999999", "seen:-1", "group:", "unseen:99999999", "is:",
    ],
)  # fmt: skip
def test_a_filter_that_is_none_finds_nobody_instead_of_everybody(query: str) -> None:
    search = Search(f"{query} ada")
    assert search.unclear
    assert search.wanted(NOW).group == "", "no group is called so"


@pytest.mark.parametrize(
    "query", ["", "ada", "is:admin", "is:waiting unseen:30", "group:a group:a"]
)
def test_what_is_clear_is_not_refused(query: str) -> None:
    assert not Search(query).unclear
