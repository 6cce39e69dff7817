"""What the shelf believes: lists, watch and our own writes, in any order."""

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perijove.spawners.kubernetes.shelf import Shelf
from perijove.spawners.kubernetes.told import Told
from perijove.spawners.kubernetes.trim import keeping
from perijove.spawners.kubernetes.wire import pack

Object = dict[str, Any]


def pod(uid: str, version: int, name: str = "ada", *, doomed: bool = False) -> Object:
    metadata = {"name": name, "uid": uid, "resourceVersion": str(version)}
    return {"metadata": metadata | ({"deletionTimestamp": "now"} if doomed else {})}


def held(shelf: Shelf) -> tuple[str, str, bool] | None:
    found = shelf.get("ada")
    if found is None:
        return None
    metadata = found["metadata"]
    return metadata["uid"], metadata["resourceVersion"], "deletionTimestamp" in metadata


def test_the_watch_is_newer_than_the_answer_to_a_create() -> None:
    shelf = Shelf()
    shelf.see("ADDED", pod("a", 1))
    shelf.see("MODIFIED", pod("a", 2))
    shelf.put(pod("a", 1), 0)
    assert held(shelf) == ("a", "2", False)


def test_what_was_deleted_before_its_answer_came_stays_away() -> None:
    shelf = Shelf()
    shelf.see("ADDED", pod("a", 1))
    shelf.see("DELETED", pod("a", 2))
    shelf.put(pod("a", 1), 0)
    assert held(shelf) is None


def test_news_of_the_one_before_do_not_hide_the_one_we_made() -> None:
    shelf = Shelf()
    shelf.see("ADDED", pod("a", 1))
    shelf.put(pod("b", 4), 0)
    assert not shelf.see("MODIFIED", pod("a", 2))
    assert not shelf.see("DELETED", pod("a", 3))
    assert held(shelf) == ("b", "4", False)
    assert shelf.see("ADDED", pod("b", 4)) or held(shelf) == ("b", "4", False)
    shelf.see("DELETED", pod("b", 5))
    assert held(shelf) is None


def test_a_delete_of_ours_is_not_taken_back_by_older_news() -> None:
    shelf = Shelf()
    shelf.see("ADDED", pod("a", 1))
    shelf.put(pod("a", 3, doomed=True), 0)
    assert held(shelf) == ("a", "3", True)
    assert not shelf.see("MODIFIED", pod("a", 2))
    assert held(shelf) == ("a", "3", True)
    assert not shelf.see("MODIFIED", pod("a", 3, doomed=True)), "we have written it ourselves"
    assert shelf.see("MODIFIED", pod("a", 4, doomed=True))
    assert held(shelf) == ("a", "4", True)


def test_what_is_gone_stays_gone_whatever_is_still_on_its_way() -> None:
    shelf = Shelf()
    shelf.see("ADDED", pod("a", 1))
    assert shelf.drop("ada", "a")
    assert not shelf.see("MODIFIED", pod("a", 2))
    assert not shelf.listed(pod("a", 2), shelf.writes)
    assert held(shelf) is None
    assert shelf.see("ADDED", pod("b", 3))


def test_a_drop_of_yesterday_s_does_not_touch_today_s() -> None:
    shelf = Shelf()
    shelf.see("ADDED", pod("b", 3))
    assert not shelf.drop("ada", "a")
    assert held(shelf) == ("b", "3", False)


def test_a_list_that_is_older_than_our_write_does_not_undo_it() -> None:
    shelf = Shelf()
    asked = shelf.writes
    shelf.put(pod("b", 4), 0)
    assert not shelf.listed(pod("a", 1), asked)
    assert not shelf.absent("ada", asked)
    assert held(shelf) == ("b", "4", False)
    assert shelf.absent("ada", shelf.writes), "one that is newer does"


def test_what_the_watch_never_shows_is_looked_at_again() -> None:
    shelf = Shelf()
    shelf.put(pod("b", 4), 10)
    assert not shelf.overdue(10)
    assert shelf.overdue(11)
    shelf.see("ADDED", pod("b", 4))
    assert not shelf.overdue(11)


@given(st.randoms(use_true_random=False))
def test_whatever_the_order_the_shelf_ends_where_the_watch_does(choice: random.Random) -> None:
    """Make and delete one name again and again; our answers come late, and in any order."""
    shelf, uid = Shelf(), 0
    late: list[Object | str] = []
    truth: tuple[str, str, bool] | None = None
    for version in range(1, choice.randrange(1, 14)):
        if truth is None:
            uid += 1
            made = pod(f"u{uid}", version)
            late.append(made)
            shelf.see("ADDED", made)
            truth = (f"u{uid}", str(version), False)
        elif choice.random() < 0.5:
            shelf.see("MODIFIED", pod(truth[0], version, doomed=truth[2]))
            truth = (truth[0], str(version), truth[2])
        else:
            late.append(truth[0])
            shelf.see("DELETED", pod(truth[0], version))
            truth = None
        while late and choice.random() < 0.5:
            said = late.pop(choice.randrange(len(late)))
            if isinstance(said, str):
                shelf.drop("ada", said)
            else:
                shelf.put(said, 0)
    assert held(shelf) == truth


def test_graves_are_not_kept_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("perijove.spawners.kubernetes.shelf._GRAVES", 2)
    shelf = Shelf()
    for number in range(5):
        shelf.drop("ada", str(number))
    assert len(shelf._buried) == 2


def test_a_trim_keeps_what_is_named_and_the_rest_goes() -> None:
    trim = keeping("spec.nodeName", "status.conditions[].type", "metadata.labels")
    whole = {
        "metadata": {"name": "a", "uid": "u", "labels": {"x": {"y": 1}}, "managedFields": [1]},
        "spec": {"nodeName": "n", "volumes": [1]},
        "status": {"conditions": [{"type": "Ready", "status": "True"}, {"type": "B"}], "phase": 1},
    }
    assert trim(pack(whole)) == {
        "metadata": {"name": "a", "uid": "u", "labels": {"x": {"y": 1}}},
        "spec": {"nodeName": "n"},
        "status": {"conditions": [{"type": "Ready"}, {"type": "B"}]},
    }


def test_what_was_told_of_the_gone_is_forgotten_when_it_is_much() -> None:
    told = Told()
    for number in range(1200):
        about = {"uid": str(number), "kind": "Pod", "name": "p"}
        told.see("ADDED", {"metadata": {"name": "e"}, "involvedObject": about})
    told.tidy(lambda uid, _kind, _name: int(uid) < 10, 10)
    assert len(told) == 10
    told.see("DELETED", {"metadata": {"name": "e"}, "involvedObject": {"uid": "3"}})
    assert len(told) == 9
    assert told.of("4")
    assert not told.of("3")
