"""A cluster that somebody else runs, named in PERIJOVE_TEST_KUBECONFIG, used instead of ours."""

import os
import shutil
import subprocess
from pathlib import Path

from tests.cluster.kit import binaries
from tests.cluster.kit.places import BIN
from tests.cluster.kit.words import Refused, say

VARIABLE = "PERIJOVE_TEST_KUBECONFIG"
IMAGES = "its images are its owner's to load (make images builds those that the tests name)"


def kubeconfig() -> Path | None:
    """Return the file that was named; None when the cluster is ours to run."""
    named = os.environ.get(VARIABLE, "")
    if not named:
        return None
    if not Path(named).is_file():
        raise Refused(f"{VARIABLE} names {named}, and there is no such file.")
    return Path(named)


def kubectl() -> Path:
    """Return a kubectl: ours if it was built, else the machine's."""
    if binaries.whole("kubectl"):
        return BIN / "kubectl"
    found = shutil.which("kubectl")
    if found is None:
        raise Refused("There is no kubectl: install one, or run python -m tests.cluster.kit build.")
    return Path(found)


def check(config: Path) -> None:
    """Say that it is used, or refuse when it does not answer."""
    words = [str(kubectl()), f"--kubeconfig={config}", "--request-timeout=10s"]
    asked = subprocess.run(
        [*words, "get", "--raw", "/readyz"], capture_output=True, text=True, check=False
    )
    if asked.returncode:
        raise Refused(
            f"The cluster of {VARIABLE}={config} does not answer:\n{asked.stderr.rstrip()}"
        )
    say(f"using the cluster of {VARIABLE}={config}; KUBECONFIG={config}")
    say(f"  {IMAGES}")
