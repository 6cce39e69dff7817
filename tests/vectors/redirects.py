"""Two thousand and more ways to write an address that somebody would like to be led to."""

from itertools import product

EVIL = "evil.example"
_BEFORE = (
    "", " ", "\t", "\n", "\r\n", "\x00", "\x0b", "\x1f", "\x7f", "\xa0", "\u3000", "\u2028",
    "\ufeff", "\u200b", "\xad", "%20", "%09", "%0d%0a", "%00", ".", "..", "./", "../", "/.", "/..",
    "/./",
)  # fmt: skip
_SCHEMES = (
    "", "http:", "https:", "HTTPS:", "hTtP:", "ftp:", "ws:", "http%3A", "https\n:", "java\tscript:",
    "javascript:", "data:text/html,", "file:", "blob:http:", "view-source:http:", "x:", ":",
)  # fmt: skip
_SLASHES = (
    "", "/", "//", "///", "////", "\\", "\\\\", "/\\", "\\/", "/\\/", "\\/\\", "//\\", "/\t/",
    "/\n/", "/ /", "/%2F", "%2F%2F", "%2f/", "/%5C", "%5C%5C", "/;/", "/@", "//@", "/.//", "/..//",
    "/x/..//", "\uff0f\uff0f", "\u2044\u2044", "\u2215/", "/\uff3c", "\uff0f/",
)  # fmt: skip
_HOSTS = (
    EVIL, f"hub.example@{EVIL}", f"{EVIL}\\@hub.example", f"{EVIL}#hub.example",
    f"{EVIL}?hub.example", f"hub.example.{EVIL}", f"hub.example:80@{EVIL}", f"{EVIL}:443",
    "evil%2eexample", "evil。example", "ⓔⓥⓘⓛ.example", "[::1]", "[::ffff:1.2.3.4]", "2130706433",
    "0x7f.1", "0177.0.0.1",
    f"{EVIL}%00.hub.example", f"{EVIL}\x00.hub.example", f"{EVIL} .hub.example", "", ".", "..",
)  # fmt: skip
_AFTER = ("", "/", "/hub/home", "?next=//evil.example", "#//evil.example", "/..", "%2F", "\\")


def redirects() -> list[str]:
    """Return all: each scheme, slashes and host; each beginning and end with some of them."""
    found = {"".join(parts) for parts in product(_SCHEMES, _SLASHES, (EVIL, *_HOSTS[1:4]))}
    found |= {"".join(parts) for parts in product(("", "https:"), _SLASHES[:20], _HOSTS)}
    found |= {
        "".join(parts) for parts in product(_BEFORE, ("", "http:"), ("/", "//"), (EVIL,), _AFTER)
    }
    own = ("http://hub.example", "https://hub.example", "//hub.example", "HTTPS://HUB.EXAMPLE")
    found |= {"".join(parts) for parts in product(own, _SLASHES, (EVIL,), _AFTER[:3])}
    return sorted(found)
