"""Which spawner the command line means, and the options that only one of them has."""

from argparse import Namespace
from collections.abc import Collection

from perijove.cli.trouble import USAGE, Trouble

_OF_A_CLUSTER = ("kubeconfig", "context", "namespace", "ip", "port", "connect_url")


def in_cluster(given: Namespace) -> bool:
    """Return whether servers are pods."""
    return bool(given.spawner == "kubernetes")


def require_fitting(given: Namespace, *, besides: Collection[str] = ()) -> None:
    """Refuse what only a cluster has, rather than take no notice of it; `besides` is taken.

    Raises:
        Trouble: there is such an option, and servers are processes.
    """
    given_names = [name for name in _OF_A_CLUSTER if getattr(given, name, None)]
    idle = [f"--{name.replace('_', '-')}" for name in given_names if name not in besides]
    if idle and not in_cluster(given):
        raise Trouble(
            f"{', '.join(idle)} needs --spawner kubernetes: on one machine the hub listens on"
            " a port of its own, which `hub.port` sets.",
            exit_code=USAGE,
        )
