"""/language/{code}: read on in another language; works without scripts."""

from starlette.responses import Response

from perijove.core import Hub
from perijove.http.languages import COOKIE, LANGUAGES
from perijove.http.page import Visit
from perijove.model.errors import Unknown
from perijove.web.frame import away, following

_YEAR = 365 * 86400


async def choose(_: Hub, visit: Visit) -> Response:
    """Remember the language in this browser, and go back to the page."""
    code = visit.params["code"]
    if code not in LANGUAGES:
        raise Unknown
    response = away(following(visit, visit.pages.url("home")))
    remember(visit, response, COOKIE, code)
    return response


def remember(visit: Visit, response: Response, name: str, value: str) -> None:
    """Keep a choice in a cookie that scripts may read; '' forgets it."""
    life = _YEAR if value else 0
    secure = visit.request.secure
    response.set_cookie(name, value, max_age=life, path="/", secure=secure, samesite="lax")
