"""What the hub's account is given is what a hub asks for, verb by verb."""

from pathlib import Path

import pytest

from perijove.settings import read
from perijove.spawners.kubernetes.rights import NEEDED, SEEN, VITAL, Right
from tests.chart.helm import CHART, Manifest, manifests

pytestmark = pytest.mark.usefixtures("helm_here")


def given(role: Manifest) -> set[Right]:
    return {
        Right(verb, resource, group)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def of_kind(kind: str, *settings: str) -> list[Manifest]:
    return [it for (found, _), it in manifests(None, *settings).items() if found == kind]


def test_the_roles_are_what_a_hub_looks_for() -> None:
    assert [given(it) for it in of_kind("Role")] == [set(NEEDED)]
    assert [given(it) for it in of_kind("ClusterRole")] == [set(SEEN)]
    assert set(VITAL) < set(NEEDED)


def test_what_is_of_the_whole_cluster_can_be_left_out_and_all_of_it() -> None:
    assert of_kind("ClusterRole", "rbac.cluster=false") == []
    assert len(of_kind("Role", "rbac.cluster=false")) == 1
    kinds = {kind for kind, _ in manifests(None, "rbac.create=false")}
    assert not {it for it in kinds if "Role" in it}


@pytest.mark.parametrize("values", ["values.yaml", "../../examples/cluster.yaml"])
def test_in_a_cluster_no_key_of_the_chart_is_without_effect(values: str) -> None:
    file: Path = CHART / values
    assert read(file, {}, cluster=True).idle == ()
    assert "rbac.create" in read(CHART / "values.yaml", {}).idle
