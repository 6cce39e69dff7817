"""Where to go next: `next=` of an address, which never leads to another site (hub.md 4.4)."""

import logging
import re
from urllib.parse import parse_qsl, urlencode, urlsplit

from perijove.http.asked import Asked

logger = logging.getLogger(__name__)

_OWN = frozenset({"next", "_xsrf"})
_SHOWN = 100


def destination(asked: Asked, default: str) -> str:
    """Return the path that `next` names, or `default` with the rest of the query."""
    wanted = asked.fields.get("next", [""])[0]
    if wanted:
        return within(wanted, asked.site) or default
    rest = [(name, value) for name, value in parse_qsl(asked.raw_query) if name not in _OWN]
    if not rest:
        return default
    return default + ("&" if "?" in default else "?") + urlencode(rest)


def within(wanted: str, site: str) -> str | None:
    """Return `wanted` as a path of `site`, or None if it leads elsewhere.

    Browsers read a backslash as a slash, drop tabs and line ends, and take two slashes for
    the beginning of a host; so what could be read in two ways is refused.
    """
    path = _path(wanted, site)
    if path is None:
        logger.warning("next= leads away and is not followed: %.*r", _SHOWN, wanted[:_SHOWN])
    return path


def _path(wanted: str, site: str) -> str | None:
    if re.search(r"[\x00-\x20\x7f]", wanted):
        return None
    text = re.sub(r"^/{2,}", "//", wanted.replace("\\", "%5C"))
    try:
        parts = urlsplit(text)
    except ValueError:
        return None
    if parts.scheme or parts.netloc:
        if f"{parts.scheme}://{parts.netloc}".lower() != site.lower():
            return None
        rest = text.partition("://")[2][len(parts.netloc) :]
        text = "/" + rest.lstrip("/")
    return text if text.startswith("/") and not text.startswith("//") else None
