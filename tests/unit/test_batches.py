from hypothesis import given
from hypothesis import strategies as st

from perijove.kit.batches import batches


@given(st.lists(st.integers()), st.integers(min_value=1, max_value=20))
def test_together_they_are_the_whole_in_order_and_none_is_longer_than_allowed(
    items: list[int], most: int
) -> None:
    found = list(batches(items, most))
    assert [it for batch in found for it in batch] == items
    assert all(0 < len(batch) <= most for batch in found)
