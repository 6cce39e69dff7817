"""Serve: a proxy that follows a hub, from its options until it is told to end."""

import asyncio
import logging
import os
import signal
import ssl
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, closing
from typing import TypeAlias

from perijove.kit.clock import Clock
from perijove.kit.tasks import in_background
from perijove.proxy.activity import Activity
from perijove.proxy.apology import Apology
from perijove.proxy.certificates import Files, Store, by_name, looking_again
from perijove.proxy.control import Control, Lines
from perijove.proxy.counts import Counts
from perijove.proxy.crew import Crew
from perijove.proxy.edge import Edge
from perijove.proxy.feed import Feed
from perijove.proxy.forwarded import TrustedPeers
from perijove.proxy.handover import Handover
from perijove.proxy.hub import HubAddress, HubLine
from perijove.proxy.log import Log
from perijove.proxy.metrics import Metrics, ours
from perijove.proxy.options import Options
from perijove.proxy.redirect import Redirect
from perijove.proxy.routing import Routing
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
from perijove.proxy.tls import Terms, counting, spoken
from perijove.proxy.tree import Tree
from perijove.proxy.watched import Access
from perijove.proxy.worker import Mirror, work

Listened: TypeAlias = tuple[Place, Callable[[], asyncio.Protocol], ssl.SSLContext | None]
"""Where, what a connection is there, and with which TLS."""


class Proxy:
    """One process: the data plane, what it hears from the hub and what it tells it."""

    def __init__(self, options: Options, address: HubAddress, handover: Handover) -> None:
        self._options = options
        self._loop = asyncio.get_running_loop()
        self._handover = handover
        self._closing = list[tuple[Place, Closing]]()
        clock = Clock()
        log = self._log = Log(clock)
        table = self._table = Table(address.origin, by_host=options.host_routing)
        self._shelf = Shelf(options.table, log)
        self._shelf.load(table)
        self._lines = Lines()
        self._access = Access(options.access_log, options.access_log_sample, log)
        self._edge = _edge(options, address, table, log, self._access)
        self._front = _Front(options, self._edge, self._access)
        self._crew = Crew(options.workers - 1, self._edge, log)
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
            stack.callback(self._access.close)
            for place, make, tls in self._places():
                listens = listening(place, make, self._handover, tls)
                self._closing.append((place, await stack.enter_async_context(listens)))
            settled()
            told.on_hang_up(self._reload)
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

    def _reload(self) -> None:
        self._access.reopen()
        looking_again(self._front.stores, self._log)()
        self._crew.reload()

    async def _replace(self) -> bool:
        await self._shelf.flush()
        return await self._handover.hand_on(b"")

    async def _end(self) -> None:
        patient = self._handover.over
        for place, close in self._closing:
            if patient or not place.lasts:
                close()
        self._handover.close()
        seconds = self._options.handover_drain if patient else self._options.drain
        await asyncio.gather(
            self._edge.drain(seconds, patient=patient), self._crew.end(seconds, patient=patient)
        )
        self._lines.close()
        await self._activity.tell()
        if not patient:  # else it is the other's
            await self._shelf.flush()

    def _places(self) -> Iterator[Listened]:
        options = self._options
        yield _public(options), self._front.make, self._front.tls
        if options.redirect_port is not None:
            leads = Redirect(options.redirect_to or options.port)
            place = Place(ip=options.ip, port=options.redirect_port, option="--redirect-port")
            yield place, lambda: Control(leads, self._lines), None
        metrics = Metrics(self._crew.counted, self._more)
        desk = Routing(metrics, self._edge, self._table, options.token_file)
        if options.metrics_port is not None:
            ip, port = options.metrics_ip, options.metrics_port
            place = Place(ip=ip, port=port, option="--metrics-port", lasts=True)
            yield place, lambda: Control(desk, self._lines), None
        if options.metrics_socket is not None:
            place = Place(socket=options.metrics_socket, option="--metrics-socket", lasts=True)
            yield place, lambda: Control(desk, self._lines), None

    def _work(self) -> Iterator[Coroutine[None, None, None]]:
        yield self._feed.run()
        yield self._shelf.run()
        yield self._activity.run(self._options.activity_interval)
        yield sweeping(self._edge, self._lines, self._access, self._crew)
        place = str(_public(self._options))
        yield self._crew.run(place, self._handover.kept(place))

    def _more(self, _counts: Counts) -> Iterator[str]:
        version = self._table.version
        yield ours("routes", len(self._table.routes))
        yield ours("table_version", -1 if version is None else version)
        yield ours("table_age_seconds", self._loop.time() - self._feed.changed)
        yield ours("hub_silence_seconds", self._loop.time() - self._feed.heard)


def _public(options: Options) -> Place:
    return Place(ip=options.ip, port=options.port)


def _edge(options: Options, address: HubAddress, table: Tree, log: Log, access: Access) -> Edge:
    return Edge(
        loop=asyncio.get_running_loop(),
        table=table,
        trusted=TrustedPeers(options.trusted_proxies),
        log=log,
        apology=Apology(address),
        limits=options.limits.within(most_visitors()),
        hsts=options.hsts,
        dropped=lambda: access.dropped,
    )


class _Front:
    """What people who connect are shown and spoken to in; each process has its own."""

    def __init__(self, options: Options, edge: Edge, access: Access) -> None:
        """Read the certificates.

        Raises:
            ValueError: one is no good.
        """
        self.stores = list[Store]()
        self.tls: ssl.SSLContext | None = None
        self.make = talking(access.clients(edge), edge, http2=options.http2)
        if options.certificates:
            attempt = counting(edge.counts.handshakes)
            terms = Terms(protocols=spoken(http2=options.http2), attempt=attempt)
            self.stores.append(Files(options.certificates, terms.shown))
            self.tls = by_name(self.stores[0])


async def serve(options: Options) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises:
        CannotServe: the options make no sense here.
    """
    try:
        address = HubAddress(options.hub)
        TrustedPeers(options.trusted_proxies)
        for each in options.certificates:
            Terms().shown(each)
    except ValueError as error:
        raise CannotServe(f"An option makes no sense: {error}.") from error
    if not os.access(options.token_file, os.R_OK):
        raise CannotServe(f"The token file {options.token_file} cannot be read.")
    handover = Handover()
    if handover.lead is None:
        await Proxy(options, address, handover).run()
        return
    mirror, log = Mirror(handover.lead, by_host=options.host_routing), Log(Clock())
    access = Access(options.access_log, options.access_log_sample, log)
    edge = _edge(options, address, mirror, log, access)
    front = _Front(options, edge, access)

    def reload() -> None:
        access.reopen()
        looking_again(front.stores, log)()

    mirror.reload = reload
    with closing(access):
        listens = listening(_public(options), front.make, handover, front.tls)
        await work(mirror, edge, listens, access, drain=options.drain)
