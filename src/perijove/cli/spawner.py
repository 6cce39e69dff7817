"""Which spawner the command line means, and the options that only one of them has."""

from argparse import Namespace

from perijove.cli.trouble import USAGE, Trouble

_OF_A_CLUSTER = ("kubeconfig", "context", "namespace", "ip", "port", "connect_url")


def in_cluster(given: Namespace) -> bool:
    """Return whether servers are pods."""
    return bool(given.spawner == "kubernetes")


def require_fitting(given: Namespace) -> None:
    """Refuse what only a cluster has, rather than take no notice of it.

    Raises:
        Trouble: there is such an option, and servers are processes.
    """
    idle = [f"--{name.replace('_', '-')}" for name in _OF_A_CLUSTER if getattr(given, name, None)]
    if idle and not in_cluster(given):
        raise Trouble(
            f"{', '.join(idle)} needs --spawner kubernetes: on one machine the hub listens on"
            " a port of its own, which `hub.port` sets.",
            exit_code=USAGE,
        )
