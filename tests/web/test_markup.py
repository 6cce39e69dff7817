"""What stands in an address is never markup: fifty ways to write some, on pages that show it."""

from collections import Counter
from urllib.parse import quote

import pytest

from tests.web.desk import Browser, Desk, Shown

_SCRIPTS = (
    "<script>alert(1)</script>", "<ScRiPt src=//evil.example>", "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)>", "<svg/onload=alert(1)//", "<iframe srcdoc='<b>'>", "<math><a>",
    "<style>*{color:red}</style>", "<base href=//evil.example>", "<form action=//evil.example>",
    "<!--", "-->", "<![CDATA[", "</title><b>", "</textarea><b>", "</script><b>", "</style><b>",
)  # fmt: skip
_ENDS = ("", '"', "'", '">', "'>", "`>", '\u2028">')
PAYLOADS = [
    *(f"{end}{text}" for end in ("", '">', "'>") for text in _SCRIPTS),
    *(f"{end} onmouseover=alert(1) x={end}" for end in _ENDS),
    "javascript:alert(1)", "{{ 7654321 * 2 }}", "{% raw %}", "&lt;b&gt;",
    "&#60;b&#62;", "%3Cb%3E", "\\u003cb\\u003e",
]  # fmt: skip
PAGES = (
    "/admin?q={0}&said=deleted&what={0}", "/spawn/lin.xiao?next={0}", "/error/503?url={0}",
    "/accept-share?code={0}&next={0}", "/hoem/{0}",
)  # fmt: skip
DOORS = ("/login?username={0}&next={0}",)
_AT_ONCE = 8


def shape(page: str) -> Counter[tuple[str, ...]]:
    """Return each tag with the names of its attributes, and how often it is there."""
    return Counter((tag, *attributes) for tag, attributes in Shown(page).tags)


@pytest.mark.parametrize("place", [*PAGES, *DOORS])
async def test_what_an_address_says_is_never_markup(desk: Desk, chen: Browser, place: str) -> None:
    await desk.person("lin.xiao")
    browser = Browser(desk) if place in DOORS else chen
    plain = shape((await browser.get(place.format("word"))).text)
    assert plain
    assert len(PAYLOADS) >= 50
    for first in range(0, len(PAYLOADS), _AT_ONCE):
        text = " ".join(PAYLOADS[first : first + _AT_ONCE])
        page = (await browser.get(place.format(quote(text, safe="")))).text
        assert shape(page) == plain, text
        assert "15308642" not in page
