"""Traits of `hub.config.JupyterHub` about web addresses: where people are led, hosts, cookies."""

import re
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import AliasChoices, Field, field_validator, model_validator

from perijove.core.cookies import CookieRules
from perijove.core.domains import Domains
from perijove.core.leading import Leading
from perijove.kit.section import Traits

_GONE, _OLD_GONE = 424, 503
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"(?=.{{1,189}}$){_LABEL}(?:\.{_LABEL})*")
"""A host with room for a label of 63 characters before it."""
_ADDRESS = re.compile(r"[0-9.]+")
_LONGEST_WAIT = 600


class CookieTraits(Traits):
    """`hub.config.JupyterHub.tornado_settings.cookie_options`."""

    samesite: Literal["lax", "strict", "none"] | None = Field(
        default=None, validation_alias=AliasChoices("samesite", "SameSite", "same_site")
    )
    """`Strict`, `Lax` or `None`: whether cookies are sent along from other sites. Unset: Lax."""
    secure: bool | None = None
    """Cookies are sent with https only; unset: if people come with https."""

    @field_validator("samesite", mode="before")
    @classmethod
    def _small(cls, given: Any) -> Any:
        return given.lower() if isinstance(given, str) else given


class TornadoTraits(Traits):
    """`hub.config.JupyterHub.tornado_settings`."""

    user_redirect_limit: int = Field(default=4, ge=1)
    """After so many redirects from the hub to a server and back, a page says that they go round
    in circles."""
    cookie_options: CookieTraits = CookieTraits()
    slow_spawn_timeout: float = Field(default=0.0, ge=0, le=_LONGEST_WAIT)
    """Seconds for which the API waits for a start: it answers 201 if the server is ready by then,
    500 with the reason if it has failed, else 202. 0, as in Zero to JupyterHub: it answers 202 at
    once."""
    slow_stop_timeout: float = Field(default=0.0, ge=0, le=_LONGEST_WAIT)
    """Seconds for which it waits for a stop: 204 if the server has stopped by then, else 202. 0:
    it answers at once."""


class WebTraits(Traits):
    """Those of `hub.config.JupyterHub` that are about addresses."""

    public_url: str = ""
    """Where people open the hub, `https://hub.example/`; unset: as their browser says."""
    subdomain_host: str = ""
    """Give each person a host of their own below this one, `https://hub.example`; it needs a DNS
    entry and a certificate for `*.hub.example`."""
    subdomain_hook: Literal["idna", "legacy"] = "idna"
    """How names become hosts: `idna`, or `legacy` as before JupyterHub 5."""
    cookie_host_prefix_enabled: bool = False
    """Name cookies `__Host-…`, so that no server of a neighbouring host can set them; it needs
    https."""
    internal_ssl: bool = False
    """Not built: must be false."""
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

    @field_validator("internal_ssl")
    @classmethod
    def _not_built(cls, given: bool) -> bool:  # noqa: FBT001 - pydantic calls it
        if given:
            raise ValueError(
                "is not built: between the hub, the proxy and servers nothing is encrypted."
                " Take it out, and let the network protect them (network policies, WireGuard)"
            )
        return given

    @field_validator("public_url", "subdomain_host")
    @classmethod
    def _place(cls, given: str) -> str:
        if given:
            _site(given)
        return given

    @field_validator("subdomain_host")
    @classmethod
    def _named(cls, given: str) -> str:
        parts = urlsplit(given)
        if given and (parts.path.strip("/") or _ADDRESS.fullmatch(parts.hostname or "")):
            raise ValueError("must be http://name or https://name, with a port if need be")
        return given

    @model_validator(mode="after")
    def _agree(self) -> Self:
        site = _site(self.subdomain_host or self.public_url)
        if self.public_url and _site(self.public_url) != site:
            raise ValueError("public_url and subdomain_host name different hosts")
        secure, cookies = site.startswith("https:"), self.tornado_settings.cookie_options
        if self.cookie_host_prefix_enabled and (cookies.secure is False or (site and not secure)):
            raise ValueError("cookie_host_prefix_enabled needs https, and secure cookies")
        if cookies.samesite == "none" and not (cookies.secure or secure):
            raise ValueError("cookie_options: SameSite None needs secure: true")
        return self

    @property
    def domains(self) -> Domains:
        """Where browsers find the hub and servers."""
        own, hook = bool(self.subdomain_host), self.subdomain_hook
        return Domains(site=_site(self.subdomain_host or self.public_url), own=own, hook=hook)

    @property
    def cookie_rules(self) -> CookieRules:
        """What cookies are like."""
        options = self.tornado_settings.cookie_options
        return CookieRules(
            host_prefix=self.cookie_host_prefix_enabled,
            same_site=options.samesite or "",
            secure=options.secure,
        )


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


def _site(url: str) -> str:
    """Return scheme, host and port of an address; '' of none."""
    if not url:
        return ""
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    try:
        port = parts.port
    except ValueError:
        port = None
    written = host if port is None else f"{host}:{port}"
    if (
        parts.scheme not in {"http", "https"}
        or parts.query
        or parts.fragment
        or (parts.netloc.lower() != written or not _HOST.fullmatch(host))
    ):
        raise ValueError("must be http://name or https://name, with a port if need be")
    usual = {"http": 80, "https": 443}[parts.scheme]
    return f"{parts.scheme}://{host if port == usual else written}"
