"""CookieRules: what every cookie is like, of the hub and of servers."""

import json
from dataclasses import dataclass

HOST_PREFIX = "__Host-"


@dataclass(frozen=True, slots=True, kw_only=True)
class CookieRules:
    """What the settings say of cookies."""

    host_prefix: bool = False
    """Their names begin with __Host-, so that no neighbour below the same domain can set them."""
    same_site: str = ""
    """`lax`, `strict` or `none`; '': as usual."""
    secure: bool | None = None
    """They are sent with https only; None: if the address is such."""

    def named(self, name: str) -> str:
        """Return what a cookie is called that no neighbour may set."""
        return f"{HOST_PREFIX}{name}" if self.host_prefix else name

    @property
    def environment(self) -> dict[str, str]:
        """What servers are told of it."""
        options: dict[str, str | bool] = {}
        if self.same_site:
            options["samesite"] = self.same_site.capitalize()
        if self.secure is not None:
            options["secure"] = self.secure
        told = {"JUPYTERHUB_COOKIE_HOST_PREFIX_ENABLED": "1" if self.host_prefix else "0"}
        return told | ({"JUPYTERHUB_COOKIE_OPTIONS": json.dumps(options)} if options else {})
