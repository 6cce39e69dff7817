"""Scrub: take secrets out of text, those that are known and those that look like one."""

import re
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

HIDDEN = "(secret)"
_SHORTEST = 4
"""Characters of a secret that is looked for: a shorter one would blacken whole words."""
_NAME = r"(?i)((?:\b|_)(?:passw(?:or)?d|secret|token|api_?key|_xsrf)[\"']?\s*[=:]\s*)"
_PATTERNS = tuple(
    (re.compile(pattern, re.DOTALL), kept)
    for pattern, kept in (
        (r"(?i)\b(authorization|cookie|set-cookie|x-xsrftoken)(\"?\s*[:=]\s*)[^\n]+", r"\1\2@"),
        (r"(?i)\b(token|bearer|basic)(\s+)[\w.~+/=-]{12,}", r"\1\2@"),
        (r"(\w://[^\s:/@]*:)[^\s/@]+(?=@)", r"\1@"),
        (_NAME + r"([\"'])[^\"'\n]{4,}\2", r"\1\2@\2"),
        (_NAME + r"[^\s\"'&,}\])]{6,}", r"\1@"),
        (r"(?i)([?&](?:code|state)=)[^\s\"'&]{6,}", r"\1@"),
        (r"\beyJ[\w-]+\.[\w-]+\.[\w-]*", "@"),
        (r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END[A-Z -]*|\Z)", "@"),
    )
)
"""What a secret looks like, and what stays of it: @ is where it was."""


class Scrubber:
    """Knows the secrets of one box."""

    def __init__(self, secrets: Iterable[str]) -> None:
        known = {it for it in secrets if len(it) >= _SHORTEST}
        forms = {form for it in known for form in (it, quote(it, safe=""), quote_plus(it))}
        longest_first = sorted(forms, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, longest_first))) if forms else None

    def __call__(self, text: str) -> str:
        """Return `text` without them."""
        if self._known is not None:
            text = self._known.sub(HIDDEN, text)
        for pattern, kept in _PATTERNS:
            text = pattern.sub(kept.replace("@", HIDDEN), text)
        return text
