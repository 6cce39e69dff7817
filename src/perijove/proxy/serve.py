"""Serve: a proxy from its options, until it is told to end."""

import asyncio
import errno
import gc
import logging
import os
import resource
import signal
from contextlib import suppress

from perijove.kit.clock import Clock
from perijove.kit.tasks import in_background
from perijove.proxy.activity import Activity
from perijove.proxy.apology import Apology
from perijove.proxy.client import Client
from perijove.proxy.edge import Edge
from perijove.proxy.feed import Feed
from perijove.proxy.forwarded import TrustedPeers
from perijove.proxy.hub import HubAddress, HubLine
from perijove.proxy.log import Log
from perijove.proxy.options import Options
from perijove.proxy.shelf import Shelf
from perijove.proxy.table import Table

_SWEEP_SECONDS = 1.0
_SPARE_DESCRIPTORS = 64


class CannotServe(Exception):
    """Says in one sentence why the proxy does not start."""


async def serve(options: Options) -> None:
    """Listen, and follow the hub until SIGTERM or SIGINT.

    Raises:
        CannotServe: the options make no sense here.
    """
    clock = Clock()
    log = Log(clock)
    address = _address(options)
    table = Table(address.origin)
    shelf = Shelf(options.table, log)
    shelf.load(table)
    edge = _edge(options, table, log, address)
    server = await _listen(options, edge)
    _write_pid(options)
    line = HubLine(address, options.token_file)
    reports = HubLine(address, options.token_file)
    activity = Activity(table, reports, clock, log)
    log(logging.INFO, "serving", port=options.port, version=table.version, routes=len(table.routes))
    work = (
        Feed(table, line, shelf, log).run(),
        shelf.run(),
        activity.run(options.activity_interval),
        _sweep(edge),
    )
    async with in_background(*work):
        await _told_to_end(edge.loop)
        log(logging.INFO, "ending", connections=len(edge.visitors))
        server.close()
        await edge.drain(options.drain)
        await activity.tell()
        await shelf.flush()
    await line.close()
    await reports.close()
    if options.pid_file is not None:
        options.pid_file.unlink(missing_ok=True)


def _address(options: Options) -> HubAddress:
    try:
        address = HubAddress(options.hub)
        TrustedPeers(options.trusted_proxies)
    except ValueError as error:
        raise CannotServe(f"An option makes no sense: {error}.") from error
    if not os.access(options.token_file, os.R_OK):
        raise CannotServe(f"The token file {options.token_file} cannot be read.")
    return address


def _edge(options: Options, table: Table, log: Log, address: HubAddress) -> Edge:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
            soft = hard
    # a visitor has an upstream too; the rest is for the hub, the disk and the listener
    most = max(16, (soft - _SPARE_DESCRIPTORS) // 2)
    return Edge(
        loop=asyncio.get_running_loop(),
        table=table,
        trusted=TrustedPeers(options.trusted_proxies),
        log=log,
        apology=Apology(address),
        most_visitors=most,
        head_seconds=options.header_timeout,
    )


async def _listen(options: Options, edge: Edge) -> asyncio.Server:
    try:
        server = await edge.loop.create_server(
            lambda: Client(edge), options.ip or None, options.port, backlog=4096
        )
    except OSError as error:
        where = f"{options.ip or '*'}:{options.port}"
        if error.errno == errno.EADDRINUSE:
            sentence = f"Another program listens on {where}; choose another --port."
        else:
            sentence = f"Cannot listen on {where}: {error.strerror}."
        raise CannotServe(sentence) from error
    gc.collect()
    gc.freeze()
    return server


def _write_pid(options: Options) -> None:
    if options.pid_file is not None:
        options.pid_file.write_text(f"{os.getpid()}\n")


async def _sweep(edge: Edge) -> None:
    while True:
        await asyncio.sleep(_SWEEP_SECONDS)
        edge.sweep()


async def _told_to_end(loop: asyncio.AbstractEventLoop) -> None:
    told = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    await told.wait()
