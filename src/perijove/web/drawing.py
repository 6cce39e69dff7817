"""What templates draw with: icons, the orbit, addresses of files; and the pages made of them."""

import math
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache
from pathlib import Path

from jinja2 import Environment
from markupsafe import Markup

from perijove.http.pages import Pages, environment_of
from perijove.web.static_files import ASSETS, VERSION

HERE = Path(__file__).parent
SOURCES = {
    path.name: path.read_text(encoding="utf-8")
    for path in sorted((HERE / "templates").glob("*.html"))
}
"""Read while this module is imported, before there is a loop that could be held up."""


def _symbols() -> Mapping[str, str]:
    text = (HERE / "icons.svg").read_text(encoding="utf-8")
    return dict(re.findall(r'<symbol id="(\w+)">(.*?)</symbol>', text))


ICONS = _symbols()


def icon(name: str, more: str = "") -> Markup:
    """Return a drawing of icons.svg; words beside it carry the meaning."""
    classes = f"icon {more}".strip()
    return Markup('<svg class="{}" viewBox="0 0 20 20" aria-hidden="true">{}</svg>').format(
        classes,
        Markup(ICONS[name]),  # noqa: S704  (our own file)
    )


def coded(text: str) -> Markup:
    """Return `text` with what stands between backticks as code."""
    parts = re.split(r"`([^`]*)`", text)
    code = (Markup("<code>{}</code>").format(it) if n % 2 else it for n, it in enumerate(parts))
    return Markup().join(code)


def spot(step: float, of: float) -> tuple[str, str]:
    """Return where the probe stands on its orbit after `step` of `of` steps."""
    turn = math.pi * step / of
    return f"{168 + 148 * math.cos(turn):.1f}", f"{124 - 112 * math.sin(turn):.1f}"


@cache
def _environment() -> Environment:
    return environment_of(SOURCES, {"coded": coded, "icon": icon, "spot": spot})


def load(base_url: str, clock: Callable[[], datetime]) -> Pages:
    """Return every page."""

    def asset(name: str) -> str:
        assert name in ASSETS
        return f"{base_url}hub/static/{VERSION}/{name}"

    return Pages(_environment(), f"{base_url}hub/", clock, {"asset": asset})
