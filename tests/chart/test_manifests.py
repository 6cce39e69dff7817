"""What the chart renders: golden files, and what must hold for all of them."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.chart.helm import CHART, Manifest, golden, manifests

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CASES = {
    "defaults": None,
    **{path.stem: path for path in sorted((HERE / "values").glob("*.yaml"))},
    "cluster": ROOT / "examples" / "cluster.yaml",
}
OLD = ("component", "app", "release")

pytestmark = pytest.mark.usefixtures("helm_here")
Found = dict[tuple[str, str], Manifest]


@pytest.fixture(params=list(CASES))
def case(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def found(case: str) -> Found:
    return manifests(CASES[case])


def pods(found: Found) -> Iterator[tuple[Manifest, Any]]:
    """Yield each Deployment and the spec of its pod."""
    for (kind, _), it in found.items():
        if kind == "Deployment":
            yield it, it["spec"]["template"]["spec"]


def test_it_is_what_it_was(case: str, found: Found) -> None:
    file = HERE / "golden" / f"{case}.yaml"
    text = golden(found)
    if os.environ.get("UPDATE"):
        file.write_text(text)
    assert file.read_text() == text, "UPDATE=1 writes it anew; look at the difference"


def test_names_are_bare_by_default() -> None:
    assert set(manifests(None)) == {
        ("Deployment", "hub"),
        ("Deployment", "proxy"),
        ("Service", "hub"),
        ("Service", "proxy-public"),
        ("Service", "proxy-api"),
        ("Secret", "hub"),
        ("PersistentVolumeClaim", "hub-db-dir"),
        ("ServiceAccount", "hub"),
        ("Role", "hub"),
        ("RoleBinding", "hub"),
        ("ClusterRole", "jupyterhub-hub:school"),
        ("ClusterRoleBinding", "jupyterhub-hub:school"),
        ("NetworkPolicy", "hub"),
        ("NetworkPolicy", "proxy"),
        ("NetworkPolicy", "singleuser"),
    }


@pytest.mark.parametrize(
    ("override", "release", "hub", "cluster"),
    [
        ('""', "r", "hub", "r-hub:school"),
        ('"foo"', "r", "foo-hub", "foo-hub:school"),
        ("null", "r", "r-jupyterhub-hub", "r-jupyterhub-hub:school"),
        ("null", "my-jupyterhub", "my-jupyterhub-hub", "my-jupyterhub-hub:school"),
    ],
)
def test_names_follow_the_override(override: str, release: str, hub: str, cluster: str) -> None:
    found = manifests(None, f"fullnameOverride={override}", release=release)
    assert ("Deployment", hub) in found
    assert ("Service", hub) in found
    assert ("ClusterRole", cluster) in found
    arguments = found["Deployment", hub]["spec"]["template"]["spec"]["containers"][0]["args"]
    assert f"--connect-url=http://{hub}:8081" in arguments


def test_every_object_carries_both_sets_of_labels(case: str, found: Found) -> None:
    app = "notebooks" if case == "renamed" else "jupyterhub"
    for (_, name), it in found.items():
        labels = it["metadata"]["labels"]
        component = labels["component"]
        assert component in name
        assert (
            labels.items()
            >= {
                "app": app,
                "release": "jupyterhub",
                "chart": "jupyterhub-0.2.0-dev0",
                "heritage": "Helm",
                "app.kubernetes.io/component": component,
                "app.kubernetes.io/name": app,
                "app.kubernetes.io/instance": "jupyterhub",
                "app.kubernetes.io/managed-by": "Helm",
                "helm.sh/chart": "jupyterhub-0.2.0-dev0",
            }.items()
        )


def test_selectors_are_the_three_old_labels_and_find_the_pods(found: Found) -> None:
    pods_of = {
        it["metadata"]["labels"]["component"]: it["spec"]["template"]["metadata"]["labels"]
        for it, _ in pods(found)
    }
    for (kind, name), it in found.items():
        spec = it.get("spec", {})
        selector = spec.get("selector", {})
        if kind == "NetworkPolicy":
            selector = spec["podSelector"]["matchLabels"]
        elif kind in {"Deployment", "PodDisruptionBudget"}:
            selector = selector["matchLabels"]
        elif kind != "Service":
            continue
        assert set(selector) == set(OLD), (kind, name)
        if selector["component"] != "singleuser-server":
            assert pods_of[selector["component"]].items() >= selector.items()


def test_pods_carry_their_tickets(found: Found) -> None:
    tickets = {
        it["metadata"]["labels"]["component"]: {
            key.removeprefix("hub.jupyter.org/network-access-")
            for key, value in it["spec"]["template"]["metadata"]["labels"].items()
            if key.startswith("hub.jupyter.org/network-access-") and value == "true"
        }
        for it, _ in pods(found)
    }
    assert tickets == {
        "hub": {"proxy-api", "proxy-http", "singleuser"},
        "proxy": {"hub", "singleuser"},
    }


def test_whatever_is_named_exists(case: str, found: Found) -> None:
    for it, pod in pods(found):
        volumes = {volume["name"]: volume for volume in pod.get("volumes", [])}
        for volume in volumes.values():
            if "secret" in volume:
                secret = found["Secret", volume["secret"]["secretName"]]
                assert {item["key"] for item in volume["secret"]["items"]} <= set(secret["data"])
            if "persistentVolumeClaim" in volume:
                assert (
                    "PersistentVolumeClaim",
                    volume["persistentVolumeClaim"]["claimName"],
                ) in found
        for container in pod["containers"]:
            assert {mount["name"] for mount in container.get("volumeMounts", ())} <= set(volumes)
        account = pod.get("serviceAccountName")
        assert account in {None, "lent"} or ("ServiceAccount", account) in found, it
    ports = {
        it["metadata"]["labels"]["component"]: {
            port["name"] for each in pod["containers"] for port in each.get("ports", ())
        }
        for it, pod in pods(found)
    }
    for (kind, _), it in found.items():
        for port in it["spec"]["ports"] if kind == "Service" else ():
            if isinstance(port["targetPort"], str):
                assert port["targetPort"] in ports[it["spec"]["selector"]["component"]], case


def test_pods_are_restricted(found: Found) -> None:
    """Every rule of Kubernetes' standard `restricted`, which a namespace may enforce."""
    for _, pod in pods(found):
        whole = pod.get("securityContext", {})
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)
        ours = [it for it in pod["containers"] if it["name"] in {"hub", "chp"}]
        for container in ours:
            context = {**whole, **container["securityContext"]}
            assert context["runAsNonRoot"] is True
            assert context["runAsUser"] > 0
            assert context["allowPrivilegeEscalation"] is False
            assert context["capabilities"] == {"drop": ["ALL"]}
            assert context["seccompProfile"] == {"type": "RuntimeDefault"}
            assert not context.get("privileged")
        allowed = {"secret", "configMap", "emptyDir", "persistentVolumeClaim", "projected"}
        assert all(set(volume) - {"name"} <= allowed for volume in pod.get("volumes", []))


def test_the_proxy_may_ask_the_cluster_nothing() -> None:
    pod = manifests(None)["Deployment", "proxy"]["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False


def test_rights_can_be_left_to_somebody_else() -> None:
    cluster = {kind for kind, _ in manifests(None, "rbac.cluster=false")}
    assert {"Role", "RoleBinding"} <= cluster
    assert not {"ClusterRole", "ClusterRoleBinding"} & cluster
    none = {kind for kind, _ in manifests(None, "rbac.create=false")}
    assert not {"Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"} & none


def test_uninstalling_keeps_the_database_and_the_secrets() -> None:
    found = manifests(None)
    kept = {
        it for it, manifest in found.items()
        if manifest["metadata"].get("annotations", {}).get("helm.sh/resource-policy") == "keep"
    }  # fmt: skip
    assert kept == {("PersistentVolumeClaim", "hub-db-dir"), ("Secret", "hub")}


def test_probes_follow_the_base_url() -> None:
    for setting in ('hub.baseUrl="/lab"', 'hub.config.JupyterHub.base_url="lab/"'):
        found = manifests(None, setting)
        hub = found["Deployment", "hub"]["spec"]["template"]["spec"]["containers"][0]
        proxy = found["Deployment", "proxy"]["spec"]["template"]["spec"]["containers"][0]
        assert hub["livenessProbe"]["httpGet"]["path"] == "/lab/hub/health/live"
        assert "--hub=http://hub:8081/lab" in proxy["args"]
        annotations = found["Service", "hub"]["metadata"]["annotations"]
        assert annotations["prometheus.io/path"] == "/lab/hub/metrics"


def test_the_version_is_that_of_the_package_and_of_jupyterhub() -> None:
    text = (CHART / "Chart.yaml").read_text()
    assert "name: jupyterhub\n" in text
    assert "appVersion: 6.1.1\n" in text
    project = (ROOT / "pyproject.toml").read_text().split('version = "')[1].split('"')[0]
    assert f"\nversion: {project.replace('.dev', '-dev')}\n" in text  # as semver has it


def test_several_hubs_come_and_go_one_by_one() -> None:
    found = manifests(
        None, "hub.replicas=3", 'hub.db={"type":"postgres","url":"postgresql://hub@db/hub"}'
    )
    hub = found["Deployment", "hub"]["spec"]
    assert hub["replicas"] == 3
    assert hub["strategy"] == {"type": "RollingUpdate"}
    one = manifests(None)["Deployment", "hub"]["spec"]
    assert one["strategy"]["type"] == "Recreate"
