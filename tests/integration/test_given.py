"""What an authenticator says of somebody and otherwise at the next sign-in, asked on a socket."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from perijove.cli.listen import End, listener, serve
from perijove.kit.tasks import in_background
from perijove.settings import of
from perijove.store.database import Database
from tests.directory import PASSWORD, role
from tests.integration.test_auth_states import KEY
from tests.integration.test_managed import At, Place
from tests.parts import ADMIN_TOKEN, services
from tests.web.desk import Browser

TREE = {
    "config": {"CryptKeeper": {"keys": [KEY]}},
    "hub": services(
        sees=("read:users:name", "admin:auth_state"),
        reads=("list:users", "read:users", "read:roles:users", "admin:servers", "tokens"),
    )["hub"],
}
of({"hub": TREE["hub"]})  # settings read their tables when they are first used
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
LOOKS = "list:users!group=physics"
SECRET = "gho_nobody_may_read_this"
FIRST, SECOND = {"access_token": f"{SECRET}_1"}, {"access_token": f"{SECRET}_2"}
PAGES = ("/home", "/account", "/token", "/account/audit", "/api/user", "/api/users/ada")


@dataclass
class Asked:
    """A hub on a port, and whoever asks it there."""

    place: Place
    at: At
    address: str
    stack: AsyncExitStack
    api: httpx.AsyncClient = field(init=False)

    def __post_init__(self) -> None:
        self.api = httpx.AsyncClient(base_url=f"{self.address}/api")

    async def signs_in(self, **said: Any) -> Browser:
        """Let ada sign in, of whom the authenticator says from now on what `said` says."""
        self.place.directory.put("ada", **said)
        browser = self.at.browser()
        browser.base, browser.http = self.address, httpx.AsyncClient(follow_redirects=True)
        await self.stack.enter_async_context(browser.http)
        entered = await browser.sign_in("ada", PASSWORD)
        assert entered.url.path == "/hub/home", entered.text
        return browser

    async def told(self, token: str, path: str = "/users/ada", **more: Any) -> httpx.Response:
        header = {"authorization": f"token {token}"}
        method = more.pop("method", "GET")
        return await self.api.request(method, path, headers=header, **more)

    async def ada(self, token: str = ADMIN_TOKEN) -> dict[str, Any]:
        answer = await self.told(token)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found


@pytest.fixture
async def asked(database: Database) -> AsyncIterator[Asked]:
    place = Place(database)
    async with place.stack:
        at = await place.hub(TREE, enable_auth_state=True)
        door, end = listener("127.0.0.1", 0), End()
        address = f"http://127.0.0.1:{door.getsockname()[1]}/hub"
        async with in_background(serve(at.running.app, door, end)), AsyncExitStack() as stack:
            it = Asked(place, at, address, stack)
            async with it.api:
                yield it
            end()


async def test_each_sign_in_gives_what_is_said_then_and_takes_what_is_no_more(
    asked: Asked,
) -> None:
    browser = await asked.signs_in(
        groups=frozenset({"physics", "staff"}), roles=(role("tutor", LOOKS),), auth_state=FIRST
    )
    ada = await asked.ada()
    assert (ada["groups"], ada["roles"]) == (["physics", "staff"], ["tutor", "user"])
    assert (ada["admin"], ada["auth_state"]) == (False, FIRST)
    made = await asked.told(ADMIN_TOKEN, "/users/ada/tokens", method="POST")
    own = made.json()["token"]
    assert [it["name"] for it in (await asked.told(own, "/users")).json()] == ["ada"]
    # By hand, until the authenticator says otherwise: groups at the next sign-in.
    by_hand = [
        ("POST", "/groups/club", {"users": ["ada"]}), ("PATCH", "/users/ada", {"admin": True}),
    ]  # fmt: skip
    for method, path, body in by_hand:
        answer = await asked.told(ADMIN_TOKEN, path, method=method, json=body)
        assert answer.status_code < 300, answer.text
    assert (await asked.ada())["groups"] == ["club", "physics", "staff"]

    await asked.signs_in(
        groups=frozenset({"staff", "gpu"}), roles=(role("marks", "read:hub"),), auth_state=SECOND
    )
    ada = await asked.ada()
    assert (ada["groups"], ada["roles"]) == (["gpu", "staff"], ["admin", "marks", "user"])
    assert (ada["admin"], ada["auth_state"]) == (True, SECOND)
    assert (await asked.told(ADMIN_TOKEN, "/groups/club")).json()["users"] == []

    await asked.told(ADMIN_TOKEN, method="PATCH", json={"admin": False})
    assert (await asked.told(own, "/users")).status_code == 403  # with what gave it is gone
    await asked.signs_in(groups=frozenset(), roles=(), auth_state=None)
    ada = await asked.ada()
    assert (ada["groups"], ada["roles"]) == ([], ["user"])
    assert ada["auth_state"] == SECOND  # of which nothing was said
    assert (await browser.get("/home")).url.path == "/hub/home"  # no other session has ended


async def test_the_auth_state_is_seen_by_who_holds_its_scope_and_by_nobody_else(
    asked: Asked,
) -> None:
    browser = await asked.signs_in(auth_state=FIRST)
    await asked.signs_in(auth_state=SECOND)
    seen = await asked.ada("sees-token")
    assert seen["auth_state"] == SECOND
    assert "groups" not in seen
    other = await asked.ada("reads-token")
    assert other["name"] == "ada"
    assert "auth_state" not in other
    for path in ("/users", "/user", "/users/ada/tokens", "/audit"):
        for token in ("reads-token", "sees-token", ADMIN_TOKEN):
            assert SECRET not in (await asked.told(token, path)).text, (path, token)
    for page in PAGES:
        shown = await browser.get(page)
        assert shown.status_code == 200, page
        assert SECRET not in shown.text, page
        assert "auth_state" not in shown.text, page
