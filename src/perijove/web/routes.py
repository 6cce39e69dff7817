"""Every page, in one list, with who may see it."""

from starlette.responses import Response

from perijove.core import Hub
from perijove.http.page import Visit, page
from perijove.model.scope import Kind
from perijove.web import (
    accept,
    account,
    bulk,
    change,
    first,
    home,
    language,
    people,
    person,
    progress,
    servers,
    services,
    shared,
    sharing,
    sign_in,
    sign_up,
    start,
    static_files,
    tokens,
    trail,
    trash,
    visits,
)

GATE = "people come here to sign in"
ASSET = "the sign-in page is made of these"
SEE, ADMIN = ("admin-ui",), ("admin:users",)
START, STOP = ("start:servers",), ("delete:servers",)
SHARE = ("shares",)
ENTER, DELETE = ("access:servers",), ("delete:users",)


async def asset(_hub: Hub, visit: Visit) -> Response:
    """Send a file of the pages."""
    version, _, name = visit.params["file"].rpartition("/")
    return static_files.send(visit.request, name, version)


async def logo(_hub: Hub, visit: Visit) -> Response:
    """Send the logo, at the address that servers know."""
    return static_files.send(visit.request, "logo.svg")


PAGES = [
    page("GET", "/", home.front, public=GATE),
    page("GET", "/login", sign_in.show, public=GATE),
    page("POST", "/login", sign_in.enter, public=GATE),
    page("GET", "/logout", sign_in.leave, public="signing out twice is no error"),
    page("POST", "/logout", sign_in.out, public="signing out twice is no error"),
    page("GET", "/signup", sign_up.show, public=GATE),
    page("POST", "/signup", sign_up.ask, public=GATE),
    page("GET", "/signup/waiting", sign_up.wait, public=GATE),
    page("GET", "/signup/stream", sign_up.stream, public=GATE),
    page("GET", "/first", first.show, public="the link is the key"),
    page("POST", "/first", first.enter, public="the link is the key"),
    page("GET", "/language/{code}", language.choose, public="the sign-in page has the switch too"),
    page("GET", "/static/{*file}", asset, public=ASSET, same=True),
    page("GET", "/logo", logo, public=ASSET, same=True),
    page("GET", "/home", home.show),
    page("GET", "/home/stream", home.stream, unnoted=True),
    page("POST", "/servers", home.new),
    page("GET", "/services", services.show),
    page("GET", "/services/", services.show),
    page("GET", "/services/{service}", services.lead),
    page("GET", "/account", account.show),
    page("POST", "/account", account.save),
    page("POST", "/account/password", account.password),
    page("POST", "/account/sessions", account.end_all),
    page("POST", "/account/sessions/{session}", account.end),
    page("GET", "/account/audit", trail.own),
    page("GET", "/token", tokens.show),
    page("POST", "/token", tokens.make),
    page("POST", "/token/revoke/{id}", tokens.revoke),
    page("GET", "/spawn", start.own),
    page("POST", "/spawn", start.own, unaudited="the form goes on to the address that starts"),
    *(
        row
        for path in ("{user}", "{user}/{server}")
        for row in (
            page("GET", f"/spawn/{path}", start.show, any_of=START, target=Kind.SERVER),
            page("POST", f"/spawn/{path}", start.answer, any_of=START, target=Kind.SERVER),
            page("GET", f"/spawn-pending/{path}", progress.show, any_of=START, target=Kind.SERVER),
            page("GET", f"/spawn-stream/{path}", progress.stream, any_of=START, target=Kind.SERVER),
            page("POST", f"/start/{path}", servers.start, any_of=START, target=Kind.SERVER),
            page("POST", f"/stop/{path}", servers.stop, any_of=STOP, target=Kind.SERVER),
            page("POST", f"/extend/{path}", servers.extend, any_of=START, target=Kind.SERVER),
            page("GET", f"/share/{path}", sharing.show, any_of=SHARE, target=Kind.SERVER),
            page("POST", f"/share/{path}", sharing.give, any_of=SHARE, target=Kind.SERVER),
            page("POST", f"/unshare/{path}", sharing.take, any_of=SHARE, target=Kind.SERVER),
            page("GET", f"/visit/{path}", visits.show, any_of=ENTER, target=Kind.SERVER),
            page("POST", f"/visit/{path}", visits.enter, any_of=ENTER, target=Kind.SERVER),
        )
    ),
    page("POST", "/delete/{user}/{server}", servers.delete, any_of=STOP, target=Kind.SERVER),
    page("GET", "/accept-share", accept.show),
    page("POST", "/accept-share", accept.accept),
    page("POST", "/leave/{owner}", shared.leave),
    page("POST", "/leave/{owner}/{server}", shared.leave),
    page("GET", "/admin", people.show, any_of=SEE),
    page("POST", "/admin", people.add, any_of=ADMIN),
    page("GET", "/people", people.lead, any_of=SEE),
    page("GET", "/people/{action}", people.lead, any_of=SEE),
    page("GET", "/people/stream", people.stream, any_of=SEE, unnoted=True),
    page("POST", "/people", bulk.ask, any_of=SEE, unaudited="it only asks"),
    page("POST", "/people/{action}", bulk.carry_out, any_of=SEE),
    page("GET", "/audit", trail.every, any_of=ADMIN),
    page("POST", "/trash/{key}/restore", trash.restore, any_of=ADMIN),
    page("POST", "/trash/{key}/empty", trash.empty, any_of=DELETE),
    page("GET", "/admin/{user}", person.show, any_of=ADMIN, target=Kind.USER),
    page("POST", "/admin/{user}/approve", person.approve, any_of=ADMIN, target=Kind.USER),
    page("POST", "/admin/{user}/decline", person.decline, any_of=ADMIN, target=Kind.USER),
    page("POST", "/admin/{user}/block", person.block, any_of=ADMIN, target=Kind.USER),
    page("POST", "/admin/{user}/change", change.save, any_of=ADMIN, target=Kind.USER),
    page("POST", "/admin/{user}/password", person.password, any_of=ADMIN, target=Kind.USER),
    page("POST", "/admin/{user}/delete", person.delete, any_of=DELETE, target=Kind.USER),
]
