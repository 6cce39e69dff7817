"""Pods and claims beside those of KubeSpawner 7.1.0; what differs has its reason here."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from perijove.model.amounts import memory
from perijove.model.errors import Refused
from perijove.model.workload import LaunchSpec, Origin
from perijove.settings import of
from perijove.settings.pods import traits
from perijove.spawners.amounts import quantity
from perijove.spawners.kubernetes import claim, pod
from perijove.spawners.kubernetes.labels import INCARNATION, ORIGIN, origin_of
from perijove.spawners.kubernetes.names import fields
from perijove.spawners.kubernetes.rescue import rescued

RECORDED = yaml.safe_load((Path(__file__).parents[1] / "vectors" / "kubespawner.yaml").read_text())
ORIGIN_OF_ADA = Origin(
    instance="i-1", incarnation=3, user="ada", server="", port=None,
    server_id=5, user_id=7, client="jupyterhub-user-ada", home="claim-ada",
)  # fmt: skip
KNOWN = {**fields("ada", "", 7, "lab"), "pod_name": "jupyter-ada", "pvc_name": "claim-ada"}
MADE_BY_US = ("JUPYTER_IMAGE", "JUPYTER_IMAGE_SPEC", "MEM_LIMIT", "MEM_GUARANTEE", "CPU_LIMIT",
              "CPU_GUARANTEE")  # fmt: skip
"""In get_env there, which make_pod is given; so they are in no record."""


def spec(**more: Any) -> LaunchSpec:
    given = {"name": "jupyter-ada", "command": ("jupyterhub-singleuser",), **more}
    return LaunchSpec(origin=ORIGIN_OF_ADA, **given)


def made(**traits: Any) -> dict[str, Any]:
    return pod.manifest(spec(), {"image": "quay.io/jupyter/base:1", **traits}, KNOWN)


def comparable(manifest: dict[str, Any]) -> dict[str, Any]:
    """Return the spec without what differs on purpose, or does not matter to the API server."""
    found = dict(manifest["spec"])
    for container in found["containers"]:
        env = container.get("env", [])
        container["env"] = [it for it in env if it["name"] not in MADE_BY_US]
        for key in ("resources", "volumeMounts", "env"):
            if not container.get(key):
                container.pop(key, None)
        for kind in ("requests", "limits"):
            if container.get("resources", {}).get(kind) == {}:
                del container["resources"][kind]
        if container.get("resources") == {}:
            del container["resources"]
    return {key: value for key, value in found.items() if value not in ({}, [])}


@pytest.mark.parametrize("name", RECORDED["pods"])
def test_a_pod_is_that_of_kubespawner_but_is_not_started_again_behind_its_user(name: str) -> None:
    case = RECORDED["pods"][name]
    theirs = comparable(case["pod"])
    ours = comparable(made(**case["traits"]))
    assert ours.pop("restartPolicy") == "Never"
    assert theirs.pop("restartPolicy") == ("Never" if name == "containers" else "OnFailure")
    assert ours == theirs


@pytest.mark.parametrize("name", RECORDED["claims"])
def test_a_claim_is_that_of_kubespawner(name: str) -> None:
    case = RECORDED["claims"][name]
    given = {
        "storage_class": case["given"]["storage_class"],
        "storage_access_modes": case["given"]["access_modes"],
        "storage_selector": case["given"]["selector"],
        "storage_capacity": case["given"]["storage"],
    }
    ours = claim.manifest("claim-ada", ORIGIN_OF_ADA, given, KNOWN)
    assert ours["spec"] == case["claim"]["spec"]
    beta = "volume.beta.kubernetes.io/storage-class"
    theirs = case["claim"]["metadata"]["annotations"]
    assert ours["metadata"]["annotations"].get(beta) == theirs.get(beta)


def test_labels_and_annotations_are_those_of_kubespawner_and_where_it_comes_from() -> None:
    meta = made(extra_labels={"team": "{username}-x", "app": "mine"})["metadata"]
    assert meta["labels"] == {
        "hub.jupyter.org/username": "ada",
        "hub.jupyter.org/servername": "",
        "team": "ada-x",
        "app": "jupyterhub",  # common labels win, as there
        "heritage": "jupyterhub",
        "component": "singleuser-server",
        "app.kubernetes.io/name": "jupyterhub",
        "app.kubernetes.io/managed-by": "kubespawner",
        "app.kubernetes.io/component": "singleuser-server",
        "perijove.io/instance": "i-1",
        INCARNATION: "3",
    }
    assert meta["annotations"]["hub.jupyter.org/username"] == "ada"
    assert "hub.jupyter.org/servername" not in meta["annotations"]
    assert origin_of({"metadata": meta}) == ORIGIN_OF_ADA


@pytest.mark.parametrize("text", ["", "{", "[]", '{"instance": 1}', "null"])
def test_what_does_not_say_where_it_comes_from_is_not_ours(text: str) -> None:
    assert origin_of({"metadata": {"annotations": {ORIGIN: text}}}) is None
    assert origin_of({"metadata": {}}) is None


def test_the_environment_names_limits_and_the_image_and_an_administrator_wins() -> None:
    env = {"JUPYTERHUB_USER": "ada", "JSON": '{"a": 1}'}
    manifest = pod.manifest(
        spec(environment=env),
        {
            "image": "i",
            "mem_limit": "2G",
            "cpu_limit": 0.5,
            "environment": {"WHO": "{unescaped_username}", "JUPYTERHUB_USER": "other"},
        },
        KNOWN,
    )
    found = {it["name"]: it.get("value") for it in manifest["spec"]["containers"][0]["env"]}
    assert found == {
        "JSON": '{"a": 1}',  # what the hub itself sets is no template
        "JUPYTERHUB_USER": "other",
        "WHO": "ada",
        "MEM_LIMIT": str(2 << 30),
        "CPU_LIMIT": "0.5",
        "JUPYTER_IMAGE": "i",
        "JUPYTER_IMAGE_SPEC": "i",
    }


def test_no_command_is_the_images_own_and_the_port_is_filled_in() -> None:
    manifest = pod.manifest(spec(command=()), {"image": "i"}, KNOWN)
    assert "args" not in manifest["spec"]["containers"][0]
    manifest = pod.manifest(spec(command=("x", "--port={port}")), {"image": "i"}, KNOWN)
    assert manifest["spec"]["containers"][0]["args"] == ["x", "--port=8888"]


@pytest.mark.parametrize(
    ("traits", "code"),
    [
        ({"image": ""}, "image-name"),
        ({"image": "a b"}, "image-name"),
        ({"image": "i", "extra_labels": {"x": "{usrname}"}}, "bad-template"),
        ({"image": "i", "extra_labels": {"x": "{"}}, "bad-template"),
        ({"image": "i", "extra_labels": {"x": "{username.__class__}"}}, "bad-template"),
        ({"image": "i", "mem_limit": "lots"}, "bad-amount"),
    ],
)
def test_what_can_never_be_a_pod_is_refused(traits: dict[str, Any], code: str) -> None:
    with pytest.raises(Refused) as refused:
        pod.manifest(spec(), traits, KNOWN)
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("given", "bytes"),
    [(None, None), ("1G", 1 << 30), ("1Gi", 1 << 30), ("512M", 512 << 20), (2048, 2048),
     ("1.5G", 3 << 29), ("1GB", 1 << 30), (0, None), ("7", 7)],
)  # fmt: skip
def test_memory_is_read_as_kubespawner_reads_it(given: Any, bytes: int | None) -> None:
    assert memory(given) == bytes


@pytest.mark.parametrize(
    ("given", "number"), [("500m", 0.5), ("1Gi", 1 << 30), ("1G", 1e9), (2, 2), ("1e3", 1000)]
)
def test_quantities_are_those_of_kubernetes(given: str, number: float) -> None:
    assert quantity(given) == number


def rescued_pod(**storage: Any) -> dict[str, Any]:
    tree = {"singleuser": {"image": {"name": "lab", "tag": "1"}, "storage": storage}}
    manifest = pod.manifest(spec(), rescued(traits(of(tree))), KNOWN)
    return dict(manifest["spec"])


@pytest.mark.parametrize("kind", ["dynamic", "static"])
def test_a_rescue_start_mounts_an_empty_home_and_the_old_one_below_it(kind: str) -> None:
    static = {"pvcName": "shared", "subPath": "home/{username}"}
    found = rescued_pod(type=kind, static=static)
    assert {"name": "rescue", "emptyDir": {}} in found["volumes"]
    mounts = found["containers"][0]["volumeMounts"]
    assert [it["mountPath"] for it in mounts] == ["/home/jovyan", "/home/jovyan/old-home"]
    assert mounts[0]["name"] == "rescue"
    assert mounts[1].get("subPath") == ("home/ada" if kind == "static" else None)


def test_without_a_home_there_is_nothing_to_be_saved_from() -> None:
    found = rescued_pod(type="none")
    assert "volumes" not in found
