"""Who comes to a server that is shared with them: asked once, let in, and refused when it ends."""

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import parse_qs

import httpx
import pytest

from perijove.app import Running
from perijove.core.share_codes import USUAL
from perijove.core.shares import With
from perijove.kit.tasks import in_background
from perijove.model.client import Client
from perijove.model.principal import Principal
from perijove.model.share import ACCESS
from perijove.model.user import User
from perijove.store.database import Database
from tests.browser import Browser
from tests.integration.test_browsers import client_of, question, redeemed
from tests.parts import ADMIN_TOKEN, hub, user

ASK = "hub/api/oauth2/authorize"
ADAS = "access:servers!server=ada/"


@pytest.fixture
async def running(database: Database) -> AsyncIterator[Running]:
    it = await hub(database)
    async with in_background(it.life.run()):
        yield it


@pytest.fixture
async def client(running: Running) -> Client:
    return await client_of(running)


@pytest.fixture
async def bob(running: Running) -> Browser:
    browser = Browser(running)
    await browser.sign_in(await user(running, "bob"))
    return browser


async def share(running: Running, them: With, *, take: bool = False) -> None:
    server = await running.hub.servers.find(await user(running, "ada"), "")
    assert server is not None
    if take:
        await running.hub.shares.revoke(server, them)
    else:
        await running.hub.shares.grant(server, [ACCESS], them)


async def token(browser: Browser, client: Client, answer: httpx.Response) -> Browser:
    """Return a program that shows the token for which `answer` has the code."""
    assert answer.headers["location"].startswith(f"{client.redirect_uri}?code=")
    code = parse_qs(answer.headers["location"].partition("?")[2])["code"][0]
    form = {"client_id": client.id, "client_secret": "its-secret"}
    given = await redeemed(browser, **form, grant_type="authorization_code", code=code)
    return Browser(browser.running, authorization=f"token {given.json()['access_token']}")


async def scopes(program: Browser) -> set[str]:
    return set((await program.get("hub/api/user")).json()["scopes"])


async def test_a_guest_is_asked_once_and_need_not_say_why(
    running: Running, client: Client, bob: Browser
) -> None:
    them = With(user=await user(running, "bob"))
    where = {"params": question(client)}
    assert (await bob.get(ASK, **where)).status_code == 403
    await share(running, them)
    asks = await bob.get(ASK, **where)
    assert asks.status_code == 200
    assert 'name="why"' not in asks.text
    assert "shares the server" in asks.text
    form = {"_xsrf": await bob.xsrf(), "scopes": list(client.scopes)}
    program = await token(bob, client, await bob.post(ASK, **where, data=form))
    assert ADAS in await scopes(program)
    assert not {it for it in await scopes(program) if it.startswith(("servers", "tokens"))}
    assert (await bob.get(ASK, **where)).status_code == 302
    assert await running.hub.visits.of_owner(await user(running, "ada")) == []
    await share(running, them, take=True)
    assert ADAS not in await scopes(program)
    assert (await bob.get(ASK, **where)).status_code == 403


async def test_who_has_accepted_a_link_is_not_asked_again(
    running: Running, client: Client, bob: Browser
) -> None:
    server = await running.hub.servers.find(await user(running, "ada"), "")
    assert server is not None
    _, secret = await running.hub.share_codes.make(server, [ACCESS], USUAL)
    await running.hub.share_codes.exchange(secret, await user(running, "bob"))
    went = await bob.get(ASK, params=question(client))
    assert ADAS in await scopes(await token(bob, client, went))


async def test_a_member_of_a_group_that_it_is_shared_with_comes_in(
    running: Running, client: Client, bob: Browser
) -> None:
    await running.hub.groups.create("g", members=["bob"])
    await share(running, With(group="g"))
    where = {"params": question(client)}
    form = {"_xsrf": await bob.xsrf(), "scopes": list(client.scopes)}
    program = await token(bob, client, await bob.post(ASK, **where, data=form))
    assert ADAS in await scopes(program)
    await running.hub.groups.leave("g", ["bob"])
    assert ADAS not in await scopes(program)
    assert (await bob.get(ASK, **where)).status_code == 403


async def test_an_administrator_says_why_although_it_is_shared_with_them(
    running: Running, client: Client
) -> None:
    root: User = await user(running, "root", admin=True)
    await share(running, With(user=root))  # who may share everything could do so unasked
    browser = Browser(running)
    await browser.sign_in(root)
    asks = await browser.get(ASK, params=question(client))
    assert (asks.status_code, 'name="why"' in asks.text) == (200, True)


@pytest.mark.usefixtures("client")
async def test_a_share_follows_an_owner_who_is_renamed_and_never_their_name(
    running: Running, bob: Browser
) -> None:
    """GHSA-mj6q-mp44-53v8."""
    await share(running, With(user=await user(running, "bob")))
    him = await user(running, "bob")
    _, secret = await running.hub.tokens.make(him, by=Principal.of("bob", []), scopes=[ADAS])
    program = Browser(running, authorization=f"token {secret}")
    assert await scopes(program) == {ADAS}
    ada = await user(running, "ada")
    root = Browser(running, authorization=f"token {ADMIN_TOKEN}")
    await running.hub.servers.stop(ada, "")
    async with asyncio.timeout(20):
        while not (server := await running.hub.servers.find(ada, "")) or not server.at_rest:
            await asyncio.sleep(0.01)
    renamed = await root.http.patch("/hub/api/users/ada", json={"name": "anna"})
    assert renamed.status_code == 200, renamed.text
    other = await running.hub.accounts.create("ada")
    await running.hub.servers.start(other, "", {})
    assert await scopes(program) == {"access:servers!server=anna/"}
    listed = (await root.get("hub/api/users/bob/shared")).json()["items"]
    assert [it["scopes"] for it in listed] == [["access:servers!server=anna/"]]
    assert (await root.get("hub/api/shares/ada")).json()["items"] == []
    theirs = await running.hub.servers.find(other, "")
    assert theirs is not None
    where = {"params": {"client_id": theirs.placement.client, "response_type": "code"}}
    assert (await bob.get(ASK, **where)).status_code == 403
