"""Traits of `hub.config.JupyterHub` about web addresses: where people are led, and how."""

from pydantic import Field

from perijove.core.leading import Leading
from perijove.kit.section import Traits

_GONE, _OLD_GONE = 424, 503


class TornadoTraits(Traits):
    """`hub.config.JupyterHub.tornado_settings`."""

    user_redirect_limit: int = Field(default=4, ge=1)
    """After so many redirects from the hub to a server and back, a page says that they go round
    in circles."""


class WebTraits(Traits):
    """Those of `hub.config.JupyterHub` that are about addresses."""

    default_url: str = ""
    """Where who has signed in is led, instead of to their server or the home page."""
    default_server_name: str = ""
    """The named server that `/hub/user-redirect` leads to; unset: the default server."""
    implicit_spawn_seconds: float = Field(default=0.0, ge=0)
    """Seconds after which the page about a server that does not run starts it by itself; 0:
    never."""
    use_legacy_stopped_server_status_code: bool = False
    """Answer 503 instead of 424 for a server that does not run."""
    tornado_settings: TornadoTraits = TornadoTraits()


def leading(
    traits: WebTraits, *, to_server: bool | None, stops_on_leaving: bool, stays_out: bool
) -> Leading:
    """Return where people are led; what is no trait of addresses is given beside."""
    old = traits.use_legacy_stopped_server_status_code
    return Leading(
        to_server=to_server,
        default_url=traits.default_url,
        default_server=traits.default_server_name,
        most_redirects=traits.tornado_settings.user_redirect_limit,
        gone=_OLD_GONE if old else _GONE,
        starts_after=traits.implicit_spawn_seconds,
        stops_on_leaving=stops_on_leaving,
        stays_out=stays_out,
    )
