"""The proxy's table: all of a change or nothing of it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perijove.core import feed
from perijove.model.route import Route
from perijove.proxy import tree
from perijove.proxy.table import Damaged, Entries, Table, checksum

HUB = "http://127.0.0.1:8081"
ADA, BOB = "http://127.0.0.1:20001", "http://127.0.0.1:20002"


def filled(**targets: str) -> Table:
    entries = {f"/user/{name}/": {"target": target} for name, target in targets.items()}
    table = Table(HUB)
    table.replace(1, entries, checksum(entries))
    return table


def led(table: Table, path: str) -> tree.Route:
    found = table.match(path.encode())
    assert found
    return found


def url(table: Table, path: str) -> str:
    return led(table, path).target.url


def test_a_prefix_matches_whole_segments_only() -> None:
    table = filled(al=ADA)
    assert url(table, "/user/al") == url(table, "/user/al/") == url(table, "/user/al/lab") == ADA
    assert url(table, "/user/alice/lab") == url(table, "/user/a") == url(table, "/") == HUB


def test_the_longest_prefix_wins_and_the_shorter_is_back_when_it_goes() -> None:
    table = filled(ada=ADA)
    named = {"/user/ada/lab/": {"target": BOB}}
    table.amend(2, named, (), checksum({**table.entries, **named}))
    assert url(table, "/user/ada/lab/tree") == BOB
    assert url(table, "/user/ada/labor") == ADA
    left = {"/user/ada/": {"target": ADA}}
    table.amend(3, {}, ["/user/ada/lab/"], checksum(left))
    assert url(table, "/user/ada/lab/tree") == ADA


def test_what_nobody_has_goes_to_the_hub_whatever_the_feed_says_of_the_top() -> None:
    entries = {"/": {"target": BOB}}
    table = Table(HUB)
    table.replace(1, entries, checksum(entries))
    assert url(table, "/anything") == HUB


@pytest.mark.parametrize("target", [3, None, [], {}])
def test_a_target_that_is_no_text_changes_nothing(target: Any) -> None:
    table = filled(ada=ADA)
    with pytest.raises(Damaged):
        table.replace(2, {"/user/eve/": {"target": target}}, "0" * 64)
    assert url(table, "/user/ada/") == ADA


def test_a_wrong_checksum_changes_nothing() -> None:
    table = filled(ada=ADA)
    with pytest.raises(Damaged):
        table.amend(2, {"/user/bob/": {"target": BOB}}, ["/user/ada/"], "0" * 64)
    assert table.version == 1
    assert url(table, "/user/ada/") == ADA
    assert url(table, "/user/bob/") == HUB


@pytest.mark.parametrize(
    "target", ["ftp://a:1", "file:///etc", "http://", "http://a:1/x y", "http+unix:///", "x"]
)
def test_a_target_that_cannot_be_reached_leaves_the_path_to_the_hub(target: str) -> None:
    table = filled(ada=ADA, eve=target)
    assert url(table, "/user/eve/") == HUB
    assert url(table, "/user/ada/") == ADA


def test_a_use_is_remembered_when_the_target_moves() -> None:
    table = filled(ada=ADA)
    led(table, "/user/ada/").used = 5.0
    moved = {"/user/ada/": {"target": BOB}}
    table.amend(2, moved, (), checksum(moved))
    assert led(table, "/user/ada/").used == 5.0
    assert url(table, "/user/ada/") == BOB


PREFIXES = st.sampled_from(["/a/", "/a/b/", "/a/b/c/", "/b/", "/user/x/", "/user/x/y/"])
CHANGES = st.lists(st.tuples(PREFIXES, st.sampled_from([ADA, BOB, ""])), max_size=20)


@given(CHANGES)
def test_deltas_and_a_whole_table_end_in_the_same(changes: list[tuple[str, str]]) -> None:
    stepwise, entries = Table(HUB), Entries()
    stepwise.replace(0, {}, checksum({}))
    for version, (prefix, target) in enumerate(changes, 1):
        gone = [] if target else [prefix]
        put: Entries = {prefix: {"target": target}} if target else {}
        entries = {key: value for key, value in {**entries, **put}.items() if key not in gone}
        stepwise.amend(version, put, gone, checksum(entries))
    whole = Table(HUB)
    whole.replace(1, entries, checksum(entries))
    for path in ("/a", "/a/b/x", "/a/b/c/d", "/b/a", "/user/x/y/z", "/user/x/z", "/c"):
        assert url(stepwise, path) == url(whole, path)
    assert {t.url for t in stepwise.targets()} == {t.url for t in whole.targets()}


@given(st.dictionaries(PREFIXES | st.text(), st.text()))
def test_hub_and_proxy_agree_on_the_checksum(targets: dict[str, str]) -> None:
    entries = {prefix: {"target": target} for prefix, target in targets.items()}
    routes = {key: Route(prefix=key, target=target) for key, target in targets.items()}
    assert checksum(entries) == feed.checksum(routes)


def test_two_prefixes_of_one_path_come_and_go_in_any_order() -> None:
    for order in (["/user/ada", "/user/ada/"], ["/user/ada/", "/user/ada"]):
        table = filled(ada=ADA)
        both = {"/user/ada/": {"target": ADA}, "/user/ada": {"target": BOB}}
        table.amend(2, both, (), checksum(both))
        left = dict(both)
        for number, prefix in enumerate(order):
            del left[prefix]
            table.amend(3 + number, {}, [prefix], checksum(left))
        assert url(table, "/user/ada/") == HUB
        assert [it.url for it in table.targets()] == [HUB]


@pytest.mark.parametrize("prefix", ["/.", "/user/..", "//", "/./"])
def test_no_other_name_of_the_top_takes_it_from_the_hub(prefix: str) -> None:
    entries = {prefix: {"target": ADA}}
    table = Table(HUB)
    table.replace(1, entries, checksum(entries))
    assert url(table, "/") == url(table, "/x") == HUB
