"""Addresses that lead a browser away, however they are written; and what a browser makes of them."""

# ruff: noqa: E501, RUF001 (a table, of characters that only look like others)

import re
from urllib.parse import urljoin, urlsplit

AWAY = (
    # CVE-2019-10255: open redirects by `next`
    "//evil.com", "/\\evil.com", "///evil.com", "https:evil.com", "https://perijove.test@evil.com",
    # CVE-2026-33709: two slashes after one's own host
    "http://perijove.test//evil.com", "http://perijove.test///evil.com/x",
    "http://perijove.test/\\evil.com", "http://perijove.test//\\/evil.com",
    "\\\\evil.com", "\\/evil.com", "/\\/evil.com", "//\\evil.com", "/%09/evil.com", "/\t/evil.com",
    "/\n/evil.com", "/\r\n/evil.com", "\t//evil.com", " //evil.com", "\x00//evil.com",
    "/ /evil.com", "////evil.com", "/////evil.com/%2f..", "//evil.com/%2f%2e%2e", "/..//evil.com",
    "/.//evil.com", "/x/..//evil.com", "/x/../..//evil.com", "https:/evil.com", "https:///evil.com",
    "HTTPS://EVIL.COM", "hTtP:\\\\evil.com", "http://perijove.test.evil.com/",
    "http://perijove.test:80@evil.com/", "http://perijove.test:pw@evil.com/x",
    "http://evil.com#perijove.test", "http://evil.com?perijove.test", "http://evil.com\\@perijove.test",
    "//evil.com:80", "//[::1]/", "http://[::1", "http:", "http://", "javascript:alert(1)",
    "JaVaScRiPt:alert(1)", "java\nscript:alert(1)", "\x01javascript:alert(1)", "data:text/html,x",
    "vbscript:x", "ftp://evil.com", "blob:http://perijove.test/x", "evil.com", "evil.com/x", "@evil.com",
    ".evil.com", "?//evil.com", "#//evil.com", "http://perijove.test%00.evil.com/",
    "http://perijove.test%2eevil.com", "http://\u3002evil.com", "//evil\u3002com", "／／evil.com",
    "/\u2028/evil.com", "\ufeff//evil.com", "%2F%2Fevil.com", "%5C%5Cevil.com", "/%2Fevil.com",
    "/%5Cevil.com", "http:%2F%2Fevil.com", "http;//evil.com", "//;@evil.com", "x" * 5000 + "//evil.com",
    "/" * 3000 + "evil.com", "http://perijove.test" + "/" * 500 + "evil.com", "%0d%0aLocation:%20//e.vil",
)  # fmt: skip
"""Values of `next`, for a hub at http://perijove.test: those of the advisories, and many more."""


def opened(location: str, here: str) -> str:
    """Return the site that a browser at `here` opens for a Location, as WHATWG's URL reads it."""
    text = re.sub(r"[\t\n\r]", "", location.strip("".join(map(chr, range(0x21)))))
    scheme = re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", text)
    if scheme and scheme[0].lower() not in {"http:", "https:"}:
        return scheme[0].lower()
    head, mark, rest = text.partition("?")
    text = head.replace("\\", "/") + mark + rest
    text = re.sub(r"^(https?:)/*(?=[^/])", r"\1//", text, flags=re.IGNORECASE)
    text = re.sub(r"^/{2,}", "//", text)
    parts = urlsplit(urljoin(here, text))
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}".lower()
