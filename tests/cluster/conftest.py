"""A cluster for every test below: `kubeconfig`, `kubectl`, and a `namespace` of its own.

Without a cluster each test fails; nothing is skipped because something is missing.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.kit import borrowed, cluster
from tests.cluster.kit.words import Refused
from tests.cluster.kubectl import Kubectl, own_namespace

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.kubernetes)


@pytest.fixture(scope="session")
def kubeconfig() -> Path:
    try:
        config = cluster.kubeconfig()
        if borrowed.kubeconfig() is not None:
            borrowed.check(config)
        return config
    except Refused as reason:
        pytest.fail(str(reason), pytrace=False)


@pytest.fixture(scope="session")
def whole_cluster(kubeconfig: Path) -> Kubectl:
    """kubectl in no namespace of its own."""
    return Kubectl(program=borrowed.kubectl(), config=kubeconfig)


@pytest.fixture
def kubectl(whole_cluster: Kubectl) -> Iterator[Kubectl]:
    with own_namespace(whole_cluster) as here:
        yield here


@pytest.fixture
def namespace(kubectl: Kubectl) -> str:
    return kubectl.namespace


@pytest.fixture
def ours() -> None:
    """A cluster whose parts we may stop."""
    if borrowed.kubeconfig() is not None:
        pytest.skip("a borrowed cluster: its parts are not ours to stop")
