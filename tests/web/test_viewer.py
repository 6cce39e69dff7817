"""Pages tell nobody more of people, servers and tokens than the API does."""

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from perijove.app import Running
from perijove.core.people import Circle, Declared
from perijove.model.user import Standing, User
from perijove.store.database import Database
from tests.browser import Browser
from tests.parts import hub
from tests.web.desk import Shown

SECRETS = (
    "ada",
    "Ada Secret",
    "hidden-group",
    "other-group",
    "root",
    "waiter",
    "my private note",
)
COURSE = ("admin-ui", "list:users!group=course", "servers!group=course")


@dataclass(frozen=True, kw_only=True)
class Course:
    """Bob is in the course, and in another group; Ada is not. Both have a server."""

    running: Running
    ada: User
    bob: User
    gina: Browser
    """She has the scopes."""

    async def post(self, path: str, **fields: Any) -> httpx.Response:
        return await self.gina.post(path, data={"_xsrf": await self.xsrf(), **fields})

    async def xsrf(self) -> str:
        """Return the hidden value of a page that always has a form."""
        found = re.search(
            r'name="_xsrf" value="([^"]+)"', (await self.gina.get("hub/account")).text
        )
        assert found
        return found[1]


@asynccontextmanager
async def course(
    database: Database, *scopes: str, language: str = "en", **more: Sequence[str]
) -> AsyncIterator[Course]:
    roles = {"tutor": {"scopes": list(scopes), "users": ["gina"]}}
    roles |= {name: {"scopes": list(held)} for name, held in more.items()}
    running = await hub(database, tree={"hub": {"loadRoles": roles}})
    accounts, groups = running.hub.accounts, running.hub.groups
    await accounts.create("root", admin=True)
    await accounts.create("ada", display_name="Ada Secret")
    await accounts.create("bob")
    waits = {"standing": Standing.WAITING, "note": "my private note"}
    await accounts.create("waiter", **waits)
    await groups.create("course", "other-group", members=["bob"])
    await groups.create("hidden-group", members=["ada"])
    ada, bob = await accounts.named("ada"), await accounts.named("bob")
    assert ada
    assert bob
    for owner in (ada, bob):
        await running.hub.servers.start(owner, "", {})
    gina = Browser(running, **{"accept-language": language})
    await gina.sign_in(await accounts.create("gina"))
    yield Course(running=running, ada=ada, bob=bob, gina=gina)


async def root(at: Course) -> Browser:
    """Return the browser of an administrator."""
    user, browser = await at.running.hub.accounts.named("root"), Browser(at.running)
    assert user
    await browser.sign_in(user)
    return browser


async def made(at: Course) -> int:
    """Return the id of a token that an administrator has made for Gina."""
    full = await root(at)
    headers = {"x-xsrftoken": await full.xsrf()}
    answer = await full.http.post(TOKENS, json={"note": "of mine"}, headers=headers)
    assert answer.status_code == 201
    return int(answer.json()["id"].removeprefix("a"))


def secrets(page: httpx.Response) -> list[str]:
    return [it for it in SECRETS if it in page.text]


@pytest.mark.parametrize(("language", "hidden"), [("en", "not shown"), ("zh", "不显示")])
async def test_the_list_shows_whom_the_viewer_may_list_and_what_they_may_read(
    database: Database, language: str, hidden: str
) -> None:
    async with course(database, *COURSE, language=language) as at:
        page = await at.gina.get("hub/admin")
        assert page.status_code == 200
        assert secrets(page) == []
        shown = Shown(page.text)
        assert "bob" in shown.texts
        assert shown.texts.count(hidden) == 2, "the groups, and when they were there last"
        assert 'class="state starting"' in page.text, "their server is"
        assert 'href="/hub/admin/bob"' not in page.text, "it would be no page for her"
        assert "is%3Arunning" in page.text
        for barred in ("unseen%3A30", "sort=seen", 'id="add"'):
            assert barred not in page.text, barred
        assert 'class="count"' not in page.text, "nobody waits for her"
        listed = await at.gina.http.get("/hub/api/users?state=active")
        assert [it["name"] for it in listed.json()] == ["bob"]


async def test_a_filter_does_not_tell_what_a_row_does_not(database: Database) -> None:
    async with course(database, *COURSE) as at:
        assert (
            "“group:other-group” is no filter here"
            in (await at.gina.get("hub/admin?q=group:other-group")).text
        )
        assert "“seen:1” is no filter here" in (await at.gina.get("hub/admin?q=seen:1")).text
        for query, there in (("is:running", True), ("is:inactive", False)):
            page = await at.gina.get(f"hub/admin?q={query}")
            assert (f'value="{at.bob.id}"' in page.text) is there, query


async def test_who_may_read_more_sees_and_finds_more(database: Database) -> None:
    more = (*COURSE, "read:users!group=course", "admin:users!user=waiter")
    async with course(database, *more) as at:
        page = await at.gina.get("hub/admin?q=group:other-group&sort=seen")
        assert f'value="{at.bob.id}"' in page.text
        assert ">other-group</a>" in page.text
        assert "my private note" in page.text, "whom she may let in"
        assert 'class="count"' in page.text


async def test_who_may_list_nobody_is_told_so(database: Database) -> None:
    async with course(database, "admin-ui") as at:
        page = await at.gina.get("hub/admin")
        assert page.status_code == 200
        assert secrets(page) == []
        assert "You may list nobody" in page.text


async def test_a_number_tells_nobody_what_somebody_is_called(database: Database) -> None:
    async with course(database, *COURSE, "groups!group=course") as at:
        both = {"user": [str(at.ada.id), str(at.bob.id)]}
        for asked in (both, {"all": "1", "q": ""}):
            sure = await at.post("hub/people", do="join", **asked)
            assert sure.status_code == 200
            assert secrets(sure) == []
            assert "<option>course</option>" in sure.text
            assert str(at.bob.id) in sure.text
        alone = await at.post("hub/people", do="stop", user=both["user"][:1])
        assert alone.status_code == 400
        for action in ("stop", "join", "leave", "approve", "block", "delete"):
            done = await at.post(
                f"hub/people/{action}", user=both["user"][:1], group="course", typed="1"
            )
            assert done.status_code == 200, action
            assert secrets(done) == [], action
            assert "Somebody whom you may not see" in done.text
        assert secrets(await at.gina.get("hub/account/audit")) == []
        ada = await at.running.hub.accounts.named("ada")
        assert ada
        assert ada.groups == {"hidden-group"}


async def test_who_has_no_server_cannot_be_told_from_who_has_one(database: Database) -> None:
    async with course(database, *COURSE) as at:
        idle = await at.running.hub.accounts.named("root")
        assert idle
        done = await at.post("hub/people/stop", user=[str(idle.id)])
        assert done.status_code == 200, "it was not done"
        assert secrets(done) == []


async def test_the_page_of_a_person_shows_servers_and_tokens_to_who_may_read_them(
    database: Database,
) -> None:
    async with course(database, "admin-ui", "admin:users!group=course") as at:
        circle = Circle(name="hidden-group", exact=True)
        at.running.hub.people.declared = Declared(circles=(circle,))
        page = await at.gina.get("hub/admin/bob")
        assert "hidden-group" not in page.text, "what the configuration says of it is for others"
        said = Shown(page.text).texts
        assert 'class="state starting"' not in page.text
        assert "Stop…" not in said
        assert "You may not see their servers: that needs" in said
        assert said.count("Tokens") == 2, "both are links to her own"
        assert (await at.gina.get("hub/admin/ada")).status_code == 404
        full = await root(at)
        page = await full.get("hub/admin/bob")
        assert 'class="state starting"' in page.text
        assert Shown(page.text).texts.count("Tokens") == 3
        assert "declares this of them: hidden-group" in page.text
        everybody = await full.get("hub/admin")
        assert secrets(everybody) == list(SECRETS)
        assert "not shown" not in everybody.text


TOKENS = "/hub/api/users/gina/tokens"
UNABLE = {
    "en": ("This account may not make tokens", "Existing tokens are not shown either."),
    "zh": ("此账户不能创建或撤销令牌", "已有的令牌也不会显示。"),
}


@pytest.mark.parametrize("language", UNABLE)
async def test_who_may_not_make_tokens_makes_none_on_the_page_either(
    database: Database, language: str
) -> None:
    user = ("read:users!user", "servers!user")
    async with course(database, "read:hub", language=language, user=user) as at:
        token = await made(at)
        page = await at.gina.get("hub/token")
        assert page.status_code == 200
        for words in UNABLE[language]:
            assert words in page.text
        assert "of mine" not in page.text
        assert "<form" not in page.text.partition("<main")[2]
        new = await at.post("hub/token", note="n", scopes="inherit", expires_in="0")
        gone = await at.post(f"hub/token/revoke/{token}")
        by_api = await at.gina.http.post(TOKENS, json={}, headers={"x-xsrftoken": await at.xsrf()})
        assert [it.status_code for it in (new, gone, by_api)] == [403, 403, 403]
        gina = await at.running.hub.accounts.named("gina")
        assert gina
        assert [it.id for it in await at.running.hub.tokens.of(gina)] == [token]


async def test_who_may_only_see_tokens_revokes_none(database: Database) -> None:
    user = ("read:users!user", "read:tokens!user")
    async with course(database, "read:hub", user=user) as at:
        token = await made(at)
        page = await at.gina.get("hub/token")
        assert "of mine" in page.text
        assert "This account may not make tokens, or revoke them" in page.text
        assert "Existing tokens are not shown" not in page.text
        assert "<form" not in page.text.partition("<main")[2]
        assert (await at.post(f"hub/token/revoke/{token}")).status_code == 403
