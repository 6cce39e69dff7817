"""Serve: a proxy from its options, until it is told to end."""

import asyncio
import logging
import os

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
from perijove.proxy.running import (
    CannotServe,
    Place,
    listening,
    most_visitors,
    pid_file,
    settled,
    sweeping,
    told_to_end,
)
from perijove.proxy.shelf import Shelf
from perijove.proxy.table import Table


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
    line = HubLine(address, options.token_file)
    reports = HubLine(address, options.token_file)
    activity = Activity(table, reports, clock, log)
    place = Place(ip=options.ip, port=options.port)
    async with listening(place, lambda: Client(edge)) as server:
        work = (
            Feed(table, line, shelf, log).run(),
            shelf.run(),
            activity.run(options.activity_interval),
            sweeping(edge),
        )
        settled()
        with pid_file(options.pid_file):
            routes = len(table.routes)
            log(logging.INFO, "serving", port=options.port, version=table.version, routes=routes)
            async with in_background(*work):
                await told_to_end()
                log(logging.INFO, "ending", connections=len(edge.visitors))
                server.close()
                await edge.drain(options.drain)
                await activity.tell()
                await shelf.flush()
            await line.close()
            await reports.close()


def _edge(options: Options, table: Table, log: Log, address: HubAddress) -> Edge:
    return Edge(
        loop=asyncio.get_running_loop(),
        table=table,
        trusted=TrustedPeers(options.trusted_proxies),
        log=log,
        apology=Apology(address),
        most_visitors=most_visitors(),
        head_seconds=options.header_timeout,
    )


def _address(options: Options) -> HubAddress:
    try:
        address = HubAddress(options.hub)
        TrustedPeers(options.trusted_proxies)
    except ValueError as error:
        raise CannotServe(f"An option makes no sense: {error}.") from error
    if not os.access(options.token_file, os.R_OK):
        raise CannotServe(f"The token file {options.token_file} cannot be read.")
    return address
