"""What every cluster must offer before anything of ours can be judged on it."""

import json
from typing import Any
from urllib.request import urlopen

import pytest

from tests.cluster.kit import api, parts
from tests.cluster.kit.words import wait
from tests.cluster.kubectl import Kubectl
from tests.cluster.manifests import claim, pod, service

pytestmark = pytest.mark.smoke

FAKE: dict[str, Any] = {
    "nodeSelector": {"type": "kwok"},
    "tolerations": [{"key": "kwok", "operator": "Exists"}],
}


def real_nodes(kubectl: Kubectl) -> dict[str, str]:
    """Return the address of each node that runs containers."""
    rows = kubectl.json("get", "nodes", "--selector=type!=kwok")["items"]
    assert all({"type": "Ready", "status": "True"}.items() <= ready(row).items() for row in rows)
    return {row["metadata"]["name"]: row["status"]["addresses"][0]["address"] for row in rows}


def ready(node: dict[str, Any]) -> dict[str, str]:
    return next(it for it in node["status"]["conditions"] if it["type"] == "Ready")


def test_a_pod_runs_on_each_node_and_its_log_can_be_read(kubectl: Kubectl) -> None:
    nodes = real_nodes(kubectl)
    assert len(nodes) >= 1
    kubectl.apply(*(pod(f"on-{name}", nodeName=name) for name in nodes))
    for name in nodes:
        kubectl.wait_for(f"on-{name}")
        kubectl.wait_for_log(f"on-{name}", "listening on 8888")


def test_a_volume_is_made_for_the_pod_that_wants_it_and_outlives_it(kubectl: Kubectl) -> None:
    volume = {"name": "home", "persistentVolumeClaim": {"claimName": "home"}}
    mounted = {"volumeMounts": [{"name": "home", "mountPath": "/home/jovyan"}]}
    kubectl.apply(
        claim("home"),
        pod("first", "sh", "-c", "echo ada > name", volumes=[volume], container=mounted),
    )
    kubectl.wait_for("first", "Succeeded")
    assert kubectl.json("get", "pvc", "home")["status"]["phase"] == "Bound"
    kubectl("delete", "pod", "first")
    kubectl.apply(pod("second", "cat", "name", volumes=[volume], container=mounted))
    kubectl.wait_for("second", "Succeeded")
    assert kubectl("logs", "second") == "ada\n"


def test_a_service_is_found_by_its_name_and_through_a_port_of_every_node(
    kubectl: Kubectl,
) -> None:
    kubectl.apply(pod("stub"), service("stub", 8888, "NodePort"))
    kubectl.wait_for("stub")
    ask = (
        "import socket,time,urllib.request as u\n"
        "for _ in range(50):\n"
        "  try: print(u.urlopen('http://stub:8888/api').read().decode()); break\n"
        "  except OSError as e: print(e); time.sleep(.2)\n"
    )
    kubectl.apply(pod("asks", "python3", "-c", ask))
    kubectl.wait_for("asks", "Succeeded")
    assert '"version": "stub"' in kubectl("logs", "asks")
    port = kubectl.json("get", "service", "stub")["spec"]["ports"][0]["nodePort"]
    for address in real_nodes(kubectl).values():
        with urlopen(f"http://{address}:{port}/api", timeout=5) as answer:
            assert json.load(answer)["path"] == "/api"


@pytest.mark.usefixtures("ours")
def test_a_fake_node_takes_what_wants_a_graphics_card(kubectl: Kubectl) -> None:
    wanted = {"resources": {"limits": {"nvidia.com/gpu": "1"}}}
    kubectl.apply(pod("trains", container=wanted, **FAKE))
    assert kubectl.wait_for("trains")["spec"]["nodeName"].startswith("kwok-")


@pytest.mark.usefixtures("ours")
def test_pods_live_on_while_the_api_server_is_away(kubectl: Kubectl) -> None:
    kubectl.apply(pod("stub"))
    address = kubectl.wait_for("stub")["status"]["podIP"]
    parts.stop("apiserver")
    try:
        assert not api.ready()
        with urlopen(f"http://{address}:8888/api", timeout=5) as answer:
            assert answer.status == 200
    finally:
        parts.start("apiserver")
        wait("API server ready", api.ready)
    assert kubectl.phase("stub") == "Running"
    kubectl.apply(pod("later"))
    kubectl.wait_for("later")
