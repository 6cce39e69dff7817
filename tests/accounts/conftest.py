"""What every test of accounts needs: to be root, and to leave nothing."""

import os
import shutil
from collections.abc import Iterator

import pytest

from tests.accounts.machine import Machine
from tests.accounts.machine import machine as made


@pytest.fixture(autouse=True)
def root() -> None:
    if os.geteuid() != 0:
        pytest.skip("NOT TESTED: only root can make accounts and become them")
    assert shutil.which("useradd"), "useradd is not here: install Debian's package passwd"


@pytest.fixture
def machine() -> Iterator[Machine]:
    with made() as it:
        yield it
