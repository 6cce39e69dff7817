"""Debian's chromium, driven by Playwright; without it there is no answer, so no test passes."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, expect, sync_playwright

CHROMIUM = Path("/usr/bin/chromium")
_FLAGS = (
    "--no-sandbox",  # tests may run as root
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

_PATIENCE = 30_000
"""How long, in ms, something may take to be seen: other tests run beside these."""


@contextmanager
def chromium(*more: str) -> Iterator[Browser]:
    """Yield a running browser, with `more` flags."""
    if not CHROMIUM.exists():
        pytest.fail(f"{CHROMIUM} is missing: apt-get install chromium", pytrace=False)
    expect.set_options(timeout=_PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*_FLAGS, *more])
        try:
            yield browser
        finally:
            browser.close()


def person(browser: Browser, url: str, language: str = "en-US") -> BrowserContext:
    """Return a new profile: cookies of its own, one language, a desk's screen."""
    context = browser.new_context(
        base_url=url, locale=language, viewport={"width": 1280, "height": 900}
    )
    context.set_default_timeout(_PATIENCE)
    return context
