"""What the tests of the chart share: helm, or one line that says that it is not here."""

import os

import pytest

from tests.chart.helm import program

_WHERE = "helm is not here, so the chart was not rendered: `make cluster-up` builds one"


@pytest.fixture(scope="session")
def helm_here() -> None:
    if program() is None and os.environ.get("CI") == "true":
        pytest.fail(f"{_WHERE}, or name one in PERIJOVE_HELM")
    if program() is None:
        pytest.skip(_WHERE)
