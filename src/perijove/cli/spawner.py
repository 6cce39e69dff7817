"""Which spawner the command line means, and the options that only one of them has."""

from argparse import Namespace
from collections.abc import Collection, Mapping
from typing import Any

from perijove.cli.trouble import USAGE, Trouble
from perijove.settings import Settings
from perijove.spawners.accounts import GIVEN

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


def traits(settings: Settings) -> Mapping[str, Any]:
    """Return what every process gets before its profile."""
    pod = settings.singleuser
    return {
        "cpu_limit": pod.cpu.limit,
        "cpu_guarantee": pod.cpu.guarantee,
        "mem_limit": pod.memory.limit,
        "mem_guarantee": pod.memory.guarantee,
        "pids_limit": pod.pids.limit,
        "extra_resource_limits": pod.extra_resource.limits,
        "extra_resource_guarantees": pod.extra_resource.guarantees,
        GIVEN: settings.people.unix,
    }
