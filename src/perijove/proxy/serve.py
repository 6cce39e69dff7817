"""Serve: a proxy that follows a hub, from its options until it is told to end."""

import asyncio
import logging
import os
import signal
import ssl
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AsyncExitStack
from typing import TypeAlias

from perijove.kit.clock import Clock
from perijove.kit.tasks import in_background
from perijove.proxy.activity import Activity
from perijove.proxy.apology import Apology
from perijove.proxy.certificates import Files, Store, by_name, looking_again
from perijove.proxy.control import Control, Lines
from perijove.proxy.edge import Edge
from perijove.proxy.feed import Feed
from perijove.proxy.forwarded import TrustedPeers
from perijove.proxy.handover import Handover
from perijove.proxy.hub import HubAddress, HubLine
from perijove.proxy.log import Log
from perijove.proxy.metrics import Metrics, ours
from perijove.proxy.options import Options
from perijove.proxy.redirect import Redirect
from perijove.proxy.running import (
    CannotServe,
    Closing,
    PidFile,
    Place,
    Signals,
    listening,
    most_visitors,
    replacing,
    settled,
    sweeping,
)
from perijove.proxy.shelf import Shelf
from perijove.proxy.table import Table
from perijove.proxy.talk import talking
from perijove.proxy.tls import Terms, spoken

Listened: TypeAlias = tuple[Place, Callable[[], asyncio.Protocol], ssl.SSLContext | None]
"""Where, what a connection is there, and with which TLS."""


class Proxy:
    """One process: the data plane, what it hears from the hub and what it tells it."""

    def __init__(self, options: Options, address: HubAddress) -> None:
        self._options = options
        self._loop = asyncio.get_running_loop()
        self._handover = Handover()
        self._closing = list[Closing]()
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
            hsts=options.hsts,
        )
        self._stores = list[Store]()
        if options.certificates:
            terms = Terms(protocols=spoken(http2=options.http2))
            self._stores.append(Files(options.certificates, terms.shown))
        self._heard = HubLine(address, options.token_file)
        self._told = HubLine(address, options.token_file)
        self._feed = Feed(table, self._heard, self._shelf, log)
        self._activity = Activity(table, self._told, clock, log)

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT.

        Raises:
            CannotServe: it cannot listen.
        """
        options, told = self._options, Signals()
        pid_file = PidFile(options.pid_file)
        async with AsyncExitStack() as stack:
            stack.callback(self._handover.close)
            for place, make, tls in self._places():
                listens = listening(place, make, self._handover, tls)
                self._closing.append(await stack.enter_async_context(listens))
            settled()
            told.on_hang_up(looking_again(self._stores, self._log))
            told.on(signal.SIGUSR2, replacing(self._replace, told, pid_file))
            stack.enter_context(pid_file.kept(self._handover))
            self._handover.serving()
            known = {"version": self._table.version, "routes": len(self._table.routes)}
            self._log(logging.INFO, "serving", port=options.port, **known)
            async with in_background(*self._work()):
                why = await told.end()
                self._log(logging.INFO, "ending", why=why, connections=len(self._edge.visitors))
                await self._end()
            await self._heard.close()
            await self._told.close()

    async def _replace(self) -> bool:
        await self._shelf.flush()
        return await self._handover.hand_on(b"")

    async def _end(self) -> None:
        for close in self._closing:
            close()
        self._handover.close()
        self._lines.close()
        patient = self._handover.over
        seconds = self._options.handover_drain if patient else self._options.drain
        await self._edge.drain(seconds, patient=patient)
        await self._activity.tell()
        if not patient:  # else it is the other's
            await self._shelf.flush()

    def _places(self) -> Iterator[Listened]:
        options = self._options
        tls = by_name(self._stores[0]) if self._stores else None
        yield Place(ip=options.ip, port=options.port), talking(self._edge, http2=options.http2), tls
        if options.redirect_port is not None:
            leads = Redirect(options.redirect_to or options.port)
            place = Place(ip=options.ip, port=options.redirect_port, option="--redirect-port")
            yield place, lambda: Control(leads, self._lines), None
        if options.metrics_port is not None:
            metrics = Metrics(self._edge, self._more)
            ip, port = options.metrics_ip, options.metrics_port
            place = Place(ip=ip, port=port, option="--metrics-port")
            yield place, lambda: Control(metrics, self._lines), None

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
    if not os.access(options.token_file, os.R_OK):
        raise CannotServe(f"The token file {options.token_file} cannot be read.")
    try:
        address = HubAddress(options.hub)
        TrustedPeers(options.trusted_proxies)
        proxy = Proxy(options, address)
    except ValueError as error:
        raise CannotServe(f"An option makes no sense: {error}.") from error
    await proxy.run()
