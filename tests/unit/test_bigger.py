"""What a server that ran out of memory is started with: the next more, and nothing else changed."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from perijove.core.bigger import bigger
from perijove.core.options import Profiles
from perijove.model.placement import Placement
from perijove.model.server import Desired, Phase, Server
from perijove.model.signal import Signal
from perijove.settings import of

GIB = 1 << 30
SERVER = Server(
    id=1,
    user_id=1,
    user="ada",
    name="",
    user_options={},
    desired=Desired.STOPPED,
    phase=Phase.FAILED,
    since=datetime(2026, 1, 1, tzinfo=UTC),
    incarnation=1,
    placement=Placement(workload="w", port=1, client="c", home="h"),
)


def sized(name: str, **sets: Any) -> dict[str, Any]:
    return {"display_name": name, "kubespawner_override": sets}


def profiles(*entries: dict[str, Any], limit: str | None = None) -> Profiles:
    tree = {"profileList": list(entries), "memory": {"limit": limit}}
    return of({"singleuser": tree}).profiles


def asked(offered: Profiles, *, limit: int | None = None, **options: str) -> Any:
    reason = Signal(code="out-of-memory", params={"limit": limit} if limit else {})
    found = bigger(offered, replace(SERVER, reason=reason, user_options=options))
    return found and (dict(found.options), found.memory)


SIZES = {
    "display_name": "Data",
    "profile_options": {
        "size": {
            "choices": {
                "huge": {"kubespawner_override": {"mem_limit": "32G"}},
                "s": {"default": True, "kubespawner_override": {"mem_limit": "2G"}},
                "m": {"kubespawner_override": {"mem_limit": "4G", "cpu_limit": 2}},
                "usual": {},
            }
        },
        "image": {
            "choices": {
                "new": {"default": True},
                "fat": {"kubespawner_override": {"image": "fat", "mem_limit": "3G"}},
            }
        },
    },
}


def test_the_next_choice_with_more_memory_is_taken_and_the_others_stay() -> None:
    offered = profiles(SIZES, limit="8G")
    assert asked(offered) == ({"size": "m"}, 4 * GIB)
    assert asked(offered, size="m", image="new") == ({"size": "usual", "image": "new"}, 8 * GIB)
    assert asked(offered, size="usual") == ({"size": "huge"}, 32 * GIB)
    assert asked(offered, size="huge") is None


def test_what_it_really_had_counts() -> None:
    offered = profiles(SIZES, limit="16G")
    assert asked(offered, limit=5 * GIB, size="s") == ({"size": "usual"}, 16 * GIB)


def test_a_limit_that_was_raised_since_is_enough() -> None:
    assert asked(profiles(SIZES, limit="8G"), limit=GIB, size="s") == ({"size": "s"}, 2 * GIB)
    assert asked(profiles(limit="8G"), limit=GIB) == ({}, 8 * GIB)


def test_what_nothing_here_has_limited_gets_no_more_by_another_choice() -> None:
    free = {"display_name": "Free", "profile_options": {"image": {"choices": {"a": {}, "b": {}}}}}
    assert asked(profiles(free), limit=GIB, image="a") is None


def test_a_choice_without_a_limit_has_more_than_any() -> None:
    offered = profiles(SIZES)
    assert asked(offered, size="huge") == ({"size": "usual"}, None)
    assert asked(offered, size="usual") is None, "it had as much as there is"


def test_another_profile_is_taken_only_if_nothing_but_its_size_is_another() -> None:
    small = sized("Small", image="lab", mem_limit="1G")
    large = sized("Large", image="lab", mem_limit="4G", node_selector={"big": "yes"})
    torch = sized("Torch", image="torch", mem_limit="2G")
    offered = profiles(small, torch, large)
    assert asked(offered) == ({"profile": "large"}, 4 * GIB)
    assert asked(offered, profile="torch") is None
    assert asked(profiles(small, torch)) is None


def test_options_that_both_profiles_have_are_kept() -> None:
    language: dict[str, Any] = {"language": {"choices": {"en": {}, "zh": {}}}}
    small = {**sized("Small", mem_limit="1G"), "profile_options": language}
    large = {**sized("Large", mem_limit="4G"), "profile_options": language}
    assert asked(profiles(small, large), profile="small", language="zh") == (
        {"profile": "large", "language": "zh"},
        4 * GIB,
    )


def test_without_profiles_nothing_has_more() -> None:
    assert asked(profiles(limit="1G")) is None
    assert asked(profiles(), limit=GIB) is None


@pytest.mark.parametrize("amount", ["a lot", "-1G"])
def test_an_amount_that_is_none_is_passed_over(amount: str) -> None:
    offered = profiles(sized("S", mem_limit="1G"), sized("M", mem_limit=amount))
    assert asked(offered) is None


def test_options_that_do_not_exist_any_more_lead_nowhere() -> None:
    assert asked(profiles(SIZES), profile="gone") is None
