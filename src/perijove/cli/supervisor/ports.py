"""Choose the ports of a box once, and say whose they are when they are taken."""

import errno
import random
import socket
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from perijove.cli import chp
from perijove.cli.box import Box, Ports
from perijove.cli.trouble import Trouble
from perijove.settings import Settings
from perijove.spawners.sockets import Listeners, sockets

_PUBLIC = range(8000, 8100)
_HUB = range(10000, 20000)
"""Below the ports of servers, and below those that the kernel gives to clients."""


def chosen(box: Box, settings: Settings, *, public: int | None = None) -> Ports:
    """Return the ports of `box`, chosen now if it has none; `public` wins over the settings.

    Raises:
        Trouble: the hub's cannot move, because servers that run know it; or the public one that
            was asked for is taken, and is not kept; or is not said, though somebody else has it.
    """
    public, hub, ip = public or settings.proxy.port, settings.hub.port, settings.proxy.ip
    others = of_others(settings)
    if others and not public:
        raise Trouble(
            "Somebody else starts the proxy (ConfigurableHTTPProxy.should_start): set proxy.port"
            " to the one at which people reach it."
        )
    if not box.has_ports():
        if public and not others:
            _require_public(public, ip)
        ports = Ports(
            public=public or _first_free(_PUBLIC, ip),
            hub=hub or _first_free(random.sample(_HUB, 100), "127.0.0.1"),
        )
        box.keep(ports)
        return ports
    kept = box.ports()
    if hub is not None and hub != kept.hub and any(box.workloads.iterdir()):
        raise Trouble(
            f"hub.port is {hub}, but servers that still run know this hub at {kept.hub}:"
            " stop them first, or take hub.port out of the configuration."
        )
    ports = Ports(public=public or kept.public, hub=hub or kept.hub)
    if ports.public != kept.public and not others:
        _require_public(ports.public, ip)
    if ports != kept:
        box.keep(ports)
    return ports


def of_others(settings: Settings) -> bool:
    """Return whether somebody else listens at the public port: a proxy that we do not start."""
    return settings.proxy.told and not settings.hub.config.chp.should_start


def require_free(ports: Ports, settings: Settings) -> None:
    """Return if both can be listened on; the public one only if it is ours.

    Raises:
        Trouble: naming the program that has one.
    """
    if not free(ports.hub, "127.0.0.1"):
        raise Trouble(
            f"Port {ports.hub}, where this hub's servers look for it, is taken by"
            f" {owner(ports.hub)}: stop that program, then run `perijove up` again."
        )
    if not of_others(settings):
        _require_public(ports.public, settings.proxy.ip)
        if settings.proxy.told:
            api = chp.place(settings, ports)
            _require_public(api.port, api.host)


def _require_public(port: int, ip: str) -> None:
    if not free(port, ip):
        raise Trouble(
            f"Port {port} is taken by {owner(port)}:"
            " stop that program, or choose another port with --port N."
        )


def free(port: int, ip: str) -> bool:
    """Return whether `port` can be listened on.

    Raises:
        Trouble: it never can, by this account or at this address.
    """
    with socket.socket(socket.AF_INET6 if ":" in ip else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((ip, port))
            probe.listen(1)
        except PermissionError:
            raise Trouble(
                f"This account may not listen on port {port}: choose one above 1023 with --port N."
            ) from None
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            raise Trouble(
                f"Cannot listen on {ip} ({error.strerror}): set proxy.ip to an address"
                " of this machine."
            ) from None
    return True


def owner(port: int) -> str:
    """Return who listens on `port`, in words."""
    found = sorted(owners(port))
    return " and ".join(f"{name} (process {pid})" for pid, name in found) or "another program"


def owners(port: int) -> set[tuple[int, str]]:
    """Return the processes that listen on `port`, as far as this account may see."""
    inodes = Listeners().on(port, fresh=True)
    found: set[tuple[int, str]] = set()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if inodes & sockets([int(process.name)]):
                found.add((int(process.name), (process / "comm").read_text().strip()))
    return found


def _first_free(ports: Iterable[int], ip: str) -> int:
    found = next((port for port in ports if free(port, ip)), None)
    if found is None:
        raise Trouble("No port is free here: name one with --port N.")
    return found
