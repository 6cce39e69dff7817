"""Values of the chart -> traits (chart.md 3.4), and what has an effect where."""

from pathlib import Path
from typing import Any

import pytest

from perijove.kit.merged import merged
from perijove.settings import of, read
from perijove.settings.pods import templates, traits


def made(singleuser: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    return traits(of({"singleuser": singleuser or {}, **more}))


def test_without_values_everybody_has_a_volume_a_gigabyte_and_no_account() -> None:
    found = made()
    assert found["mem_guarantee"] == "1G"
    assert found["uid"] == 1000
    assert found["fs_gid"] == 100
    assert found["service_account"] is None
    assert found["storage_pvc_ensure"] is True
    assert found["volumes"] == {
        "volume-{user_server}": {
            "name": "volume-{user_server}",
            "persistentVolumeClaim": {"claimName": "{pvc_name}"},
        }
    }
    assert found["volume_mounts"] == {
        "volume-{user_server}": {"name": "volume-{user_server}", "mountPath": "/home/jovyan"}
    }
    assert [it["key"] for it in found["tolerations"]] == [
        "hub.jupyter.org/dedicated",
        "hub.jupyter.org_dedicated",
    ]
    [preferred] = found["node_affinity_preferred"]
    assert preferred["weight"] == 100
    assert templates(of({})) == ("jupyter-{user_server}", "claim-{user_server}")


def test_a_static_home_is_a_folder_in_one_volume_and_none_is_none() -> None:
    static = {"type": "static", "static": {"pvcName": "homes"}, "homeMountPath": "/home/x"}
    found = made({"storage": static})
    assert not found["storage_pvc_ensure"]
    assert found["volumes"] == {
        "home": {"name": "home", "persistentVolumeClaim": {"claimName": "homes"}}
    }
    assert found["volume_mounts"]["home"] == {
        "name": "home",
        "mountPath": "/home/x",
        "subPath": "{username}",
    }
    found = made({"storage": {"type": "none"}})
    assert (found["volumes"], found["volume_mounts"]) == ({}, {})


@pytest.mark.parametrize(
    "volumes",
    [[{"name": "shm", "emptyDir": {}}], {"shm": {"name": "shm", "emptyDir": {}}}],
    ids=["list", "mapping"],
)
def test_more_volumes_are_a_mapping_that_a_profile_can_change(volumes: Any) -> None:
    storage = {"type": "none", "extraVolumes": volumes,
               "extraVolumeMounts": [{"name": "shm", "mountPath": "/dev/shm"}]}  # fmt: skip
    found = made({"storage": storage})
    assert found["volume_mounts"] == {"0-shm": {"name": "shm", "mountPath": "/dev/shm"}}
    changed = merged(found, {"volumes": {"shm": {"emptyDir": {"medium": "Memory"}}}})
    assert changed["volumes"]["shm"] == {"name": "shm", "emptyDir": {"medium": "Memory"}}


def test_secrets_for_images_come_from_both_places_and_labels_of_the_chart_win() -> None:
    found = made(
        {"image": {"name": "x", "tag": "1", "pullSecrets": ["b"]}, "extraLabels": {"app": "mine"}},
        imagePullSecrets=["a", {"name": "c"}],
    )
    assert found["image"] == "x:1"
    assert found["image_pull_secrets"] == ["a", {"name": "c"}, "b"]
    assert found["common_labels"]["app"] == "mine"
    assert found["common_labels"]["heritage"] == "jupyterhub"


def test_a_purpose_may_be_required_or_ignored() -> None:
    def purpose(word: str) -> dict[str, Any]:
        return made(scheduling={"userPods": {"nodeAffinity": {"matchNodePurpose": word}}})

    assert "node_affinity_required" in purpose("require")
    assert not {"node_affinity_required", "node_affinity_preferred"} & purpose("ignore").keys()


def test_what_only_a_pod_has_is_named_once_on_one_machine_and_not_in_a_cluster(
    tmp_path: Path,
) -> None:
    file = tmp_path / "values.yaml"
    file.write_text(
        "singleuser:\n  image: {name: x, tag: '1'}\n  memory: {limit: 1G}\n  cmd: [a]\n"
        "  nodeSelector: {a: b}\nscheduling:\n  userPods:\n    nodeAffinity:\n"
        "      matchNodePurpose: require\n"
    )
    here = read(file, {}).idle
    assert set(here) == {
        "singleuser.image.name",
        "singleuser.image.tag",
        "singleuser.nodeSelector",
        "scheduling.userPods.nodeAffinity.matchNodePurpose",
    }
    assert read(file, {}, cluster=True).idle == ()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{storage: {type: elastic}}", "must be dynamic, static or none"),
        ("{image: {tag: 1.0}}", "must be a text"),
        ("{memory: {limit: [1]}}", "must be a text or a number"),
        ("{imgae: {}}", "Did you mean `image`?"),
        ("{uid: -1}", "must be at least 0"),
    ],
)
def test_a_wrong_value_is_told_in_words(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "values.yaml"
    file.write_text(f"singleuser: {text}\n")
    [problem] = read(file, {}).problems
    assert words in f"{problem.words} {problem.hint}"
