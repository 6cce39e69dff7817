"""The network of the cluster: a namespace for the control plane and for each node, one bridge.

This machine is 172.31.254.254 on it; pods are routed, so they are reachable from here as well.
"""

from tests.cluster.kit.places import CONTROL, HOST, PODS, SPACE, address
from tests.cluster.kit.words import run

OUTSIDE = "pjhost"
"""The interface of this machine."""


def _ip(*words: str) -> None:
    run("ip", *words)


def _enter(space: str) -> tuple[str, ...]:
    return ("nsenter", f"--net=/run/netns/{space}", "--")


def make(nodes: int) -> None:
    """Make the namespaces, and the roads between them."""
    _ip("netns", "add", SPACE)
    _inside(SPACE, "link", "set", "lo", "up")
    _inside(SPACE, "link", "add", "pj0", "type", "bridge")
    _inside(SPACE, "addr", "add", f"{CONTROL}/24", "dev", "pj0")
    _inside(SPACE, "link", "set", "pj0", "up")
    _ip("link", "add", OUTSIDE, "type", "veth", "peer", "name", "host", "netns", SPACE)
    _ip("addr", "add", f"{HOST}/24", "dev", OUTSIDE)
    _ip("link", "set", OUTSIDE, "up")
    _inside(SPACE, "link", "set", "host", "master", "pj0", "up")
    _ip("route", "add", PODS, "via", CONTROL)
    for node in range(1, nodes + 1):
        _node(node)
    for space in [SPACE, *(f"pj-n{node}" for node in range(1, nodes + 1))]:
        run(*_enter(space), "sysctl", "-qw", "net.ipv4.ip_forward=1")


def _inside(space: str, *words: str) -> None:
    _ip("-n", space, *words)


def _node(node: int) -> None:
    space, there = f"pj-n{node}", f"n{node}"
    _ip("netns", "add", space)
    _inside(space, "link", "set", "lo", "up")
    _ip(
        "link", "add", "eth0", "netns", space, "type", "veth", "peer", "name", there, "netns", SPACE
    )
    _inside(SPACE, "link", "set", there, "master", "pj0", "up")
    _inside(space, "addr", "add", f"{address(node)}/24", "dev", "eth0")
    _inside(space, "link", "set", "eth0", "up")
    _inside(space, "route", "add", "default", "via", CONTROL)
    _inside(SPACE, "route", "add", f"10.244.{node}.0/24", "via", address(node))


def remove() -> None:
    """Remove the namespaces and our end; what is gone already is no matter."""
    for line in run("ip", "netns", "list", check=False).splitlines():
        space = line.split()[0] if line.split() else ""
        if space == SPACE or space.startswith("pj-n"):
            run("ip", "netns", "del", space, check=False)
    run("ip", "link", "del", OUTSIDE, check=False)
