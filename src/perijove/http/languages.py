"""Which language a reader gets, and the tag a browser knows it by."""

from collections.abc import Mapping

LANGUAGES: Mapping[str, str] = {"en": "en", "zh": "zh-Hans"}
"""The languages we speak, by their code, with the tag for `<html lang>`."""
COOKIE = "pj_language"


def language_of(cookie: str, account: str, accept: str) -> str:
    """Return what to speak: as chosen in this browser, in the account, or as the browser asks."""
    for chosen in (cookie, account):
        if chosen in LANGUAGES:
            return chosen
    return preferred(accept)


def preferred(accept: str) -> str:
    """Return the language that an Accept-Language header likes best; English if it says nothing."""
    best, weight = "en", 0.0
    for part in accept.split(","):
        tag, _, rest = part.partition(";")
        code = tag.strip().lower().partition("-")[0]
        quality = _quality(rest)
        if code in LANGUAGES and quality > weight:
            best, weight = code, quality
    return best


def _quality(rest: str) -> float:
    name, _, value = rest.strip().partition("=")
    try:
        return float(value) if name == "q" else 1.0
    except ValueError:
        return 0.0
