"""Addresses below /hub that are no pages of their own: stopped servers, errors, reports."""

import json
import logging
from urllib.parse import quote, urlsplit

from starlette.responses import RedirectResponse, Response

from perijove.core import Hub
from perijove.http import stopped
from perijove.http.asked import LARGEST_OF_ANYBODY
from perijove.http.next_url import within
from perijove.http.page import Visit, page

logger = logging.getLogger(__name__)

_SHOWN = 300
_LOGGED = 100
_RESTARTING = 503
_CODES = {403: "denied", 404: "unknown", 405: "method-not-allowed"}
_ASKED = "programs are told that a server does not run, whoever they are"
_SAYS = "it changes nothing, it only says that a server does not run"


async def redirect(hub: Hub, visit: Visit) -> Response:
    """Send a person to a path of their own server, which is started if it does not run."""
    user, server = visit.me.user.name, hub.leading.default_server
    there = hub.address(user, server) + visit.params.get("path", "")
    query = visit.request.raw_query
    to = there + (f"?{query}" if query else "")
    path = (user, server) if server else (user,)
    start = f"{visit.pages.url('spawn', *path)}?next={quote(to, safe='')}"
    return RedirectResponse(start, 302, {"cache-control": "no-store"})


async def error(hub: Hub, visit: Visit) -> Response:
    """Draw the page of an error for the proxy, which sends it with a status of its own."""
    text = visit.params["code"]
    code = int(text) if text.isdecimal() and len(text) == len("500") else 404
    wanted = visit.asked("url")
    url = (within(wanted, visit.request) if wanted else None) or hub.base_url
    answer: Response
    if code == _RESTARTING:
        of_server = url.startswith(f"{hub.base_url}user/")
        answer = visit.pages.draw(visit, "restarting.html", retry=url, server=of_server)
    else:
        answer = visit.pages.problem(visit, code, _CODES.get(code, "error"), {})
    answer.status_code = 200
    return answer


async def report(hub: Hub, visit: Visit) -> Response:
    """Count and log what a browser tells of a page that broke its policy.

    Anybody may tell anything, so of many more and more are counted only.
    """
    told = _of_report(await visit.request.data(LARGEST_OF_ANYBODY))
    hub.timings.reports += 1
    count = hub.timings.reports
    if count <= _LOGGED or count & (count - 1) == 0:  # a power of two
        logger.warning("a page broke its policy (%d): %s", count, told)
    return Response(status_code=204)


def _of_report(data: bytes) -> str:
    """Return what was broken, where and by what: a report by CSP Level 2 as browsers send it.

    Addresses lose their queries: some hold a secret.
    """
    try:
        said = json.loads(data)["csp-report"]
        directive = said.get("effective-directive") or said["violated-directive"]
        places = [urlsplit(str(said.get(it, ""))) for it in ("document-uri", "blocked-uri")]
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return "it cannot be read"
    page, blocked = (it._replace(query="", fragment="").geturl() for it in places)
    return ascii(f"{directive} at {page} by {blocked}"[:_SHOWN])


PAGES = (
    *(
        row
        for path in ("/user/{user}", "/user/{user}/{*path}")
        for row in (
            page("GET", path, stopped.arrive, public=_ASKED, tokens=True, unnoted=True),
            *(
                page(method, path, stopped.refuse, public=_ASKED, tokens=True, forged=_SAYS,
                     unnoted=True, unaudited=_SAYS)
                for method in ("POST", "PUT", "PATCH", "DELETE")
            ),
        )
    ),
    page("GET", "/user-redirect", redirect),
    page("GET", "/user-redirect/{*path}", redirect),
    page("GET", "/error/{code}", error, public="proxies fetch it for whoever sees it"),
    page("POST", "/security/csp-report", report, public="browsers send it", same=True,
         unaudited="it changes nothing, it is only counted"),
)  # fmt: skip
