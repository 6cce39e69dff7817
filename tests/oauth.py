"""Signing in to a server by OAuth, over HTTP: what the tests of the provider build on."""

from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs

import httpx

from perijove.app import Running
from perijove.core.grants import Question
from perijove.kit.secret import digest
from perijove.model.client import Client
from perijove.store import clients
from tests.browser import Browser
from tests.parts import user

SECRET = "its-secret"
AUTHORIZE, TOKEN = "hub/api/oauth2/authorize", "hub/api/oauth2/token"


async def client_of(running: Running, owner: str = "ada", name: str = "") -> Client:
    """Return the client of a server of `owner`, which is started; its secret is SECRET."""
    person = await user(running, owner)
    if await running.hub.servers.find(person, name) is None:
        await running.hub.servers.start(person, name, {})
    server = await running.hub.servers.find(person, name)
    assert server is not None
    found = await running.hub.grants.client(server.placement.client)
    assert found is not None
    known = replace(found, secret=digest(SECRET))
    await running.hub.accounts.database.write(*clients.put(known))
    return known


def question(client: Client, **more: str) -> dict[str, str]:
    return {
        "client_id": client.id,
        "redirect_uri": client.redirect_uri,
        "response_type": "code",
        "state": "opaque",
        **more,
    }


def asked(client: Client) -> Question:
    """Return the same question, as the core is asked it."""
    return Question(client_id=client.id, redirect_uri=client.redirect_uri, response_type="code")


def form(client: Client, code: str, **more: str) -> dict[str, str]:
    return {
        "grant_type": "authorization_code",
        "client_id": client.id,
        "client_secret": SECRET,
        "code": code,
        "redirect_uri": client.redirect_uri,
        **more,
    }


def led(answer: httpx.Response) -> dict[str, list[str]]:
    """Return the query of where a browser is sent."""
    return parse_qs(answer.headers["location"].partition("?")[2], keep_blank_values=True)


async def ask(browser: Browser, client: Client, **more: str) -> httpx.Response:
    return await browser.get(AUTHORIZE, params=question(client, **more))


async def code(browser: Browser, client: Client, **more: str) -> str:
    """Return a code for a client that asks nobody whether it may."""
    answer = await ask(browser, client, **more)
    assert answer.status_code == 302, answer.text
    return led(answer)["code"][0]


async def redeem(browser: Browser, client: Client, code: str, **more: str) -> httpx.Response:
    return await browser.post(TOKEN, data=form(client, code, **more))


async def given(browser: Browser, client: Client) -> Any:
    """Return what a client is told that somebody has come from."""
    answer = await redeem(browser, client, await code(browser, client))
    assert answer.status_code == 200, answer.text
    return answer.json()
