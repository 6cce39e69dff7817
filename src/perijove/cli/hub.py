"""`perijove hub`: the hub alone, on a data directory; SIGTERM ends it and never a server."""

import asyncio
import gc
import os
from argparse import Namespace
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from socket import gethostname
from urllib.parse import urlsplit

import uvloop

from perijove.app import running_hub
from perijove.cli.box import Box
from perijove.cli.chp import told
from perijove.cli.doctor.accounts import require_accounts
from perijove.cli.hangups import HangUps
from perijove.cli.hold import Held
from perijove.cli.listen import End, listener, serve
from perijove.cli.source import begin_anew, database_url
from perijove.cli.spawner import in_cluster, require_fitting, traits
from perijove.cli.supervisor.ports import chosen
from perijove.cli.trouble import USAGE, Trouble
from perijove.core.followers import ONE, SOME
from perijove.http.sentences import sentence
from perijove.kit import log
from perijove.kit.clock import Clock
from perijove.kit.journal import Journal
from perijove.kit.log import to_stderr
from perijove.kit.tasks import in_background
from perijove.model.decide import Patience
from perijove.model.errors import Refused, Unavailable
from perijove.parts import Parts
from perijove.settings import Problem, Reading, Settings, load, read
from perijove.spawners import Spawner
from perijove.spawners.attendant import launch
from perijove.spawners.kubernetes.kubeconfig import Access
from perijove.spawners.process import ProcessSpawner
from perijove.store import beside, users
from perijove.store.database import Database
from perijove.store.inspect import inspect
from perijove.store.open import open_database

_PATIENCE = Patience(stop=timedelta(seconds=10))
_PODS_PATIENCE = Patience(stop=timedelta(seconds=30), wait=timedelta(seconds=3))
_YOUNG, _MIDDLE, _OLD = 50_000, 20, 50
"""For the garbage collector: a hub makes little that only it can find, and looks are long."""
_PORT = 8081


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """Where a hub listens, how it is reached, and which cluster its servers are in."""

    ip: str = "127.0.0.1"
    port: int
    url: str
    reach: Access | None = None
    """None: servers are processes."""
    one_of: bool = False
    """Whether more hubs may run on the same directory, each with a port of its own."""

    @property
    def replica(self) -> str:
        """Return what tells this hub from others of its database, the same after a restart."""
        return f"{gethostname()}:{self.port}"


def command(given: Namespace) -> None:
    """Run the hub of a data directory.

    Raises:
        BadConfig, Trouble: it cannot.
    """
    log.choose(given.log_format, given.log_level)
    require_fitting(given, besides=("port", "connect_url") if given.port else ())
    cluster = in_cluster(given)
    settings, box = load(given.file, cluster=cluster), Box.at(given.data)
    where = _beside_pods(given, settings) if cluster else None
    if given.secrets:
        box = replace(box, keys=Path(given.secrets))
    if not cluster:
        require_accounts(settings, box, given.file)
    box.ready()
    if where is None and given.port:
        where = _another(given, settings)
    if where is None:
        if box.hold("up").free():  # else it has chosen, and its --port is the newer word
            chosen(box, settings)
        where = here(box)
    box.remember(settings.hub.base_url, given.file)
    run(settings, box, where=where, again=partial(_again, given.file, cluster=cluster))


def _again(file: Path | None, *, cluster: bool) -> Reading:
    """Return what the configuration says now; what came through a pipe is gone."""
    if file is not None and file.exists() and not file.is_file():
        words = f"{file} is no file that can be read again: restart instead, or use one."
        return Reading(settings=None, problems=(Problem(words),))
    return read(file, os.environ, cluster=cluster)


def _another(given: Namespace, settings: Settings) -> Where:
    """Return where one of several hubs of a machine is, which share a database server.

    Raises:
        Trouble: their database is a file, which one hub alone can use.
    """
    if not settings.hub.db.shared:
        raise Trouble(
            "--port is for several hubs of one machine, which share a PostgreSQL or MariaDB"
            " (hub.db.url); it needs that or --spawner kubernetes. A hub alone listens on a port"
            " of its own, which `hub.port` sets.",
            exit_code=USAGE,
        )
    return Where(
        port=given.port, url=_address(given, f"http://127.0.0.1:{given.port}"), one_of=True
    )


def here(box: Box) -> Where:
    """Return where the hub of one machine is."""
    port = box.ports().hub
    return Where(port=port, url=f"http://127.0.0.1:{port}")


def run(
    settings: Settings,
    box: Box,
    spawner: Callable[[str], Spawner] | None = None,
    where: Where | None = None,
    again: Callable[[], Reading] | None = None,
) -> None:
    """Run the hub of `box` until SIGTERM; `spawner` makes another than processes.

    `again` reads the configuration, for a reload.

    Raises:
        Trouble: it cannot start.
    """
    to_stderr()
    place = where or here(box)
    try:
        with box.hold(f"hub-{place.port}" if place.one_of else "hub").taken():
            begin_anew(settings, box)
            url = database_url(settings, box)
            if settings.hub.db.upgrade is False:
                _require_up_to_date(url)
            beside.bring_up_to_date(url)
            uvloop.run(_run(settings, box, url, spawner, place, again))
    except Held as held:
        raise Trouble(
            f"A hub already runs on {box.path}"
            f"{f' (process {held.holder.pid})' if held.holder else ''}: stop that one first."
        ) from None


def _require_up_to_date(url: str) -> None:
    """Return unless the database is an older version's; whatever else is wrong is said later.

    Raises:
        Trouble: somebody must bring it up to date by hand.
    """
    try:
        inspect(url)
    except (Refused, Unavailable) as error:
        if error.code == "database-outdated":
            raise Trouble(
                "The database is of an older version, and hub.db.upgrade is false: run `perijove"
                " db upgrade`, or leave that key out."
            ) from error


async def _run(
    settings: Settings,
    box: Box,
    url: str,
    spawner: Callable[[str], Spawner] | None,
    where: Where,
    again: Callable[[], Reading] | None,
) -> None:
    end, hang_ups = End(), HangUps()
    socket = listener(where.ip, where.port)
    try:
        database = await open_database(url)
    except (Refused, Unavailable) as error:
        raise Trouble(sentence(error.code, error.params, "en")) from error
    made = spawner or partial(_processes, box, settings, database)
    parts = _parts(box, database, made, where, end)
    parts = replace(parts, read=again, tells=told(settings, box, pods=where.reach is not None))
    try:
        await asyncio.to_thread(box.sign)
        async with (
            _with_place(settings, parts, where) as complete,
            running_hub(settings, complete) as running,
            in_background(hang_ups.heard(running.hub.reload, end)),
        ):
            gc.freeze()
            gc.set_threshold(_YOUNG, _MIDDLE, _OLD)
            await serve(running.app, socket, end)
    finally:
        if parts.journal is not None:
            await asyncio.to_thread(parts.journal.close)
        await database.close()


def _parts(
    box: Box, database: Database, spawner: Callable[[str], Spawner], where: Where, end: End
) -> Parts:
    """Return what a hub of `box` is made of, wherever its servers run."""
    return Parts(
        database=database,
        spawner=spawner,
        traits=traits,
        hub=where.url,
        cookie=box.secret("cookie").encode(),
        server_tokens=box.secret("server-tokens").encode(),
        proxy_token=box.secret("proxy-token"),
        cli_token=box.secret("cli-token"),
        first=box.first,
        end=end,
        patience=_PATIENCE,
        launch=launch,
        replica=where.replica,
        awaits_proxies=SOME if where.reach or where.one_of else ONE,
        journal=None if where.reach else Journal(box.audit(where.port if where.one_of else None)),
    )


@asynccontextmanager
async def _with_place(settings: Settings, parts: Parts, where: Where) -> AsyncIterator[Parts]:
    """Yield `parts` with the place where its servers run."""
    if where.reach is None:
        yield parts
        return
    from perijove.cli.pods import LISTEN, pods  # noqa: PLC0415 - a box needs none of it

    clock = Clock()
    async with pods(settings, where.reach, clock) as found:
        yield replace(
            parts,
            spawner=found.spawner,
            traits=found.traits,
            names=found.names,
            listen=LISTEN,
            command=(),
            silence_of_place=found.silence,
            in_cluster=True,
            clock=clock,
            patience=_PODS_PATIENCE,
        )


def _beside_pods(given: Namespace, settings: Settings) -> Where:
    from perijove.cli.pods import access  # noqa: PLC0415 - a box needs none of it

    port = given.port or settings.hub.port or _PORT
    url = _address(given, f"http://hub:{port}")
    return Where(ip=given.ip or "127.0.0.1", port=port, url=url, reach=access(given))


def _address(given: Namespace, otherwise: str) -> str:
    url: str = given.connect_url or otherwise
    if urlsplit(url).scheme not in {"http", "https"}:
        raise Trouble(f"--connect-url is no http:// address: {url}", exit_code=USAGE)
    return url.rstrip("/")


def _processes(box: Box, settings: Settings, database: Database, instance: str) -> ProcessSpawner:
    async def groups_of(person: int) -> frozenset[str]:
        user = await database.read(users.by_id(person))
        return user.groups if user else frozenset()

    return ProcessSpawner(
        box.workloads,
        instance,
        box.homes,
        traits=traits(settings),
        groups_of=groups_of if settings.system_users else None,
    )
