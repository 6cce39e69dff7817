"""Settings of the proxy: where it listens, whom it believes, its certificate."""

from enum import Enum
from ipaddress import ip_network
from typing import Any, Self

from pydantic import Field, field_validator, model_validator

from perijove.kit.section import Section

HALF_A_YEAR = 15_724_800
"""As Zero-to-JupyterHub has it."""


class Make(Enum):
    """Which proxy people come through."""

    OURS = "perijove"
    CHP = "chp"


class Kind(Enum):
    """Where a certificate is from."""

    LETSENCRYPT = "letsencrypt"
    MANUAL = "manual"
    OFFLOAD = "offload"
    SECRET = "secret"  # noqa: S105 - the word of the chart


class ManualSettings(Section):
    """`proxy.https.manual`."""

    key: str | None = Field(default=None, json_schema_extra={"secret": True})
    """The private key in PEM; on one machine, or a file that holds it."""
    cert: str | None = None
    """The certificate in PEM, with those between it and the authority; on one machine, or a file
    that holds them."""


class HttpsSettings(Section):
    """`proxy.https`."""

    enabled: bool | None = False
    """Speak TLS at `proxy.port`. On one machine `type` must be `manual`."""
    type: Kind | None = None
    """Where the certificate is from; `offload`: somebody in front speaks TLS."""
    manual: ManualSettings = ManualSettings()
    hosts: tuple[str, ...] = ()
    """The names that people open."""
    redirect_port: int | None = Field(default=None, ge=1, le=65535)
    """A port without TLS that leads to `proxy.port`, and answers health checks."""
    hsts: int | None = Field(default=None, ge=0)
    """Seconds for which browsers come to these names with TLS only; 0: they are not told. Unset:
    15724800 (half a year) if there are `hosts`, else 0."""

    http2: bool = False
    """Speak HTTP/2 with browsers that ask for it: many requests at once on one connection."""

    @field_validator("type", mode="before")
    @classmethod
    def _none(cls, given: Any) -> Any:
        return given or None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.served and not (self.manual.cert and self.manual.key):
            raise ValueError("type: manual needs manual.cert and manual.key")
        return self

    @property
    def served(self) -> bool:
        """Return whether the proxy of one machine speaks TLS."""
        return bool(self.enabled) and self.type is Kind.MANUAL

    @property
    def strict_seconds(self) -> int:
        """Return for how long browsers are told to come with TLS only."""
        usual = HALF_A_YEAR if self.hosts else 0
        return usual if self.hsts is None else self.hsts


class ProxySettings(Section):
    """`proxy`."""

    kind: Make = Make.OURS
    """`perijove`, or `chp`: a configurable-http-proxy, which `hub.config.ConfigurableHTTPProxy`
    describes."""
    port: int | None = Field(default=None, ge=1, le=65535)
    """The port of the address that people open; unset: a free one, chosen once."""
    ip: str = "127.0.0.1"
    """Where it listens; 0.0.0.0 opens it to the network."""
    trusted_proxies: tuple[str, ...] = ("127.0.0.0/8", "::1/128")
    """Networks whose X-Forwarded-* headers are believed."""
    https: HttpsSettings = HttpsSettings()

    @property
    def told(self) -> bool:
        """Return whether the hub tells the proxy its routes; ours pulls them."""
        return self.kind is Make.CHP

    @model_validator(mode="after")
    def _able(self) -> Self:
        if self.told and self.https.http2:
            raise ValueError("kind: chp speaks no HTTP/2: leave https.http2 out")
        return self

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        for text in given:
            ip_network(text)
        return given
