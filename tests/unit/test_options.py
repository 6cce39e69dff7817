"""hub.md 7.7: user_options and profiles -> what a server gets instead."""

from typing import Any

import pytest

from perijove.core.options import Profiles
from perijove.kit.merged import merged
from perijove.model.errors import Invalid
from perijove.settings import of

LIST = [
    {"display_name": "Small", "kubespawner_override": {"environment": {"A": "1", "B": "2"}}},
    {
        "display_name": "GPU lab",
        "slug": "gpu",
        "default": True,
        "kubespawner_override": {"cmd": ["lab"], "environment": {"A": "1", "B": "2"}},
        "profile_options": {
            "image": {
                "choices": {
                    "torch": {"kubespawner_override": {"environment": {"A": "3"}}},
                    "plain": {"default": True, "kubespawner_override": {"environment": None}},
                },
                "unlisted_choice": {
                    "enabled": True,
                    "validation_regex": "reg/[a-z]+",
                    "validation_message": "Only reg/…, please.",
                    "kubespawner_override": {
                        "image": "{value}",
                        "environment": {"I": "<{value}>", "B": None},
                    },
                },
            },
            "size": {"choices": {"s": {"kubespawner_override": {"default_url": "/s"}}}},
        },
    },
]
PROFILES = of({"singleuser": {"profileList": LIST}}).profiles


def test_nothing_given_is_the_default_profile_with_its_default_choices() -> None:
    assert PROFILES.resolve({}) == {"cmd": ["lab"], "environment": None, "default_url": "/s"}
    chosen = PROFILES.of({})
    assert chosen is not None
    assert chosen.slug == "gpu"


def test_a_choice_is_merged_over_its_profile_and_none_deletes() -> None:
    assert PROFILES.resolve({"profile": "gpu", "image": "torch"}) == {
        "cmd": ["lab"],
        "environment": {"A": "3", "B": "2"},
        "default_url": "/s",
    }
    assert PROFILES.resolve({"profile": "small"}) == {"environment": {"A": "1", "B": "2"}}


def test_an_unlisted_choice_fills_its_templates_and_is_never_one_itself() -> None:
    options = {"image": "unlisted-choice", "image--unlisted-choice": "reg/x{value}"}
    found = PROFILES.resolve(options)
    assert found["image"] == "reg/x{value}"
    assert found["environment"] == {"A": "1", "B": None, "I": "<reg/x{value}>"}


def test_the_pattern_is_matched_at_the_beginning_only_as_upstream_does() -> None:
    assert PROFILES.resolve({"image--unlisted-choice": "reg/x:1"})["image"] == "reg/x:1"


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"profile": "none"}, "profile.unknown"),
        ({"profile": 5}, "profile.unknown"),
        ({"profile": ["gpu"]}, "profile.unknown"),
        ({"imag": "torch"}, "profile.option-unknown"),
        ({"profile": "small", "image": "torch"}, "profile.option-unknown"),
        ({"image": "jax"}, "profile.choice-unknown"),
        ({"image": {"a": 1}}, "profile.choice-unknown"),
        ({"size": "unlisted-choice"}, "profile.unlisted-refused"),
        ({"size--unlisted-choice": "x"}, "profile.unlisted-refused"),
        ({"image": "unlisted-choice"}, "profile.unlisted-missing"),
        ({"image--unlisted-choice": 7}, "profile.unlisted-missing"),
        ({"image--unlisted-choice": "x/reg/a"}, "profile.unlisted-told"),
        ({"__jupyterhub_bytes__": "eA=="}, "options.reserved"),
    ],
)
def test_what_is_not_offered_is_refused(options: dict[str, Any], code: str) -> None:
    with pytest.raises(Invalid) as caught:
        PROFILES.require(options)
    assert caught.value.code == code


def test_who_misspells_an_option_is_told_which_there_are() -> None:
    with pytest.raises(Invalid) as caught:
        PROFILES.require({"profile": "gpu", "imag": "torch"})
    assert caught.value.params == {
        "option": "imag", "profile": "gpu", "there": "profile, image, size",
    }  # fmt: skip


def test_options_of_a_profile_that_was_taken_away_start_the_default() -> None:
    assert PROFILES.overrides({"profile": "gone"}) == PROFILES.resolve({})


def test_without_profiles_options_are_anything_but_ours() -> None:
    Profiles().require({"anything": 1})
    assert Profiles().of({}) is None
    assert Profiles().resolve({"anything": 1}) == {}
    with pytest.raises(Invalid, match=r"options\.reserved"):
        Profiles().require({"__jupyterhub_x": 1})


def test_the_first_profile_is_the_default_if_none_is_and_a_mapping_is_sorted() -> None:
    tree = {"b": {"display_name": "B"}, "a": {"display_name": "A"}}
    found = of({"singleuser": {"profileList": tree}}).profiles
    assert [(it.slug, it.default) for it in found.items] == [("a", True), ("b", False)]


def test_merging_changes_neither() -> None:
    base, changes = {"a": {"b": 1, "c": 2}}, {"a": {"b": None, "d": 3}, "e": None}
    assert merged(base, changes) == {"a": {"c": 2, "d": 3}}
    assert (base, changes) == ({"a": {"b": 1, "c": 2}}, {"a": {"b": None, "d": 3}, "e": None})
