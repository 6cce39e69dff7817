"""Shards: for ever the same, and even."""

from collections import Counter

from perijove.model.shard import SHARDS, shard_of


def test_a_server_is_in_the_same_shard_for_ever() -> None:
    known = {"jupyter-ada": 5, "jupyter-grace--lab": 49, "jupyter-学": 13}
    assert {key: shard_of(key) for key in known} == known


def test_no_shard_is_much_larger_than_another() -> None:
    sizes = Counter(shard_of(f"jupyter-u{n}") for n in range(6400))
    assert len(sizes) == SHARDS
    assert max(sizes.values()) < 2 * 100
