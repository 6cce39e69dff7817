"""Domains: where browsers find the hub and servers; each person has a host, if it is set up."""

import hashlib
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias
from urllib.parse import quote, urlsplit

from perijove.core.routes import prefix
from perijove.core.service_rules import prefix as service_prefix

Label: TypeAlias = Callable[[str], str]
"""The name of a user or a service -> what stands before the domain of the hub."""

_LONGEST = 63
_SHOWN, _HASH = 8, 7
_PLAIN = re.compile(r"[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*")
_LETTERS = {"Ll", "Lo", "Lm", "Mn", "Mc", "Nd"}
_RIGHT_TO_LEFT = {"R", "AL", "AN"}
_STABLE = {"\u00df", "\u03c2"}
"""Letters that IDNA keeps, although comparing names would change them."""
SERVICE = "--service"


@lru_cache(4096)
def idna(name: str) -> str:
    """Return a label as JupyterHub makes it: the name itself, its IDNA form, or a hash of it.

    Two hyphens stand in no name that is kept, so nobody can be called like another's label.
    """
    return _label(name, _LONGEST)


def legacy(name: str) -> str:
    """Return a label as JupyterHub before 5.0 made it."""
    return quote(name, safe="").replace("%", "_").lower()


HOOKS: Mapping[str, Label] = {"idna": idna, "legacy": legacy}


@dataclass(frozen=True, slots=True, kw_only=True)
class Domains:
    """`public_url` or `subdomain_host`; neither: browsers know where they have found the hub."""

    site: str = ""
    """Scheme, host and port of the hub, `https://hub.example`; '': it is not said."""
    own: bool = False
    """Each person has a host of their own, below that of the hub."""
    hook: str = "idna"

    @property
    def domain(self) -> str:
        """The host of the hub; '' unless people have hosts of their own."""
        return (urlsplit(self.site).hostname or "") if self.own else ""

    def host(self, user: str) -> str:
        """Return the host of a user's servers; '' if it is that of the hub."""
        return f"{HOOKS[self.hook](user)}.{self.domain}" if self.own else ""

    def of_user(self, user: str) -> str:
        """Return scheme, host and port of a user's servers; '' if they are those of the hub."""
        return self._at(self.host(user))

    def of_service(self, name: str) -> str:
        """Return scheme, host and port of a service; '' if they are those of the hub."""
        if not self.own:
            return ""
        label = "services" if self.hook == "legacy" else _label(name, _LONGEST - len(SERVICE))
        return self._at(f"{label}{'' if self.hook == 'legacy' else SERVICE}.{self.domain}")

    def key(self, base_url: str, user: str, name: str) -> str:
        """Return the prefix of a server's route; the host comes first, where there are hosts."""
        path = prefix(base_url, user, name)
        return f"/{self.host(user).lower()}{path}" if self.own else path

    def key_of_service(self, base_url: str, name: str) -> str:
        """Return the prefix of a service's route, as `key`."""
        host = urlsplit(self.of_service(name)).hostname or ""
        path = service_prefix(base_url, name)
        return f"/{host}{path}" if self.own else path

    def public(self, base_url: str, user: str, name: str) -> str:
        """Return the whole address of a server; '' if it is not known."""
        site = self.of_user(user) or self.site
        return f"{site}{prefix(base_url, user, name)}" if site else ""

    def is_elsewhere(self, host: str) -> bool:
        """Return whether a host that a browser has asked is one of a user, or of a service."""
        return self.own and _bare(host).endswith(f".{self.domain}")

    def _at(self, host: str) -> str:
        if not host:
            return ""
        parts = urlsplit(self.site)
        return f"{parts.scheme}://{host}" + (f":{parts.port}" if parts.port else "")


def _label(name: str, longest: int) -> str:
    if len(name) <= longest and _PLAIN.fullmatch(name):
        return name
    encoded = _encoded(name)
    if encoded and len(encoded) <= longest:
        return encoded
    shown = "".join(char for char in name.lower() if char.isascii() and char.isalnum())
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:_HASH]
    return f"u-{shown[:_SHOWN] or 'x'}--{digest}"


def _encoded(name: str) -> str:
    """Return the A-label of a name that is a U-label (RFC 5891), or ''.

    Right-to-left scripts may hold no other letters: then the order of what is shown is clear.
    """
    if len(name) > _LONGEST or name.isascii() or unicodedata.normalize("NFC", name) != name:
        return ""
    if not all(_may_stand(char) for char in name) or unicodedata.category(name[0])[0] == "M":
        return ""
    ways = {unicodedata.bidirectional(char) for char in name}
    if ways & _RIGHT_TO_LEFT and not ways <= {"R", "AL", "NSM"}:
        return ""
    return f"xn--{name.encode('punycode').decode()}"


def _may_stand(char: str) -> bool:
    """Return whether a character is PVALID (RFC 5892): a letter, digit or mark that is stable."""
    if char in _STABLE:
        return True
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", char).casefold())
    return unicodedata.category(char) in _LETTERS and folded == char


def _bare(host: str) -> str:
    return host.partition(":")[0].lower()
