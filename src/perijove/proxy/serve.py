"""Serve: a proxy that follows a hub, from its options until it is told to end."""

import asyncio
import logging
import os
from collections.abc import Coroutine, Iterator
from contextlib import AsyncExitStack

from perijove.kit.clock import Clock
from perijove.kit.tasks import in_background
from perijove.proxy.activity import Activity
from perijove.proxy.apology import Apology
from perijove.proxy.client import Client
from perijove.proxy.control import Control, Lines
from perijove.proxy.edge import Edge
from perijove.proxy.feed import Feed
from perijove.proxy.forwarded import TrustedPeers
from perijove.proxy.hub import HubAddress, HubLine
from perijove.proxy.log import Log
from perijove.proxy.metrics import Metrics, ours
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


class Proxy:
    """One process: the data plane, what it hears from the hub and what it tells it."""

    def __init__(self, options: Options, address: HubAddress) -> None:
        self._options = options
        self._loop = asyncio.get_running_loop()
        clock = Clock()
        log = self._log = Log(clock)
        table = self._table = Table(address.origin)
        self._shelf = Shelf(options.table, log)
        self._shelf.load(table)
        self._lines = Lines()
        self._edge = Edge(
            loop=self._loop,
            table=table,
            trusted=TrustedPeers(options.trusted_proxies),
            log=log,
            apology=Apology(address),
            most_visitors=most_visitors(),
            head_seconds=options.header_timeout,
        )
        self._heard = HubLine(address, options.token_file)
        self._told = HubLine(address, options.token_file)
        self._feed = Feed(table, self._heard, self._shelf, log)
        self._activity = Activity(table, self._told, clock, log)

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT.

        Raises:
            CannotServe: it cannot listen.
        """
        options, table = self._options, self._table
        async with AsyncExitStack() as stack:
            hear = stack.enter_async_context
            place = Place(ip=options.ip, port=options.port)
            server = await hear(listening(place, lambda: Client(self._edge)))
            if options.metrics_port is not None:
                metrics = Metrics(self._edge, self._more)
                place = Place(
                    ip=options.metrics_ip, port=options.metrics_port, option="--metrics-port"
                )
                await hear(listening(place, lambda: Control(metrics, self._lines)))
            settled()
            stack.enter_context(pid_file(options.pid_file))
            known = {"version": table.version, "routes": len(table.routes)}
            self._log(logging.INFO, "serving", port=options.port, **known)
            async with in_background(*self._work()):
                await told_to_end()
                self._log(logging.INFO, "ending", connections=len(self._edge.visitors))
                server.close()
                await self._edge.drain(options.drain)
                self._lines.close()
                await self._activity.tell()
                await self._shelf.flush()
            await self._heard.close()
            await self._told.close()

    def _work(self) -> Iterator[Coroutine[None, None, None]]:
        yield self._feed.run()
        yield self._shelf.run()
        yield self._activity.run(self._options.activity_interval)
        yield sweeping(self._edge, self._lines)

    def _more(self) -> Iterator[str]:
        version = self._table.version
        yield ours("routes", len(self._table.routes))
        yield ours("table_version", -1 if version is None else version)
        yield ours("hub_silence_seconds", self._loop.time() - self._feed.heard)


async def serve(options: Options) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises:
        CannotServe: the options make no sense here.
    """
    try:
        address = HubAddress(options.hub)
        TrustedPeers(options.trusted_proxies)
    except ValueError as error:
        raise CannotServe(f"An option makes no sense: {error}.") from error
    if not os.access(options.token_file, os.R_OK):
        raise CannotServe(f"The token file {options.token_file} cannot be read.")
    await Proxy(options, address).run()
