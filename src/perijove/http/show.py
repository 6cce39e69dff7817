"""Carry out one request for a page: who has come, may they, is it them, then the handler."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import quote

from starlette.responses import RedirectResponse, Response

from perijove.core.access import Grant, grant
from perijove.http.asked import Asked, Fields
from perijove.http.endpoint import about
from perijove.http.front import Front
from perijove.http.identity import by_cookie, by_token, note, same
from perijove.http.page import Page, Visit
from perijove.http.streams import guard
from perijove.http.xsrf import SAFE, harmless, life, navigates
from perijove.model.errors import Anonymous, Denied, Unknown
from perijove.model.principal import Principal
from perijove.model.scope import Kind
from perijove.model.user import User
from perijove.model.visitor import Visitor


@dataclass(slots=True, kw_only=True)
class Arrival:
    """What is known of a request for a page so far; an error page is drawn from it as well."""

    front: Front
    asked: Asked
    params: Mapping[str, str]
    visitor: Visitor | None = None
    principal: Principal | None = None
    form: Fields | None = None
    trusted: bool = False
    """Its answer may hold the XSRF value."""

    def visit(self, allowed: Grant | None = None, target: User | None = None) -> Visit:
        """Return it as a handler sees it."""
        front = self.front
        return Visit(
            request=self.asked,
            pages=front.pages,
            cookies=front.cookies,
            params=self.params,
            visitor=self.visitor,
            principal=self.principal,
            grant=allowed,
            target=target,
            form=self.form or {},
            xsrf=front.xsrf.value(self.asked, self.visitor)[0] if self.trusted else "",
        )

    async def find_out(self, page: Page | None, *, refresh: bool = True) -> None:
        """Find out who has come; `refresh` as `identify` says."""
        hub = self.front.hub
        self.trusted = harmless(self.asked) and navigates(self.asked)
        self.visitor = self.principal = None
        if page and page.tokens:
            self.principal = await by_token(hub, self.asked, refresh=refresh)
        if self.principal is None:
            self.visitor = await by_cookie(hub, self.asked, refresh=refresh)
            self.principal = self.visitor.principal if self.visitor else None


async def show(page: Page, arrival: Arrival) -> Response:
    """Return the answer of `page`."""
    front, asked = arrival.front, arrival.asked
    if page.same:
        return await page.handler(front.hub, Visit(
            request=asked, pages=front.pages, cookies=front.cookies, params=arrival.params,
        ))  # fmt: skip
    await arrival.find_out(page)
    if arrival.principal is None and not page.public:
        return _to_sign_in(front, asked)
    await _require_ours(page, arrival)
    if arrival.principal and not page.unnoted:
        note(front.hub, arrival.principal)
    target, allowed = await _allowed(page, arrival)
    answer = await page.handler(front.hub, arrival.visit(allowed, target))
    remember(arrival, answer)
    return guard(answer, lambda: _may_still(page, arrival))


async def _may_still(page: Page, arrival: Arrival) -> bool:
    """Return whether it is still them, who hold what they held: by that the page is drawn."""
    was, now = arrival.principal, replace(arrival)
    await now.find_out(page, refresh=False)
    if not same(was, now.principal) or (
        was and now.principal and was.scopes != now.principal.scopes
    ):
        return False
    try:
        await _allowed(page, now, now.principal.user if now.principal else None)
    except (Denied, Unknown):
        return False
    return True


def remember(arrival: Arrival, answer: Response) -> None:
    """Give the browser its XSRF value if it has none that is good, when a person comes."""
    front, asked, visitor = arrival.front, arrival.asked, arrival.visitor
    if not arrival.trusted or asked.method not in SAFE:
        return
    value, fresh = front.xsrf.value(asked, visitor)
    if fresh:
        front.cookies.xsrf(answer, value, secure=asked.secure, max_age=life(visitor))


async def _require_ours(page: Page, arrival: Arrival) -> None:
    """Refuse what a script of another page asks for, or has posted."""
    asked, xsrf = arrival.asked, arrival.front.xsrf
    if asked.method not in SAFE:
        arrival.form = await asked.sent_form()
        if asked.late:  # they may have been signed out or shut out while they sent it
            await arrival.find_out(page)
            if arrival.principal is None and not page.public:
                raise Anonymous
    elif page.public:
        return
    if page.forged or (arrival.principal and not arrival.visitor):
        return
    argument = (arrival.form or {}).get("_xsrf", [""])[0]
    if not argument and "_xsrf" in asked.raw_query:  # pages may be asked for with any other bytes
        argument = asked.fields.get("_xsrf", [""])[0]
    xsrf.require(asked, arrival.visitor, argument)
    arrival.trusted = True


async def _allowed(
    page: Page, arrival: Arrival, known: User | None = None
) -> tuple[User | None, Grant | None]:
    """Return whom it is about, and what allows it; `known` is somebody who was read just now."""
    accounts, params = arrival.front.hub.accounts, arrival.params
    user = None
    if page.target in {Kind.USER, Kind.SERVER}:
        itself = known is not None and known.name == params["user"]
        user = known if itself else await accounts.named(params["user"])
    if not page.any_of:
        return user, None
    assert arrival.principal is not None
    target = about(page.target, params, user)
    try:
        allowed = grant(arrival.principal, page.any_of, target, listing=page.listing)
    except Denied as error:
        if page.target is Kind.NONE:
            raise
        raise Unknown from error  # whether there is such a thing is nobody's business
    if page.target is not Kind.NONE and user is None:
        raise Unknown
    return user, allowed


def _to_sign_in(front: Front, asked: Asked) -> Response:
    if asked.method not in {"GET", "HEAD"}:
        raise Anonymous
    here = asked.raw_path + (f"?{asked.raw_query}" if asked.raw_query else "")
    said = "&said=again" if asked.signed_out else ""
    return RedirectResponse(f"{front.prefix}login?next={quote(here, safe='')}{said}", 302)
