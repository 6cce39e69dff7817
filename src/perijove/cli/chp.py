"""Chp: a configurable-http-proxy as the proxy of a box: how it is started, and how told.

`python -m perijove.cli.chp DIRECTORY COMMAND …` becomes the command, which then holds the lock
of the proxy for life, as ours does.
"""

import os
import sys
from collections.abc import Sequence

from perijove.cli.box import Box, Ports
from perijove.cli.front import certificate, routed
from perijove.cli.hold import Held
from perijove.cli.trouble import FAILURE
from perijove.core.teller import TellerSettings
from perijove.kit.origin import Origin
from perijove.settings import Settings

_IN_A_CLUSTER = "http://proxy-api:8001"
"""As the service of Zero-to-JupyterHub is called."""


def told(settings: Settings, box: Box, *, pods: bool = False) -> TellerSettings | None:
    """Return which proxy the hub tells its routes; None: ours pulls them.

    Raises:
        Trouble: the box has no ports yet, or no secrets.
    """
    traits, hub = settings.hub.config.chp, settings.hub.config.jupyterhub
    if not settings.proxy.told:
        return None
    return TellerSettings(
        url=traits.api_url or (_IN_A_CLUSTER if pods else _beside(box.ports())),
        token=token(settings, box),
        concurrency=traits.concurrency,
        every=hub.last_activity_interval,
        look=hub.proxy_check_interval,
    )


def token(settings: Settings, box: Box) -> str:
    """Return what its API wants to be shown."""
    return settings.hub.config.chp.auth_token or box.secret("proxy-token")


def command(box: Box, ports: Ports, settings: Settings) -> tuple[str, ...]:
    """Return what starts it, after `python -m`.

    Raises:
        Trouble: its certificate is no good.
    """
    api = place(settings, ports)
    return (
        *("perijove.cli.chp", str(box.path), *settings.hub.config.chp.command),
        *("--ip", settings.proxy.ip, "--port", str(ports.public)),
        *("--api-ip", api.host, "--api-port", str(api.port)),
        *("--error-target", f"http://127.0.0.1:{ports.hub}{settings.hub.base_url}hub/error"),
        *("--log-level", "warn", *routed(settings), *_certified(box, settings)),
    )


def place(settings: Settings, ports: Ports) -> Origin:
    """Return where it listens for its routes."""
    return Origin.of(settings.hub.config.chp.api_url or _beside(ports))


def _certified(box: Box, settings: Settings) -> tuple[str, ...]:
    https = settings.proxy.https
    files = certificate(box, https)
    if files is None:
        return ()
    led = ("--redirect-port", str(https.redirect_port)) if https.redirect_port else ()
    return ("--ssl-cert", str(files.cert), "--ssl-key", str(files.key), *led)


def _beside(ports: Ports) -> str:
    return f"http://127.0.0.1:{ports.public + 1}"


def main(arguments: Sequence[str]) -> None:
    """Take the lock and become the command; its secret is in the environment."""
    path, *words = arguments
    try:
        Box.at(path).hold("proxy").keep()
    except Held as held:
        by = f" (process {held.holder.pid})" if held.holder else ""
        sys.stderr.write(f"A proxy already runs on {path}{by}: stop that one first.\n")
        sys.exit(FAILURE)
    try:
        os.execvp(words[0], words)  # noqa: S606 - no shell is wanted
    except OSError as error:
        sys.stderr.write(
            f"{words[0]!r} cannot be started ({error.strerror}): `npm install -g"
            " configurable-http-proxy` installs it; see ConfigurableHTTPProxy.command.\n"
        )
        sys.exit(FAILURE)


if __name__ == "__main__":
    main(sys.argv[1:])
