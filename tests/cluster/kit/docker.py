"""A Docker daemon: the one that runs, or one that we start for as long as the machine is up."""

import os
import shutil
import subprocess
import time
from pathlib import Path

from tests.cluster.kit import tools
from tests.cluster.kit.words import Refused, run, say, succeeds

LOG = Path("/var/log/perijove-dockerd.log")


def answers() -> bool:
    """Return whether a daemon answers us."""
    return succeeds("docker", "version")


def require() -> None:
    """See to it that a daemon answers: root starts one where none runs, and says so."""
    tools.require({"docker": tools.IMAGES["docker"]})
    if answers():
        return
    if os.geteuid() != 0:
        raise Refused(
            "No Docker daemon answers, and only root can start one: start it, then again."
        )
    tools.require({"dockerd": tools.IMAGES["dockerd"]})
    _begin()


def _begin() -> None:
    say(f"no Docker daemon answers: starting dockerd, which stays (its log: {LOG})")
    daemon = shutil.which("dockerd", path=f"{os.environ.get('PATH', '')}:{tools.ROAD}") or "dockerd"
    with LOG.open("ab") as log:
        child = subprocess.Popen(
            [daemon], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    until = time.monotonic() + 60
    while not answers():
        if child.poll() is not None or time.monotonic() > until:
            raise Refused(f"dockerd does not come up; the end of {LOG}:\n{LOG.read_text()[-2000:]}")
        time.sleep(0.2)


def has(image: str) -> bool:
    """Return whether the daemon has an image."""
    return succeeds("docker", "image", "inspect", image)


def size(image: str) -> int:
    """Return the bytes of an image, unpacked."""
    return int(run("docker", "image", "inspect", "-f", "{{.Size}}", image))
