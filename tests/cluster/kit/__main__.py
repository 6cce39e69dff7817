"""`python -m tests.cluster.kit COMMAND`: build, up, images, load, stop, start, status, down …"""

import argparse
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.cluster.kit import audit, binaries, borrowed, cluster, images, parts, tools
from tests.cluster.kit.places import BIN
from tests.cluster.kit.words import Refused, say


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.cluster.kit", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("build", help="build Kubernetes and its companions, once")
    up = commands.add_parser("up", help="bring the cluster up, or make it whole again")
    up.add_argument("--nodes", type=int, default=2)
    up.add_argument("--fake-nodes", type=int, default=0, metavar="N")
    commands.add_parser("down", help="take it down, leaving nothing")
    load = commands.add_parser("load", help="load what `docker save` wrote, on every node")
    load.add_argument("archives", type=Path, nargs="+", metavar="IMAGE.tar")
    for command, what in (("stop", "end a part"), ("start", "start a part again")):
        one = commands.add_parser(command, help=f"{what}: apiserver, n2-kubelet, n1-containerd, …")
        one.add_argument("part")
    commands.add_parser("status", help="show what runs")
    commands.add_parser("kubeconfig", help="print where the kubeconfig is")
    commands.add_parser("kubectl", help="print where kubectl is")
    commands.add_parser("packages", help="print the Debian packages that are missing")
    asked = commands.add_parser("audit", help="count who asked the API server what")
    asked.add_argument("--minutes", type=float, default=5)
    built = commands.add_parser("images", help="build our images")
    built.add_argument("names", nargs="*", metavar="NAME")
    built.add_argument("--changed", action="store_true", help="only what has changed")
    built.add_argument("--load", action="store_true", help="and load them on every node")
    return parser


def _build() -> None:
    if borrowed.kubeconfig() is None:
        binaries.build()


def _images(asked: argparse.Namespace) -> None:
    wanted = images.chosen(asked.names)
    if asked.load and borrowed.kubeconfig() is not None:
        say(borrowed.IMAGES)
        return
    files = images.ready(wanted) if asked.changed else images.build(wanted)
    if asked.load:
        cluster.load(files)


def _audit(minutes: float) -> None:
    since = datetime.now(UTC) - timedelta(minutes=minutes)
    say(audit.table(audit.requests(since)))


def main() -> None:
    """Carry out one command; what was refused ends with 1 and its sentence."""
    asked = _parser().parse_args()
    commands: dict[str, Callable[[], None]] = {
        "build": _build,
        "up": lambda: cluster.up(asked.nodes, asked.fake_nodes),
        "down": cluster.down,
        "load": lambda: cluster.load(asked.archives),
        "stop": lambda: parts.stop(asked.part),
        "start": lambda: parts.start(asked.part),
        "status": cluster.status,
        "kubeconfig": lambda: say(str(cluster.kubeconfig())),
        "kubectl": lambda: say(str(BIN / "kubectl")),
        "packages": lambda: say(" ".join(tools.packages(tools.RUNNING, tools.IMAGES))),
        "audit": lambda: _audit(asked.minutes),
        "images": lambda: _images(asked),
    }
    try:
        commands[asked.command]()
    except Refused as reason:
        sys.exit(str(reason))


if __name__ == "__main__":
    main()
