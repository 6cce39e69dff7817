"""Apology: the page for a server that does not answer, made by the hub if that one does."""

from urllib.parse import quote_from_bytes

from perijove.proxy.head import Request
from perijove.proxy.hub import HubAddress, HubAway, HubLine
from perijove.proxy.marks import id_of
from perijove.proxy.pages import Page, page
from perijove.proxy.tree import Route

_SECONDS = 5.0
_AWAY = 503
_TOLD = (b"Accept", b"Accept-Language", b"Cookie", b"Host")


class Apology:
    """Fetches `hub/error/503?url=…`; says it in its own words when the hub is away."""

    def __init__(self, address: HubAddress) -> None:
        self._address = address

    async def __call__(self, request: Request, route: Route | None, status: int) -> Page:
        """Return the page for `request`, whose target gave no answer."""
        accept, mark = request.fields.value(b"accept"), id_of(request.mark)
        if route is None or route.target.url == self._address.origin:
            return page(_AWAY, "hub-away", accept, request=mark)
        if status != _AWAY:
            return page(status, "bad-answer", accept, request=mark)
        line = HubLine(self._address)
        told = {name.decode(): request.fields.value(name.lower()) for name in _TOLD}
        fields = {name: value.decode("latin-1") for name, value in told.items() if value}
        fields["X-Request-ID"] = mark
        url = quote_from_bytes(request.url, safe="")
        try:
            answer = await line.ask("GET", f"error/503?url={url}", seconds=_SECONDS, fields=fields)
        except HubAway:
            return page(_AWAY, "hub-away", accept, request=mark)
        finally:
            await line.close()
        kind = (answer.kind or "text/html; charset=utf-8").encode("latin-1")
        if not answer.body or answer.status in range(300, 400):
            return page(_AWAY, "server-away", accept, request=mark)
        return Page(_AWAY, kind, answer.body)
