"""Measure the three proxies in turn on one core and write our part of the page.

python -m bench.proxy [--chp PATH] [--nginx PATH] [--rounds N] [--quick] [--only ROW …]

The load and what stands behind the proxies have the other core. Nothing else should run.
"""

import argparse
import os
import resource
import shutil
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from bench.proxy.contenders import CORES, Chp, Contender, Nginx, Perijove
from bench.proxy.measure import LOOKS, QUICK, Bench, Look, Sizes
from bench.proxy.report import Figures, rows, write
from perijove.kit.clock import Clock


def main(asked: argparse.Namespace, folder: Path) -> bool:
    """Measure; return whether every goal is met and nothing failed."""
    began = time.monotonic()
    bench = Bench(QUICK if asked.quick else Sizes())
    looks = [it for it in LOOKS if not asked.only or it.name in asked.only]
    found: dict[str, Figures] = defaultdict(lambda: defaultdict(list))
    contenders = _contenders(asked, folder, bench)
    for number in range(asked.rounds):
        print(f"round {number + 1} of {asked.rounds}", flush=True)
        for proxy in contenders:
            _round(bench, proxy, looks, found[proxy.name])
    table = rows(found, looks)
    print("\n".join(row.text() for row in table))
    for failure in bench.failures:
        print(f"FAILED, SO THE FIGURE IS WORTH NOTHING: {failure}")
    print(f"{time.monotonic() - began:.0f} s in all")
    if not (asked.quick or asked.only or bench.failures) and len(contenders) > 2:  # noqa: PLR2004
        write(table, Clock()(), asked.rounds, [proxy.version for proxy in contenders])
    return all(row.met for row in table) and not bench.failures


def _round(bench: Bench, proxy: Contender, looks: Sequence[Look], found: Figures) -> None:
    """Run a new process of a proxy, and look."""
    for kind in ("plain", "workers", "tls", "http2"):
        some = [it for it in looks if it.kind == kind and it.suits(proxy)]
        if not some:
            continue
        proxy.start(kind)
        try:
            for look in some:
                for name, figure in look.act(bench, proxy).items():
                    found[name].append(figure)
        finally:
            proxy.stop()


def _contenders(asked: argparse.Namespace, folder: Path, bench: Bench) -> list[Contender]:
    contenders: list[Contender] = [Perijove(folder / "ours", "", bench.places)]
    if asked.chp:
        contenders.append(Chp(folder / "chp", asked.chp, bench.places))
    if asked.nginx:
        contenders.append(Nginx(folder / "nginx", asked.nginx, bench.places))
    return contenders


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chp", default=shutil.which("configurable-http-proxy"))
    parser.add_argument("--nginx", default=shutil.which("nginx", path="/usr/sbin:/usr/bin"))
    parser.add_argument("--rounds", type=int, default=5, help="of each; the best counts")
    parser.add_argument("--quick", action="store_true", help="a short look at each; no page")
    names = [it.name for it in LOOKS]
    parser.add_argument("--only", nargs="+", choices=names, metavar="ROW", help=", ".join(names))
    asked = parser.parse_args()
    for name in ("chp", "nginx"):
        if not getattr(asked, name):
            print(
                f"{name} was not found, so it is left out and no page written: name it by --{name}"
            )
    return asked


if __name__ == "__main__":
    os.sched_setaffinity(0, CORES[1:] or CORES)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with tempfile.TemporaryDirectory() as place:
        sys.exit(0 if main(arguments(), Path(place)) else 1)
