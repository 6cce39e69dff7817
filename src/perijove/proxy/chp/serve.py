"""Serve: a proxy that is told its routes, from its options until it is told to end."""

import asyncio
import logging
import os
import signal
import ssl
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import AsyncExitStack, closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from perijove.kit.clock import Clock
from perijove.kit.tasks import in_background
from perijove.proxy import counts as proxy
from perijove.proxy.certificates import Certificate, Files, Store, by_name, looking_again
from perijove.proxy.chp.api import Api
from perijove.proxy.chp.counts import Counts
from perijove.proxy.chp.errors import ErrorPath, ErrorTarget, own_page
from perijove.proxy.chp.options import Options, Tls
from perijove.proxy.chp.routes import Routes
from perijove.proxy.chp.shunned import shunned
from perijove.proxy.control import Control, Desk, Lines
from perijove.proxy.crew import Crew
from perijove.proxy.edge import Apologist, Edge
from perijove.proxy.forwarded import TrustedPeers
from perijove.proxy.handover import Handover
from perijove.proxy.log import Log
from perijove.proxy.metrics import Metrics, ours
from perijove.proxy.redirect import Redirect
from perijove.proxy.refusal import Refusal
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
from perijove.proxy.talk import talking
from perijove.proxy.tls import MODERN, OLDER, Terms, asking, counting, spoken
from perijove.proxy.watched import Access
from perijove.proxy.worker import Mirror, work

_TOKEN = "CONFIGPROXY_AUTH_TOKEN"  # noqa: S105 - the name of one
_VERSIONS = {"TLSv1_2": ssl.TLSVersion.TLSv1_2, "TLSv1_3": ssl.TLSVersion.TLSv1_3}


class Proxy:
    """One process: the data plane, and beside it the API, metrics and a redirect."""

    def __init__(self, options: Options, environment: Mapping[str, str]) -> None:
        self._options = options
        self._environment = environment
        self._clock = Clock()
        self._loop = asyncio.get_running_loop()
        self._log = Log(self._clock)
        self._lines, self._watchers = Lines(), Lines()
        self._access = Access(options.access_log, options.access_log_sample, self._log)
        self._stores = list[Store]()
        self._handover = Handover()
        self._closing = list[tuple[Place, Closing]]()
        self._counts = Counts()
        shuns = None if options.allow_link_local else shunned
        self._routes = Routes(self._clock, self._loop, by_host=options.host_routing, shuns=shuns)
        lead, known = self._handover.lead, self._handover.known()
        self._mirror = None if lead is None else Mirror(lead, by_host=options.host_routing)
        if known:
            self._routes.load(known)
        elif options.default_target:
            self._routes.add(b"/", {"target": options.default_target})
        client = self._asking()
        self._edge = Edge(
            loop=self._loop,
            table=self._mirror or self._routes,
            trusted=TrustedPeers(options.trusted_proxies),
            log=self._log,
            apology=self._apologist(client),
            manner=options.manner,
            certified=client,
            limits=options.limits.within(most_visitors()),
            shuns=shuns,
            dropped=lambda: self._access.dropped,
            hsts=options.hsts,
        )
        self._crew = Crew(0 if self._mirror else options.workers - 1, self._edge, self._log)

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT; beside another process, until that one says so.

        Raises:
            CannotServe: it cannot listen.
        """
        options, tokens = self._options, self._tokens()
        public = Place(ip=options.ip, port=options.port, socket=options.socket)
        counted = self._edge.counts.handshakes
        http2 = self._http2
        tls = self._serving(options.ssl, "CONFIGPROXY_SSL_KEY_PASSPHRASE", counted, http2=http2)
        if self._mirror is None:
            await self._lead(public, tls, Api(self._routes, tokens, self._counts, self._log))
            return
        self._mirror.reload = self._reload
        with closing(self._access):
            listens = listening(public, self._clients(), self._handover, tls)
            await work(self._mirror, self._edge, listens, self._access, drain=options.drain)

    async def _lead(self, public: Place, tls: ssl.SSLContext | None, api: Api) -> None:
        options = self._options
        told = Place(ip=options.api_ip, port=options.api_port, socket=options.api_socket,
                     option="--api-port")  # fmt: skip
        api_tls = self._serving(options.api_ssl, "CONFIGPROXY_API_SSL_KEY_PASSPHRASE", Counter())
        places = [
            (public, self._clients(), tls),
            (told, self._control(api, self._lines), api_tls),
            *((place, self._control(desk, self._watchers), None) for place, desk in self._beside()),
        ]
        said = Signals()
        pid_file = PidFile(options.pid_file)
        async with AsyncExitStack() as stack:
            stack.callback(self._handover.close)
            stack.callback(self._access.close)
            for place, make, secure in places:
                listens = listening(place, make, self._handover, secure)
                self._closing.append((place, await stack.enter_async_context(listens)))
            settled()
            said.on_hang_up(self._reload)
            said.on(signal.SIGUSR2, replacing(partial(self._replace, api), said, pid_file))
            stack.enter_context(pid_file.kept(self._handover))
            self._handover.serving()
            parts = (self._edge, self._lines, self._watchers, self._access)
            self._log(logging.INFO, "serving", at=str(public), api=str(told))
            crew = self._crew.run(str(public), self._handover.kept(str(public)))
            async with in_background(sweeping(*parts, self._crew), crew):
                self._log(logging.INFO, "ending", why=await said.end())
                await self._end()

    @property
    def _http2(self) -> bool:
        """Whether it may be asked for; a socket of the machine has no peer to tell of."""
        return self._options.http2 and self._options.socket is None

    def _clients(self) -> Callable[[], asyncio.Protocol]:
        return talking(self._access.clients(self._edge), self._edge, http2=self._http2)

    async def _end(self) -> None:
        patient = self._handover.over
        for place, close in self._closing:
            if patient or not place.lasts:
                close()
        self._handover.close()
        self._lines.close()
        seconds = self._options.handover_drain if patient else self._options.drain
        await asyncio.gather(
            self._edge.drain(seconds, patient=patient), self._crew.end(seconds, patient=patient)
        )
        self._watchers.close()

    async def _replace(self, api: Api) -> bool:
        """Hand on, with the routes as they are; none may change meanwhile."""
        api.closed = True
        try:
            return await self._handover.hand_on(self._routes.dumped())
        finally:
            api.closed = self._handover.over

    def _control(self, desk: Desk, lines: Lines) -> Callable[[], Control]:
        return lambda: Control(desk, lines)

    def _beside(self) -> list[tuple[Place, Desk]]:
        options, found = self._options, list[tuple[Place, Desk]]()
        if options.metrics_port is not None or options.metrics_socket is not None:
            place = Place(ip=options.metrics_ip, port=options.metrics_port or 0,
                          socket=options.metrics_socket, option="--metrics-port",
                          lasts=True)  # fmt: skip
            found.append((place, Metrics(self._crew.counted, self._more)))
        if options.redirect_port is not None:
            place = Place(ip=options.ip, port=options.redirect_port, option="--redirect-port")
            found.append((place, Redirect(options.redirect_to or options.port)))
        return found

    def _more(self, counts: proxy.Counts) -> Iterator[str]:
        yield ours("routes", len(self._routes))
        yield ours("table_version", self._routes.changes)
        yield ours("table_age_seconds", self._loop.time() - self._routes.changed)
        yield from self._counts.lines(counts)

    def _tokens(self) -> list[bytes]:
        given = self._environment.get(_TOKEN, "")
        found = [token.strip().encode() for token in given.split(",") if token.strip()]
        if given and not found:
            raise CannotServe(f"{_TOKEN} is set, but there is no token in it.")
        if not found and self._mirror is None:
            self._log(logging.WARNING, "api-open", why=f"{_TOKEN} is not set")
        return found

    def _serving(
        self, side: Tls, passphrase: str, counted: Counter[str], *, http2: bool = False
    ) -> ssl.SSLContext | None:
        certificate = self._certificate(side, self._environment.get(passphrase))
        if certificate is None:
            return None
        # One that is asked for and then let in whatever it shows need not be asked for.
        asks_back = side.request_cert and side.reject_unauthorized
        terms = self._terms(side.ca)
        terms = replace(
            terms, asks_back=asks_back, protocols=spoken(http2=http2), attempt=counting(counted)
        )
        self._stores.append(Files([certificate], terms.shown))
        return by_name(self._stores[-1])

    def _reload(self) -> None:
        """Read certificates again; one that is no good leaves what is shown as it is."""
        self._crew.reload()
        self._access.reopen()
        looking_again(self._stores, self._log)()

    def _asking(self) -> Callable[[], ssl.SSLContext]:
        """Return what makes the context for targets: now if files were given, else when needed."""
        options = self._options
        side = options.client_ssl
        certificate, insecure = self._certificate(side, None), options.insecure
        if certificate is None and side.ca is None:
            return lambda: asking(None, None, insecure=insecure)
        context = asking(certificate, side.ca, insecure=insecure)
        return lambda: context

    def _certificate(self, side: Tls, passphrase: str | None) -> Certificate | None:
        if not side.given:
            return None
        if side.cert is None:
            raise CannotServe(f"The key {side.key} comes without a certificate.")
        return Certificate(cert=side.cert, key=side.key, passphrase=passphrase)

    def _terms(self, authorities: Path | None) -> Terms:
        options = self._options
        only = _VERSIONS.get(options.ssl_protocol)
        terms: dict[str, Any] = {} if only is None else {"oldest": only, "newest": only}
        return Terms(
            ciphers=options.ssl_ciphers or (MODERN + OLDER if options.ssl_dhparam else MODERN),
            authorities=authorities,
            dhparam=options.ssl_dhparam,
            **terms,
        )

    def _apologist(self, client: Callable[[], ssl.SSLContext]) -> Apologist:
        options = self._options
        if options.error_target:
            secure = options.error_target.startswith("https:")
            return ErrorTarget(options.error_target, client() if secure else None)
        if options.error_path is not None:
            return ErrorPath(options.error_path)
        return own_page


async def serve(options: Options, environment: Mapping[str, str] = os.environ) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises:
        CannotServe: the options make no sense here.
    """
    try:
        proxy = Proxy(options, environment)
        await proxy.run()
    except Refusal as error:
        raise CannotServe(f"An option makes no sense: {error.reason}.") from error
    except (OSError, ValueError) as error:
        raise CannotServe(f"An option makes no sense: {error}.") from error
