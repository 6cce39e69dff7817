"""Where to go next: `next=` of an address, which never leads to another site (hub.md 4.4)."""

import logging
import re
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit

from perijove.core.domains import Domains
from perijove.http.asked import Asked

logger = logging.getLogger(__name__)

_OWN = frozenset({"next", "_xsrf"})
_SHOWN = 100
_NOWHERE = Domains()
_HOST = re.compile(r"[A-Za-z0-9._-]+(?::[0-9]+)?")


def destination(asked: Asked, default: str) -> str:
    """Return the path that `next` names, or `default` with the rest of the query."""
    wanted = asked.fields.get("next", [""])[0]
    if wanted:
        return within(wanted, asked) or default
    rest = [(name, value) for name, value in parse_qsl(asked.raw_query) if name not in _OWN]
    if not rest:
        return default
    return default + ("&" if "?" in default else "?") + urlencode(rest)


def within(wanted: str, asked: Asked) -> str | None:
    """Return `wanted` as a path of the site that was asked, or None if it leads elsewhere.

    Browsers read a backslash as a slash, drop tabs and line ends, and take two slashes for
    the beginning of a host; so what could be read in two ways is refused.
    """
    path = path_of(wanted, asked.site, asked.outside.domains)
    if path is None:
        logger.warning("next= leads away and is not followed: %.*r", _SHOWN, wanted[:_SHOWN])
    return path


def path_of(wanted: str, site: str, domains: Domains = _NOWHERE) -> str | None:
    """Return what `within` does; a server of anybody is at the hub, which leads on to its host."""
    if re.search(r"[\x00-\x20\x7f]", wanted):
        return None
    text = re.sub(r"^/{2,}", "//", wanted.replace("\\", "%5C"))
    try:
        parts = urlsplit(text)
    except ValueError:
        return None
    if parts.scheme or parts.netloc:
        there = f"{parts.scheme}://{parts.netloc}".lower()
        if there != site.lower() and not _of_a_server(parts, site, domains):
            return None
        rest = text.partition("://")[2][len(parts.netloc) :]
        text = "/" + rest.lstrip("/")
    return text if text.startswith("/") and not text.startswith("//") else None


def _of_a_server(parts: SplitResult, site: str, domains: Domains) -> bool:
    """Return whether an address is below the domain of the hub, with its scheme and port."""
    ours = urlsplit(site)
    port = parts.netloc.rpartition(":")[2] if ":" in parts.netloc else ""
    named = _HOST.fullmatch(parts.netloc) is not None and domains.is_elsewhere(parts.netloc)
    return named and parts.scheme == ours.scheme and port == str(ours.port or "")
