"""`perijove proxy top`: what a running proxy does at this moment, again and again."""

import sys
import threading
import time
from argparse import Namespace
from collections.abc import Mapping

from perijove.cli.box import Box
from perijove.cli.output import answer_json, fields
from perijove.cli.place import Place, named, of_box
from perijove.cli.rates import Look, rates, read, shown

_SOON = 0.5
"""Seconds until a terminal is shown the first rates."""


def command(given: Namespace) -> None:
    """Show it until Ctrl-C on a terminal; else, with --once or as JSON what happens in a while.

    Raises:
        Trouble: the proxy cannot be asked.
    """
    option = "--metrics"
    box = Box.at(given.data)
    place = named(given.metrics, option) if given.metrics else of_box(box, option)
    if given.output != "json" and not given.once and sys.stdout.isatty():
        _watch(place, given.every)
        return
    before = _look(place)
    time.sleep(given.every)  # noqa: TID251 - nothing else goes on here
    found = rates(before, _look(place))
    if given.output == "json":
        answer_json(found)
    else:
        fields(shown(found))


def _look(place: Place) -> Look:
    return Look(at=time.monotonic(), values=read(place.get("/metrics")))


def _watch(place: Place, every: float) -> None:
    """Draw it anew until Ctrl-C; a proxy that is away for a moment is waited for."""
    from rich.console import Console, RenderableType  # noqa: PLC0415 - on a terminal only
    from rich.live import Live  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    from perijove.cli.trouble import Trouble  # noqa: PLC0415

    before = _look(place)

    def drawn(found: Mapping[str, str]) -> RenderableType:
        table = Table(box=None, show_header=False, pad_edge=False)
        for name, value in found.items():
            table.add_row(Text(name, style="bold"), Text(value))
        return table

    def next_one() -> RenderableType:
        nonlocal before
        try:
            now = _look(place)
        except Trouble as trouble:
            return Text(str(trouble), style="red")
        before, last = now, before
        return drawn(shown(rates(last, now)))

    pause = threading.Event()
    pause.wait(_SOON)
    with Live(next_one(), console=Console(), screen=True, auto_refresh=False) as live:
        while True:
            pause.wait(every)
            live.update(next_one(), refresh=True)
