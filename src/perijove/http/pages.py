"""Pages: draw a template for one reader. Knows no page; perijove.web gives it the templates."""

import asyncio
import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol
from urllib.parse import quote, urlsplit

from jinja2 import DictLoader, Environment, StrictUndefined, pass_context
from jinja2.ext import i18n
from jinja2.runtime import Context
from markupsafe import Markup, escape
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import HTMLResponse

from perijove.http.catalogue import counted, translated
from perijove.http.languages import COOKIE, LANGUAGES, language_of
from perijove.http.reader import ZONE_COOKIE, Reader, noted, tight, zone_of
from perijove.http.sentences import administrator, next_step, told
from perijove.model.signal import Params
from perijove.model.user import User

logger = logging.getLogger(__name__)

THEME_COOKIE = "pj_theme"
_BROKEN = 500
THEMES = ("light", "dark")
NATIVE = {"en": "English", "zh": "简体中文"}
"""What each language calls itself; the same for every reader."""
HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'self'; base-uri 'none'; frame-ancestors 'none'; "
    "object-src 'none'",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
}


class Sight(Protocol):
    """What of a visit its pages are drawn from."""

    @property
    def request(self) -> Request: ...  # noqa: D102
    @property
    def user(self) -> User | None: ...  # noqa: D102
    @property
    def administers(self) -> bool: ...  # noqa: D102
    @property
    def xsrf(self) -> str: ...  # noqa: D102


def reader_of(request: Request, user: User | None, now: datetime) -> Reader:
    """Return who reads the answer to `request`."""
    cookies, accept = request.cookies, Headers(scope=request.scope).get("accept-language", "")
    chosen = user.language if user else ""
    here = now.astimezone().tzinfo or now.tzinfo
    assert here is not None
    return Reader(
        language=language_of(cookies.get(COOKIE, ""), chosen, accept),
        zone=zone_of(cookies.get(ZONE_COOKIE, ""), here),
        now=now,
    )


@dataclass(frozen=True, slots=True)
class Pages:
    """Every template, compiled when it is asked for first."""

    environment: Environment
    prefix: str
    """base_url + "hub/"."""
    clock: Callable[[], datetime]
    tools: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What templates can call, beside what they have here."""

    async def compile_all(self) -> None:
        """Compile them one by one, beside whatever the hub does, so that nobody waits for one."""
        try:
            for name in self.environment.list_templates():
                await asyncio.to_thread(self.environment.get_template, name)
        except Exception:
            logger.exception("cannot compile a page before somebody asks for it")

    def url(self, *parts: str | int) -> str:
        """Return the address of a page, of parts that may hold anything."""
        return self.prefix + "/".join(quote(str(part), safe="@~") for part in parts)

    def reader(self, visit: Sight) -> Reader:
        """Return who reads what is drawn for `visit`."""
        return reader_of(visit.request, visit.user, self.clock())

    def text(self, visit: Sight, template: str, **context: Any) -> str:
        """Return `template` drawn for `visit`: a page, or a part of one."""
        request, reader = visit.request, self.reader(visit)
        theme = request.cookies.get(THEME_COOKIE, "")
        shared: dict[str, Any] = {
            **self.tools,
            "url": self.url,
            "reader": reader,
            "tell": lambda signal: told(signal.code, signal.params, reader),
            "tag": LANGUAGES[reader.language],
            "languages": [(code, tag, NATIVE[code]) for code, tag in LANGUAGES.items()],
            "theme": theme if theme in THEMES else "",
            "xsrf": visit.xsrf,
            "me": visit.user,
            "here_url": _address(request),
            "administers": visit.administers,
            "waiting": 0,
            "has_services": False,
        }
        return self.environment.get_template(template).render(shared | context)

    def draw(self, visit: Sight, template: str, status: int = 200, **context: Any) -> HTMLResponse:
        """Return the page that `template` makes for `visit`."""
        lines = self.text(visit, template, **context).splitlines()
        html = "\n".join(line for line in lines if line.strip())
        return HTMLResponse(html, status, HEADERS)

    def problem(self, visit: Sight, status: int, code: str, params: Params) -> HTMLResponse:
        """Return the page that says what went wrong."""
        reader = self.reader(visit)
        title, text = _WORDS.get(500 if status >= _BROKEN else status, _ELSE)
        if code == "anonymous":
            title, text = _SIGNED_OUT
        said = told(code, params, reader)
        general = code in _GENERAL or said == code
        return self.draw(
            visit,
            "message.html",
            status,
            title=reader.say(title),
            text=reader.say(text) if general else said,
            next_step=next_step(code, params, reader),
            administrator=administrator(code, params, reader),
        )


_WORDS: Mapping[int, tuple[str, str]] = {
    403: (
        noted("You may not open this"),
        noted("Your account has no permission for it. Ask an administrator if you need it."),
    ),
    404: (
        noted("There is no page here"),
        noted("The address does not exist, or what it belonged to has been deleted."),
    ),
    500: (
        noted("Something went wrong here"),
        noted("We do not know why; the log of the platform says more. Your servers keep running."),
    ),
}
_GENERAL = {"anonymous", "unknown", "denied", "error", "method-not-allowed"}
"""Codes whose sentence is for programs."""
_SIGNED_OUT = (
    noted("You are signed out"),
    noted("Your session has ended, so nothing was changed. Sign in, then try again."),
)
_ELSE = (
    noted("This did not work"),
    noted("The page was asked for in a way that it does not know."),
)


def environment_of(sources: Mapping[str, str], tools: Mapping[str, Any]) -> Environment:
    """Return what compiles `sources`: templates that can call `tools`, and say `_("…")`."""
    environment = Environment(
        loader=DictLoader(sources),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        extensions=[i18n],
    )
    words = {"_": _gettext, "gettext": _gettext, "ngettext": _ngettext}
    environment.globals.update(tools, initials=initials, **words)
    return environment


def initials(name: str) -> str:
    """Return what stands in the round picture of a person: CW for Chen Wei, 陈 for 陈薇."""
    words = name.replace(".", " ").replace("-", " ").replace("_", " ").split() or ["?"]
    if not name.isascii() and not words[0][0].isascii() and words[0][0].lower() == words[0][0]:
        return words[0][0]
    return "".join(word[0] for word in (words[0], *words[1:][-1:])).upper()


def _address(request: Request) -> str:
    """Return where to come back to: this page, or the page whose form was sent."""
    if request.method not in {"GET", "HEAD"}:
        parts = urlsplit(request.headers.get("referer", ""))
        return parts.path + (f"?{parts.query}" if parts.query else "")
    raw: bytes = request.scope.get("raw_path") or request.url.path.encode()
    query = request.url.query
    return raw.decode("latin-1") + (f"?{query}" if query else "")


@pass_context
def _gettext(context: Context, text: str, **given: Any) -> Markup:
    language = context["reader"].language
    return _filled(translated(text, language), language, given)


@pass_context
def _ngettext(context: Context, one: str, many: str, num: int, **given: Any) -> Markup:
    language = context["reader"].language
    return _filled(counted(one, many, num, language), language, {"num": num} | given)


_PLACE = re.compile(r"(?P<left> ?)%\((?P<name>\w+)\)s(?P<right> ?)")


def _filled(text: str, language: str, given: Mapping[str, Any]) -> Markup:
    """Return a sentence of ours, which may hold tags, filled with what may not."""
    if language == "zh":
        text = tight(text, _PLACE, lambda found: str(escape(given[found["name"]])))
        return Markup(text.replace("%%", "%"))  # noqa: S704  (the catalogue is ours)
    return Markup(text) % given  # noqa: S704  (likewise)
