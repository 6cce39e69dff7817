"""`next=` never leads to another site, however it is written."""

import pytest

from perijove.http.next_url import path_of

SITE = "https://hub.example"
AWAY = [
    "//evil.com", "///evil.com", "////evil.com", "https:evil.com", "https:/evil.com",
    "https://evil.com", "http://hub.example/x", "https://hub.example@evil.com/",
    "https://hub.example.evil.com/", "javascript:alert(1)", "data:text/html,x", "evil.com",
    "/\t/evil.com", "/\n/evil.com", "\t//evil.com", " //evil.com", "/ /evil.com", "\x00//evil.com",
    "//evil.com\\@hub.example", "https:///evil.com", "ftp://hub.example/", "//hub.example:444/x",
    "HTTPS://EVIL.COM", "https://[::1", "?x", "#x", "http://", "https:", "\x7f/x", "mailto:x@y",
]  # fmt: skip
HERE = {
    "/hub/home": "/hub/home",
    "/user/ada/lab?x=1&y=%2F": "/user/ada/lab?x=1&y=%2F",
    "https://hub.example/hub/home?x=1": "/hub/home?x=1",
    "https://hub.example//evil.com": "/evil.com",  # CVE-2026-33709
    "https://hub.example///evil.com/x": "/evil.com/x",
    "https://hub.example": "/",
    "/\\evil.com": "/%5Cevil.com",
    "/%2F%2Fevil.com": "/%2F%2Fevil.com",
    "/x//y": "/x//y",
}


@pytest.mark.parametrize("wanted", AWAY)
def test_what_leads_away_is_not_followed(wanted: str) -> None:
    assert path_of(wanted, SITE) is None


@pytest.mark.parametrize(("wanted", "path"), HERE.items())
def test_what_stays_becomes_a_path(wanted: str, path: str) -> None:
    assert path_of(wanted, SITE) == path
