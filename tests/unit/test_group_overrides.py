"""Group overrides as JupyterHub 6 has them: who gets which, in which order, and what is refused."""

from collections.abc import Sequence
from dataclasses import replace
from math import inf, nan
from pathlib import Path
from typing import Any

import pytest

from perijove.cli.doctor.devices import gpus
from perijove.core.bigger import bigger
from perijove.core.group_overrides import GroupOverride
from perijove.core.options import Profiles
from perijove.kit.merged import merged, stacked
from perijove.model.signal import Signal
from perijove.settings import BadConfig, of, read_tree
from perijove.spawners.bounds import Bound
from perijove.spawners.gpus import wanted
from perijove.spawners.kubernetes import pod
from perijove.spawners.kubernetes.names import fields
from tests.gpus import tool
from tests.unit.test_bigger import SERVER
from tests.unit.test_kubernetes_pod import spec

DOCUMENTED = {
    "01-group-alpha-env-add": {
        "groups": ["group-alpha"],
        "spawner_override": {"environment": {"AM_I_GROUP_ALPHA": "yes"}},
    },
    "02-group-beta-env-add": {
        "groups": ["group-beta"],
        "spawner_override": {"environment": {"AM_I_GROUP_BETA": "yes"}},
    },
    "03-group-beta-mem-limit": {
        "groups": ["group-beta"],
        "spawner_override": {"mem_limit": "2G"},
    },
}
"""The example of JupyterHub's documentation."""

TO_ALL = {
    "image": "reg/usual:1",
    "cpu_guarantee": 1,
    "environment": {"USUAL": "1"},
    "node_selector": {"disk": "fast"},
    "tolerations": [{"key": "usual"}],
}


def tree(overrides: Any, of_class: str = "Spawner", **singleuser: Any) -> dict[str, Any]:
    return {
        "hub": {"config": {of_class: {"group_overrides": overrides}}},
        "singleuser": singleuser,
    }


def profiles(overrides: Any, **singleuser: Any) -> Profiles:
    return of(tree(overrides, **singleuser)).profiles


def keys(given: Profiles, **memberships: dict[str, Any]) -> list[str]:
    named = {name.replace("_", "-"): it for name, it in memberships.items()}
    return [it.key for it in given.by_group.items if it.applies(named)]


def ids(given: Profiles, keys: Sequence[str]) -> list[str]:
    called = {it.key: it.id for it in given.by_group.items}
    return [called.get(key, key) for key in keys]


def test_who_is_in_two_groups_gets_what_is_for_both_merged() -> None:
    given = profiles(DOCUMENTED)
    assert keys(given) == []
    assert keys(given, others={}) == []
    assert keys(given, group_alpha={}) == ["01-group-alpha-env-add"]
    both = keys(given, group_beta={}, group_alpha={})
    assert given.overrides({}, ids(given, both)) == {
        "environment": {"AM_I_GROUP_ALPHA": "yes", "AM_I_GROUP_BETA": "yes"},
        "mem_limit": "2G",
    }


def test_keys_order_them_as_texts_wherever_they_stand() -> None:
    given = profiles(
        {
            "b": {"groups": ["g"], "spawner_override": {"mem_limit": "2G", "cpu_limit": 2}},
            "10": {"groups": ["g"], "spawner_override": {"cpu_limit": 10}},
            "9": {"groups": ["g"], "spawner_override": {"mem_limit": "9G", "cpu_limit": 9}},
        }
    )
    assert keys(given, g={}) == ["10", "9", "b"]
    assert given.overrides({}, ids(given, ["b", "9", "10"])) == {"mem_limit": "2G", "cpu_limit": 2}
    assert given.overrides({}, ids(given, ["9", "10"])) == {"mem_limit": "9G", "cpu_limit": 9}


def test_a_profile_lies_over_them_as_kubespawner_applies_it_later() -> None:
    given = profiles(
        {
            "a": {
                "groups": ["g"],
                "spawner_override": {"mem_limit": "8G", "environment": {"A": "g", "B": "g"}},
            }
        },
        profileList=[
            {"display_name": "Usual"},
            {
                "display_name": "Small",
                "kubespawner_override": {"mem_limit": "1G", "environment": {"B": None, "C": "p"}},
            },
        ],
    )
    assert given.overrides({}, ids(given, ["a"])) == {
        "mem_limit": "8G",
        "environment": {"A": "g", "B": "g"},
    }
    small = {"mem_limit": "1G", "environment": {"A": "g", "B": None, "C": "p"}}
    assert given.overrides({"profile": "small"}, ids(given, ["a"])) == small
    assert given.of_groups(frozenset()).overrides({"profile": "small"}, ids(given, ["a"])) == small
    assert given.overrides({"profile": "gone"}, ids(given, ["a"]))["mem_limit"] == "8G", (
        "the default one"
    )


def test_none_of_a_profile_takes_out_what_the_settings_say_whatever_the_group_has() -> None:
    out = {"environment": {"A": None}, "extra_resource_limits": None}
    for of_group in ("1G", None):
        given = profiles(
            {
                "k": {
                    "groups": ["g"],
                    "spawner_override": {
                        "mem_limit": of_group,
                        "environment": {"A": None},
                        "extra_resource_limits": {"nvidia.com/gpu": None},
                    },
                }
            },
            memory={"limit": "512M"},
            profileList=[
                {"display_name": "P", "kubespawner_override": {**out, "mem_limit": None}},
                {"display_name": "Q", "kubespawner_override": {**out, "mem_limit": "256M"}},
            ],
        )
        for called in ((), tuple(ids(given, ["k"]))):
            found = given.overrides({}, called)
            assert found["mem_limit"] is None
            assert found["environment"] == {"A": None}
            usual = {"mem_limit": 512 << 20, "extra_resource_limits": {"nvidia.com/gpu": 1}}
            assert wanted(usual, found) == {}
            assert "mem_limit" not in merged(usual, found)
            assert Bound.of({**usual, **found}).memory is None
            ran_out = replace(
                SERVER,
                reason=Signal(code="out-of-memory"),
                user_options={"profile": "q"},
                group_overrides=called,
            )
            more = bigger(given, ran_out)
            assert more
            assert (more.options, more.memory) == ({"profile": "p"}, None)


def test_none_stays_until_it_has_taken_out_what_the_settings_say() -> None:
    first = {"environment": {"A": "1", "B": "2"}, "mem_limit": "1G", "x": 1}
    then = {"environment": {"A": None}, "mem_limit": None, "x": {"y": 1}}
    whole = {"environment": {"A": None, "B": "2"}, "mem_limit": None, "x": {"y": 1}}
    assert stacked(first, then) == whole
    assert first == {"environment": {"A": "1", "B": "2"}, "mem_limit": "1G", "x": 1}


@pytest.mark.parametrize(
    ("groups", "wanted", "memberships", "applies"),
    [
        (["a", "b"], {}, {"b": {}}, True),
        ([], {}, {"b": {}}, False),
        (None, {"tier": "gold"}, {"b": {}, "c": {"tier": "gold", "x": 1}}, True),
        (None, {"tier": "gold"}, {"b": {"tier": "tin"}}, False),
        (None, {"tier": "gold", "y": None}, {"b": {"tier": "gold"}}, False),
        (None, {"tier": {"deep": [1]}}, {"b": {"tier": {"deep": [1]}}}, True),
        (["b"], {"tier": "gold"}, {"c": {"tier": "gold"}, "b": {}}, False),
        (["c"], {"tier": "gold"}, {"c": {"tier": "gold"}, "b": {}}, True),
        (None, {"tier": "gold"}, {}, False),
        (None, {"tier": True}, {"b": {"tier": 1}}, False),
        (None, {"tier": 0}, {"b": {"tier": False}}, False),
        (None, {"tier": 1}, {"b": {"tier": 1.0}}, True),
        (None, {"tier": [{"a": 1}]}, {"b": {"tier": [{"a": True}]}}, False),
        (None, {"tier": [{"a": None}]}, {"b": {"tier": [{"a": None}]}}, True),
        (None, {"tier": [1]}, {"b": {"tier": [1, 1]}}, False),
        (None, {"tier": {"a": 1}}, {"b": {"tier": {"b": 1}}}, False),
    ],
)
def test_an_override_may_ask_for_properties_of_a_group(
    groups: list[str] | None, wanted: dict[str, Any], memberships: Any, applies: object
) -> None:
    it = GroupOverride(
        key="k",
        groups=None if groups is None else frozenset(groups),
        properties=wanted,
        changes={},
    )
    assert it.applies(memberships) is applies


def test_one_that_is_gone_is_told_and_changes_nothing() -> None:
    given, told = profiles(DOCUMENTED), list[str]()
    called = ids(given, ["00-gone", "03-group-beta-mem-limit"])
    assert given.overrides({}, called, told.append) == {"mem_limit": "2G"}
    assert told == ["group override '00-gone' is not in the settings any more, or for others"]


@pytest.mark.parametrize(
    "now", [{"groups": ["gold"]}, {"groups": []}, {"properties": {"tier": 1}}, {"properties": {}}]
)
def test_a_key_that_is_given_anew_is_not_the_one_of_before(now: dict[str, Any]) -> None:
    physics = {"groups": ["physics"], "properties": {"tier": True}, "spawner_override": {}}
    changed = {**physics, **now, "spawner_override": {"mem_limit": "64G"}}
    called = ids(profiles({"10": physics}), ["10"])
    given = profiles({"10": changed, "20": physics})
    assert given.overrides({}, called) == {}
    same = profiles({"10": {**physics, "spawner_override": {"mem_limit": "1G"}}})
    assert same.overrides({}, called) == {"mem_limit": "1G"}, "what it says is that of the moment"


def test_the_classes_of_published_values_are_one_and_the_more_special_wins() -> None:
    for name in ("Spawner", "KubeSpawner", "LocalProcessSpawner"):
        assert of(tree(DOCUMENTED, name)).profiles.by_group == profiles(DOCUMENTED).by_group
    both = tree({}, "Spawner")
    both["hub"]["config"]["KubeSpawner"] = {"group_overrides": DOCUMENTED}
    assert len(of(both).profiles.by_group.items) == 3


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        (
            {"groups": ["g"], "spawner_override": {"mem_limt": "1G"}},
            "k.spawner_override.mem_limt: is no setting of a server. Did you mean `mem_limit`?",
        ),
        (
            {"groups": ["g"], "spawner_override": {"cpu_gurantee": 1}},
            "is no setting of a server. It is written `cpu_guarantee`.",
        ),
        (
            {"groups": ["g"], "spawner_override": {"mem_limit": "lambda spawner: '1G'"}},
            "mem_limit: must be an amount of memory, as 512M or 2G; it is a text.",
        ),
        ({"groups": ["g"], "spawner_override": {"mem_guarantee": True}}, "an amount of memory"),
        ({"groups": ["g"], "spawner_override": {"cpu_limit": "much"}}, "a number of cores"),
        ({"groups": ["g"], "spawner_override": {"cpu_limit": -1}}, "a number of cores"),
        ({"groups": ["g"], "spawner_override": {"environment": ["A=1"]}}, "must be a mapping"),
        ({"groups": ["g"], "spawner_override": {"cmd": []}}, "must be a command"),
        ({"groups": ["g"], "spawner_override": {"tolerations": {}}}, "must be a list"),
        ({"groups": ["g"], "spawner_override": {"node_selector": "gpu"}}, "must be a mapping"),
        ({"groups": ["g"], "spawner_override": {"uid": "0"}}, "must be a whole number"),
        ({"groups": ["g"], "spawner_override": {"image": 3}}, "must be a text"),
        ({"groups": ["g"], "spawner_override": {"privileged": "no"}}, "must be true or false"),
        (
            {
                "groups": ["g"],
                "spawner_override": {"extra_resource_limits": {"nvidia.com/gpu": "x"}},
            },
            "whole numbers of GPUs",
        ),
        (
            {"groups": ["g"], "spawner_override": {"pre_spawn_hook": "mine"}},
            "is a hook: Python code",
        ),
        ({"groups": "g", "spawner_override": {}}, "groups: must be a list (- item)"),
        ({"groups": ["g"]}, "k.spawner_override: is missing."),
        ({"spawner_override": {}}, "says of no group; name some with `groups: […]`"),
        ({"groups": ["g"], "spawner_overide": {}}, "Did you mean `spawner_override`?"),
        ("mine", "must be a mapping"),
    ],
)
def test_what_no_server_could_be_given_is_refused_before_any_starts(entry: Any, told: str) -> None:
    with pytest.raises(BadConfig) as caught:
        of(tree({"k": entry}))
    assert told in str(caught.value)
    assert str(caught.value).startswith("hub.config.Spawner.group_overrides.k")


NO_TIMEOUTS = [inf, nan, 1e15, 10**18, 31_536_001, 0, -1, 1.5, True, "300", [300]]


@pytest.mark.parametrize("seconds", NO_TIMEOUTS)
def test_a_start_that_would_never_end_is_refused_of_groups_and_of_profiles(seconds: Any) -> None:
    override = {"start_timeout": seconds}
    small = {"choices": {"s": {"kubespawner_override": override}}}
    free = {"unlisted_choice": {"enabled": True, "kubespawner_override": override}}
    at = "singleuser.profileList[0]"
    for written, place in (
        (tree({"k": {"groups": ["g"], "spawner_override": override}}), "hub.config.Spawner.group"),
        (tree({}, profileList=[{"display_name": "P", "kubespawner_override": override}]), at),
        (tree({}, profileList=[{"display_name": "P", "profile_options": {"o": small}}]), at),
        (tree({}, profileList=[{"display_name": "P", "profile_options": {"o": free}}]), at),
    ):
        with pytest.raises(BadConfig) as caught:
            of(written)
        told = "start_timeout: must be a whole number of seconds, from 1 to 31536000; it is "
        assert str(caught.value).startswith(place)
        assert told in str(caught.value)


@pytest.mark.parametrize("seconds", [1, 300, 86_400, None])
def test_a_start_may_take_up_to_a_day(seconds: int | None) -> None:
    override = {"start_timeout": seconds}
    of(
        tree(
            {"k": {"groups": ["g"], "spawner_override": override}},
            profileList=[{"display_name": "P", "kubespawner_override": override}],
            startTimeout=seconds,
        )
    )
    with pytest.raises(BadConfig, match="startTimeout"):
        of(tree({}, startTimeout=10**15))


@pytest.mark.parametrize("code", ["my_module.overrides", ["a"]])
def test_a_function_is_refused_in_words(code: Any) -> None:
    with pytest.raises(BadConfig, match=r"must be a mapping of overrides, .*; Python code cannot"):
        of(tree(code))


def test_every_setting_of_a_server_is_taken_and_null_takes_it_out() -> None:
    good = {
        "mem_limit": None, "mem_guarantee": "512M", "cpu_limit": "0.5", "cpu_guarantee": 1,
        "environment": {"A": 1, "B": None}, "cmd": "lab", "node_selector": {"a": "b"},
        "tolerations": [{"key": "x"}], "image": "reg/image:1", "uid": 1000, "privileged": False,
        "extra_resource_limits": {"nvidia.com/gpu": 1, "other/thing": "2"}, "pids_limit": 100,
        "default_url": "/lab",
    }  # fmt: skip
    given = profiles({"k": {"groups": ["g"], "spawner_override": good}})
    assert given.overrides({}, ids(given, ["k"])) == good


def test_what_has_no_effect_here_is_told() -> None:
    here = tree(
        {
            "k": {
                "groups": ["g"],
                "spawner_override": {"image": "x", "profile_list": [], "start_timeout": 9},
            }
        }
    )
    box, cluster = read_tree(here, {}), read_tree(here, {}, cluster=True)
    told = "hub.config.Spawner.group_overrides: these settings have no effect here:"
    assert f"{told} image, profile_list." in map(str, box.notices)
    assert f"{told} profile_list." in map(str, cluster.notices)


def test_a_misspelling_counts_where_misspellings_do() -> None:
    given = tree({"k": {"groups": ["g"], "spawner_override": {"mem_gurantee": "1G"}}})
    found = of({**given, "compat": {"honourMisspelt": True}}).profiles
    assert found.overrides({}, ids(found, ["k"])) == {"mem_guarantee": "1G"}


@pytest.mark.parametrize(
    ("of_class", "hook", "hint"),
    [
        ("Spawner", "pre_spawn_hook", "hub.config.Spawner.group_overrides"),
        ("KubeSpawner", "auth_state_hook", "singleuser.extraEnv"),
        ("Spawner", "post_stop_hook", "hub.services"),
        ("Spawner", "progress_ready_hook", "singleuser.defaultUrl"),
        ("KubeSpawner", "modify_pod_hook", "singleuser.extraPodConfig"),
        ("KubeSpawner", "after_pod_created_hook", "singleuser.extraPodConfig"),
        ("Authenticator", "post_auth_hook", "hub.loadRoles"),
        ("DummyAuthenticator", "reconcile_auth_state_hook", "hub.loadRoles"),
        ("GenericOAuthenticator", "modify_auth_state_hook", "hub.loadRoles"),
        ("JupyterHub", "user_redirect_hook", "default_server_name"),
        ("MyOwnSpawner", "whatever_hook", "Take it out."),
    ],
)
def test_a_hook_is_refused_with_what_to_do_instead(of_class: str, hook: str, hint: str) -> None:
    reading = read_tree({"hub": {"config": {of_class: {hook: "my_module.hook"}}}}, {})
    (problem,) = reading.problems
    assert problem.key == f"hub.config.{of_class}.{hook}"
    assert "Python code, of which a values file holds none" in problem.words
    assert hint in problem.hint
    assert not read_tree({"hub": {"config": {of_class: {hook: None}}}}, {}).problems


def test_a_pod_is_that_of_its_owners_groups() -> None:
    given = profiles(
        {
            "gold": {
                "groups": ["gold"],
                "spawner_override": {
                    "image": "reg/gold:1",
                    "mem_limit": "8G",
                    "mem_guarantee": "4G",
                    "cpu_limit": 2,
                    "cpu_guarantee": None,
                    "environment": {"TIER": "gold", "WHO": "{username}", "USUAL": None},
                    "node_selector": {"pool": "gold"},
                    "tolerations": [{"key": "gold", "operator": "Exists"}],
                    "extra_resource_limits": {"nvidia.com/gpu": 1},
                },
            }
        }
    )
    manifest = pod.manifest(
        spec(),
        merged(TO_ALL, given.overrides({}, ids(given, ["gold"]))),
        {**fields("ada", "", 7, "lab"), "pod_name": "jupyter-ada", "pvc_name": "claim-ada"},
    )
    found, (container,) = manifest["spec"], manifest["spec"]["containers"]
    assert container["image"] == "reg/gold:1"
    assert container["resources"] == {
        "requests": {"memory": 4 << 30},
        "limits": {"cpu": 2, "memory": 8 << 30, "nvidia.com/gpu": 1},
    }
    env = {it["name"]: it["value"] for it in container["env"]}
    assert (env["TIER"], env["WHO"], env["MEM_LIMIT"]) == ("gold", "ada", str(8 << 30))
    assert "USUAL" not in env
    assert found["nodeSelector"] == {"disk": "fast", "pool": "gold"}
    assert found["tolerations"] == [{"key": "gold", "operator": "Exists"}]


def test_more_memory_is_more_than_a_group_has_already() -> None:
    given = profiles(
        {"k": {"groups": ["g"], "spawner_override": {"mem_limit": "8G"}}},
        memory={"limit": "1G"},
        profileList=[
            {"display_name": "Usual"},
            {"display_name": "Four", "kubespawner_override": {"mem_limit": "4G"}},
        ],
    )
    ran_out = replace(SERVER, reason=Signal(code="out-of-memory"))
    found = bigger(given, ran_out)
    assert found
    assert found.options == {"profile": "four"}
    assert bigger(given, replace(ran_out, group_overrides=tuple(ids(given, ["k"])))) is None


def test_the_doctor_counts_the_gpus_of_overrides(tmp_path: Path) -> None:
    override = {"extra_resource_limits": {"nvidia.com/gpu": 3}}
    settings = of(tree({"k": {"groups": ["g"], "spawner_override": override}}))
    assert (
        gpus(settings, tool(tmp_path)).sentence("en").startswith("`group_overrides.k` asks for 3")
    )
