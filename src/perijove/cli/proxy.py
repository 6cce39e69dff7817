"""`perijove proxy`: the proxy alone, on a data directory or on what the options name."""

import os
import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from perijove.cli.box import Box
from perijove.cli.hold import Held
from perijove.cli.trouble import FAILURE
from perijove.kit import log
from perijove.proxy.__main__ import main as run_proxy
from perijove.proxy.handover import is_worker
from perijove.proxy.limits import OPTIONS as LIMITS

_OPTIONS = (
    *("ip", "port", "hub", "token_file", "table", "trusted_proxies", "pid_file"),
    *("ssl_cert", "ssl_key", "redirect_port", "redirect_to"),
    *("hsts", "http2", "host_routing"),
    *("metrics_ip", "metrics_port", "metrics_socket", "access_log", "access_log_sample"),
    *("workers", *(name.replace("-", "_") for name in LIMITS)),
)


def command(given: Namespace) -> None:
    """Become a proxy.

    The settings need far more memory than the proxy: they are read here, and the process then
    replaces itself by one that never loads them.

    Raises:
        BadConfig, Trouble: it cannot start.
    """
    log.choose(given.log_format, given.log_level)
    program = [sys.executable, "-P", "-m", "perijove.cli.proxy"]
    direct = _direct(given)
    if "--hub" in direct:
        os.execv(sys.executable, [*program, "", *direct])  # noqa: S606 - no shell is wanted
    box = Box.at(given.data)
    box.ready()
    arguments = [*program, str(box.path), *_of_box(box, given.file), *direct]
    os.execv(sys.executable, arguments)  # noqa: S606 - no shell is wanted


def _direct(given: Namespace) -> list[str]:
    """Return the options of the proxy itself that were given."""
    options: list[str] = []
    for name in _OPTIONS:
        value = getattr(given, name, None)
        option = f"--{name.replace('_', '-')}"
        if isinstance(value, bool):
            options += [option] if value else []
            continue
        for each in value if isinstance(value, list) else [] if value is None else [value]:
            options += [option, str(each)]
    return options


def _of_box(box: Box, file: Path | None) -> list[str]:
    from perijove.cli.front import of_box  # noqa: PLC0415 - the second life is lean
    from perijove.cli.supervisor.ports import chosen  # noqa: PLC0415 - likewise
    from perijove.settings import load  # noqa: PLC0415 - likewise

    settings = load(file)
    ports = chosen(box, settings)
    return of_box(box, ports, settings)


def main(arguments: Sequence[str]) -> None:
    """Run the proxy; the first argument is the data directory to hold, or empty."""
    path, *options = arguments
    if not path or is_worker():  # one that serves beside the one that holds it
        run_proxy(options)
        return
    try:
        with Box.at(path).hold("proxy").taken():
            run_proxy(options)
    except Held as held:
        by = f" (process {held.holder.pid})" if held.holder else ""
        sys.stderr.write(f"A proxy already runs on {path}{by}: stop that one first.\n")
        sys.exit(FAILURE)


if __name__ == "__main__":
    main(sys.argv[1:])
