"""`perijove up`: proxy, hub and servers of one machine under one supervisor."""

import json
import sys
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote

from perijove.cli import chp
from perijove.cli.box import Box, Ports, data_trouble
from perijove.cli.doctor.accounts import require_accounts, worth_saying
from perijove.cli.front import address, of_box
from perijove.cli.hold import Held
from perijove.cli.supervisor.ending import Ending
from perijove.cli.supervisor.leftovers import end_leftovers
from perijove.cli.supervisor.local import LocalHub
from perijove.cli.supervisor.orders import Orders
from perijove.cli.supervisor.part import Part
from perijove.cli.supervisor.ports import chosen, of_others, require_free
from perijove.cli.supervisor.supervise import Supervisor
from perijove.cli.supervisor.tools import require_singleuser
from perijove.cli.trouble import Trouble
from perijove.kit import log
from perijove.kit.clock import Clock
from perijove.settings import Settings, load

SINGLEUSER = ("perijove-singleuser",)
_ANYWHERE = {"", "0.0.0.0", "::"}  # noqa: S104 - what a configuration may say


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the command line says."""

    file: Path | None
    data: Path | None
    port: int | None
    as_json: bool
    keep_servers: bool


def command(given: Namespace) -> None:
    """Run everything until it is stopped.

    Raises:
        BadConfig, Trouble: it cannot.
    """
    log.choose(given.log_format, given.log_level)
    asked = Asked(
        file=given.file,
        data=given.data,
        port=given.port,
        as_json=given.output == "json",
        keep_servers=given.keep_servers,
    )
    bring_up(load(asked.file), asked)


def bring_up(settings: Settings, asked: Asked) -> None:
    """Run everything until Ctrl-C or SIGTERM.

    Raises:
        Trouble: it cannot.
    """
    require_singleuser(settings.singleuser.cmd or SINGLEUSER)
    box, orders = Box.at(asked.data), Orders()
    require_accounts(settings, box, asked.file)
    box.ready()
    with orders.heard(), _alone(box), data_trouble(box):
        box.renew_sign_in(Clock()().timestamp())
        ports = _ports(box, settings, asked, orders)
        hub = _part("hub", box, _hub(box, asked))
        proxy = None if of_others(settings) else _proxy(box, ports, settings)
        _supervised(_Run(settings, asked, box, ports, orders, hub, proxy))


@dataclass(frozen=True, slots=True)
class _Run:
    """One run of `perijove up`."""

    settings: Settings
    asked: Asked
    box: Box
    ports: Ports
    orders: Orders
    hub: Part
    proxy: Part | None
    """None: somebody else starts it."""

    @property
    def host(self) -> str:
        """Return where the proxy is reached from this machine."""
        ip = self.settings.proxy.ip
        return "127.0.0.1" if ip in _ANYWHERE else ip

    @property
    def url(self) -> str:
        """Return the public address."""
        told = self.settings.hub.config.jupyterhub.domains.site
        place = told or address(self.settings.proxy.https, self.host, self.ports.public)
        return f"{place}{self.settings.hub.base_url}"

    def local(self, host: str, port: int, *, secure: bool = False) -> LocalHub:
        """Return the hub as it is reached there; `secure`: with TLS."""
        return LocalHub(
            host=host,
            port=port,
            base_url=self.settings.hub.base_url,
            token=self.box.secret("cli-token"),
            secure=secure,
        )


def _supervised(run: _Run) -> None:
    ending = Ending(
        hub=run.hub,
        proxy=run.proxy,
        local=run.local("127.0.0.1", run.ports.hub),
        workloads=run.box.workloads,
        orders=run.orders,
        say=say,
    )
    supervisor = Supervisor(hub=run.hub, proxy=run.proxy, orders=run.orders, say=say)
    try:
        secure = run.settings.proxy.https.served
        supervisor.start(ending.local, run.local(run.host, run.ports.public, secure=secure))
        if not run.orders.stop:
            _tell(run)
            for sentence in worth_saying(run.settings, run.box, run.asked.file):
                say(sentence)
        supervisor.run()
    except BaseException:
        ending.parts_alone()  # a part that cannot start is no reason to stop people's servers
        raise
    if run.asked.keep_servers:
        ending.parts_alone()
    else:
        ending.everything()


def _ports(box: Box, settings: Settings, asked: Asked, orders: Orders) -> Ports:
    end_leftovers(box, say, orders.wait)
    ports = chosen(box, settings, public=asked.port)
    require_free(ports, settings)
    return ports


def _part(name: str, box: Box, module: tuple[str, ...]) -> Part:
    command = (sys.executable, "-P", "-m", *module)
    return Part(name=name, command=command, log=box.log(name))


def _hub(box: Box, asked: Asked) -> tuple[str, ...]:
    file = ("-f", str(asked.file.absolute())) if asked.file else ()
    return "perijove", "hub", "--data", str(box.path), *file


def _proxy(box: Box, ports: Ports, settings: Settings) -> Part:
    """Return what `perijove proxy` becomes, at once: it must be back within a second."""
    if settings.proxy.told:
        told = _part("proxy", box, chp.command(box, ports, settings))
        secrets = {"CONFIGPROXY_AUTH_TOKEN": chp.token(settings, box)}
        return replace(told, secrets=secrets, reloads=False)
    options = of_box(box, ports, settings)
    return _part("proxy", box, ("perijove.cli.proxy", str(box.path), *options))


def _tell(run: _Run) -> None:
    """Print where it is: one block for people, or one line for programs."""
    first = run.box.sign_in()
    sign_in = f"{run.url}hub/first?secret={quote(first)}" if first else None
    if run.asked.as_json:
        found = {
            "url": run.url,
            "sign_in": sign_in,
            "data": str(run.box.path),
            "pids": {it.name: it.pid for it in (run.hub, run.proxy) if it},
        }
        print(json.dumps(found), flush=True)  # noqa: T201 - what was asked for
        return
    lines = ["", "  Perijove is up.", "", f"  Address   {run.url}"]
    if sign_in:
        lines += [f"  Sign in   {sign_in}", "            (the administrator's, works once)"]
    lines += [f"  Data      {run.box.path}", "", f"  {_how_to_end(run.asked)}", ""]
    print("\n".join(lines), flush=True)  # noqa: T201 - what was asked for


def _how_to_end(asked: Asked) -> str:
    if asked.keep_servers:
        return "Ctrl-C stops it; servers that run go on."
    return "Ctrl-C stops it, servers included (--keep-servers leaves them running)."


@contextmanager
def _alone(box: Box) -> Iterator[None]:
    """Hold the data directory while the block runs.

    Raises:
        Trouble: another `up` has it.
    """
    hold = box.hold("up")
    try:
        with hold.taken():
            yield
    except Held as held:
        who = f" (process {held.holder.pid})" if held.holder else ""
        raise Trouble(
            f"Perijove already runs on {box.path}{who}:"
            " stop that one first, or choose another directory with --data DIR."
        ) from None


def say(text: str) -> None:
    """Tell people how it goes; stdout is kept for the answer."""
    with suppress(OSError):  # a full disk, a closed pipe: no reason to end what runs
        print(text, file=sys.stderr, flush=True)  # noqa: T201 - what it is for
