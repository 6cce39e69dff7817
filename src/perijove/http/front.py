"""Front: what answers need beside the hub itself."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from perijove.core import Hub
from perijove.http.asked import Outside
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
    outside: Outside = field(default_factory=Outside)
    """What lies between browsers and the hub."""
    xsrf: Xsrf = field(init=False)
    cookies: Cookies = field(init=False)

    def __post_init__(self) -> None:
        """Make what follows from the rest."""
        object.__setattr__(self, "xsrf", Xsrf(secret=self.secret, clock=self.clock))
        rules, domain = self.outside.cookies, self.outside.domains.domain
        cookies = Cookies(base_url=self.hub.base_url, rules=rules, domain=domain)
        object.__setattr__(self, "cookies", cookies)

    @property
    def prefix(self) -> str:
        """Where the hub is, `/hub/`."""
        return f"{self.hub.base_url}hub/"
