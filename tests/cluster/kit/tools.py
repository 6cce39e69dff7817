"""Which programs and files of Debian the kit needs, and a clear word when one is not here."""

import os
import shutil
from pathlib import Path

from tests.cluster.kit.words import Refused

ROAD = "/usr/sbin:/sbin:/usr/bin:/bin"
"""Where Debian puts them; an account that is not root often lacks the first two."""
RUNNING = {
    "containerd": "containerd",
    "ctr": "containerd",
    "runc": "runc",
    "/usr/lib/cni/ptp": "containernetworking-plugins",
    "etcd": "etcd-server",
    "iptables": "iptables",
    "ipset": "ipset",
    "conntrack": "conntrack",
    "socat": "socat",
    "ethtool": "ethtool",
    "openssl": "openssl",
    "ip": "iproute2",
    "nsenter": "util-linux",
    "sysctl": "procps",
    "cc": "gcc",
    "/usr/include/stdio.h": "libc6-dev",
}
"""What a running cluster needs, and the package that has it."""
IMAGES = {"docker": "docker.io", "dockerd": "docker.io", "debootstrap": "debootstrap"}
"""What making images needs. Where Docker can pull the base image, debootstrap is idle."""


def here(tool: str) -> bool:
    """Return whether a program (by name) or a file (by path) is on this machine."""
    if tool.startswith("/"):
        return Path(tool).exists()
    return shutil.which(tool, path=f"{os.environ.get('PATH', '')}:{ROAD}") is not None


def missing(*tables: dict[str, str]) -> dict[str, str]:
    """Return the tools that are not here, each with the Debian package that has it."""
    return {tool: package for it in tables for tool, package in it.items() if not here(tool)}


def packages(*tables: dict[str, str]) -> list[str]:
    """Return the names of the Debian packages to install, each once."""
    return sorted(set(missing(*tables).values()))


def require(*tables: dict[str, str]) -> None:
    """Refuse, with a sentence for each tool that is missing."""
    lost = missing(*tables)
    if lost:
        lines = [f"{tool} is not here: it is in the package {lost[tool]}." for tool in lost]
        install = f"On Debian, as root: apt-get install {' '.join(packages(*tables))}"
        raise Refused("\n".join([*lines, install]))


def require_root() -> None:
    """Refuse where namespaces and mounts cannot be made."""
    if os.geteuid() != 0:
        raise Refused(
            "Only root can make network namespaces, mounts and cgroups: run it as root, or name"
            " a cluster that runs already in PERIJOVE_TEST_KUBECONFIG."
        )
