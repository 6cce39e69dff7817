"""Front: what answers need beside the hub itself."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from perijove.core import Hub
from perijove.http.asked import Networks
from perijove.http.audit import Audit
from perijove.http.cookies import Cookies
from perijove.http.pages import Pages
from perijove.http.xsrf import Xsrf


@dataclass(frozen=True, slots=True, kw_only=True)
class Front:
    """The hub behind its counter."""

    hub: Hub
    pages: Pages
    secret: bytes
    """Signs the XSRF value."""
    clock: Callable[[], datetime]
    audit: Audit
    trusted: Networks = ()
    """Whose X-Forwarded-* headers are believed."""
    xsrf: Xsrf = field(init=False)
    cookies: Cookies = field(init=False)

    def __post_init__(self) -> None:
        """Make what follows from the rest."""
        object.__setattr__(self, "xsrf", Xsrf(secret=self.secret, clock=self.clock))
        object.__setattr__(self, "cookies", Cookies(base_url=self.hub.base_url))

    @property
    def prefix(self) -> str:
        """Where the hub is, `/hub/`."""
        return f"{self.hub.base_url}hub/"
