"""Keeper: runs the services that the hub is to run, and looks whether services answer.

Of several hubs that share a database, one runs each service (core.leases). One that ends is
started again, later each time; none of them holds up the hub.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias
from urllib.parse import urlsplit

from perijove.core.leases import Alone, Leases
from perijove.core.service_states import ServiceStates
from perijove.core.services import Services
from perijove.kit.backoff import Backoff
from perijove.model.service import Service

logger = logging.getLogger(__name__)

_LOOK = 0.5
"""Seconds between two looks at which services are to run here."""
_HEALTHY = 30.0
"""Whoever has run for so long has not failed to start."""
_CHECK = 60.0
"""Seconds between two looks whether a service answers; as JupyterHub."""
_SOON = 0.5
_PATIENCE = 5.0
_PORTS = {"http": 80, "https": 443}


class Process(Protocol):
    """A service that was started."""

    @property
    def pid(self) -> int:
        """Return the process that stands for it."""
        ...

    async def wait(self) -> int:
        """Return its exit code, once it has ended."""
        ...

    async def stop(self) -> None:
        """End it, if it has not ended."""


Launch: TypeAlias = Callable[[Service, Mapping[str, str]], Awaitable[Process]]
Environment: TypeAlias = Callable[[Service], Mapping[str, str]]


@dataclass(slots=True, kw_only=True)
class Keeper:
    """One task for each service that runs here."""

    services: Services
    launch: Launch
    environment: Environment
    leases: Leases = field(default_factory=Alone)
    states: ServiceStates | None = None
    """Tells other hubs how they are; None: there are none."""
    backoff: Backoff = field(default_factory=lambda: Backoff(base=0.5, ceiling=60.0))
    _kept: dict[str, tuple[Service, asyncio.Task[None]]] = field(
        init=False, default_factory=dict[str, tuple[Service, asyncio.Task[None]]]
    )

    _ending: set[asyncio.Task[None]] = field(init=False, default_factory=set[asyncio.Task[None]])

    async def run(self) -> None:
        """Run them until cancelled; then end them."""
        try:
            while True:
                await self._turn()
                if self.states:
                    await self.states.tell()
                await asyncio.sleep(_LOOK)
        finally:
            await self._end(*self._kept)

    async def _turn(self) -> None:
        """Begin what is to run here and does not, and end what is not."""
        wanted = {
            name: it
            for name, it in self.services.configured.items()
            if (it.managed or it.url) and self._is_ours(name)
        }
        await self._end(*(name for name, (it, _) in self._kept.items() if wanted.get(name) != it))
        for name in wanted.keys() - self._kept.keys():
            self._kept[name] = wanted[name], asyncio.create_task(self._keep(wanted[name]))

    def _is_ours(self, name: str) -> bool:
        """Return whether it runs here. While nobody knows, what runs goes on."""
        key = f"service/{name}"
        return self.leases.holds(key) or (name in self._kept and self.leases.had(key))

    async def _end(self, *names: str) -> None:
        for name in names:
            task = self._kept.pop(name)[1]
            self.services.kept.discard(name)
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)
            task.cancel()
        if self._ending:  # whoever is cancelled here leaves them to go on with their end
            await asyncio.wait(set(self._ending))

    async def _keep(self, service: Service) -> None:
        """Run one service, and look after it."""
        looking = asyncio.create_task(self._look(service)) if service.url else None
        if not service.managed:
            self.services.kept.add(service.name)
        try:
            while service.managed:
                try:
                    await self._once(service)
                except OSError as error:
                    logger.error("service %s cannot be started: %s", service.name, error)  # noqa: TRY400 - it says all
                except Exception:
                    logger.exception("service %s", service.name)
                wait = self.backoff.next(service.name)
                logger.info("service %s is started again in %.1f s", service.name, wait)
                await asyncio.sleep(wait)
            if looking:
                await looking
        finally:
            if looking:
                looking.cancel()
            self.services.answering.pop(service.name, None)

    async def _once(self, service: Service) -> None:
        """Start it, and return once it has ended. Until it is started nobody knows how it is."""
        try:
            process = await self.launch(service, self.environment(service))
        except Exception:
            self.services.kept.add(service.name)  # it does not run: that is known
            raise
        self.services.kept.add(service.name)
        began = _now()
        self.services.pids[service.name] = process.pid
        logger.info("service %s is process %d", service.name, process.pid)
        try:
            code = await process.wait()
        finally:
            self.services.pids.pop(service.name, None)
            await process.stop()
        logger.warning("service %s ended with exit code %d", service.name, code)
        if _now() - began > _HEALTHY:
            self.backoff.forget(service.name)

    async def _look(self, service: Service) -> None:
        """Look again and again whether it answers, and log when that changes."""
        patience = _now() + service.timeout
        while True:
            answers = await answers_at(service.url)
            if answers or _now() > patience:
                self._note(service, answers=answers)
                await asyncio.sleep(_CHECK if answers else min(_CHECK, _PATIENCE))
            else:
                await asyncio.sleep(_SOON)

    def _note(self, service: Service, *, answers: bool) -> None:
        known, self.services.answering[service.name] = (
            self.services.answering.get(service.name),
            answers,
        )
        if answers is known:
            return
        if answers:
            logger.info("%s service %s answers at %s", service.kind, service.name, service.url)
        else:
            words = "%s service %s does not answer at %s"
            logger.warning(words, service.kind, service.name, service.url)


async def answers_at(url: str) -> bool:
    """Return whether anybody listens at `url`."""
    parts = urlsplit(url)
    with suppress(OSError, ValueError):  # a name that no name server can be asked for
        async with asyncio.timeout(_PATIENCE):
            port = parts.port or _PORTS[parts.scheme]
            _, writer = await asyncio.open_connection(parts.hostname, port)
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()
            return True
    return False


def _now() -> float:
    return asyncio.get_running_loop().time()
