"""`perijove hub`: the hub alone, on a data directory; SIGTERM ends it and never a server."""

import gc
from argparse import Namespace
from collections.abc import Callable
from datetime import timedelta
from functools import partial

import uvloop

from perijove.app import Parts, running_hub
from perijove.cli.box import Box
from perijove.cli.hold import Held
from perijove.cli.listen import End, listener, serve
from perijove.cli.source import database_url
from perijove.cli.supervisor.ports import chosen
from perijove.cli.trouble import Trouble
from perijove.kit.log import to_stderr
from perijove.model.decide import Patience
from perijove.settings import Settings, load
from perijove.spawners import Spawner
from perijove.spawners.process import ProcessSpawner
from perijove.store.open import open_database

_PATIENCE = Patience(stop=timedelta(seconds=10))
_YOUNG, _MIDDLE, _OLD = 50_000, 20, 50
"""For the garbage collector: a hub makes little that only it can find, and looks are long."""


def command(given: Namespace) -> None:
    """Run the hub of a data directory.

    Raises:
        BadConfig, Trouble: it cannot.
    """
    settings, box = load(given.file), Box.at(given.data)
    box.ready()
    if box.hold("up").free():  # else it has chosen, and its --port is the newer word
        chosen(box, public=settings.proxy.port, hub=settings.hub.port, ip=settings.proxy.ip)
    box.keep_base_url(settings.hub.base_url)
    run(settings, box)


def run(settings: Settings, box: Box, spawner: Callable[[str], Spawner] | None = None) -> None:
    """Run the hub of `box` until SIGTERM; `spawner` makes another than processes.

    Raises:
        Trouble: it cannot start.
    """
    to_stderr()
    try:
        with box.hold("hub").taken():
            uvloop.run(_run(settings, box, spawner or _processes(box)))
    except Held as held:
        raise Trouble(
            f"A hub already runs on {box.path}"
            f"{f' (process {held.holder.pid})' if held.holder else ''}: stop that one first."
        ) from None


async def _run(settings: Settings, box: Box, spawner: Callable[[str], Spawner]) -> None:
    ports, end = box.ports(), End()
    where = listener("127.0.0.1", ports.hub)
    database = await open_database(database_url(settings, box))
    try:
        parts = Parts(
            database=database,
            spawner=spawner,
            hub=f"http://127.0.0.1:{ports.hub}",
            cookie=box.secret("cookie").encode(),
            server_tokens=box.secret("server-tokens").encode(),
            proxy_token=box.secret("proxy-token"),
            cli_token=box.secret("cli-token"),
            first=box.first,
            end=end,
            patience=_PATIENCE,
        )
        async with running_hub(settings, parts) as running:
            gc.collect()
            gc.freeze()
            gc.set_threshold(_YOUNG, _MIDDLE, _OLD)
            await serve(running.app, where, end)
    finally:
        await database.close()


def _processes(box: Box) -> Callable[[str], Spawner]:
    return partial(ProcessSpawner, box.workloads, homes=box.homes)
