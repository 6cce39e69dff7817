"""What the OAuth provider must refuse: each line is an attempt, and none gets a code or a token."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from urllib.parse import quote, urlencode

import pytest

from perijove.app import Running
from perijove.kit.tasks import in_background
from perijove.model.client import Client
from perijove.settings import of
from perijove.store.database import Database
from tests import oauth
from tests.browser import SITE, Browser
from tests.doors import Hands
from tests.parts import hub, user

of({})  # settings read their tables when they are first used
CALLBACK = "/user/ada/oauth_callback"
ELSEWHERE = [
    "https://evil.example", "https://evil.example/user/ada/oauth_callback", "//evil.example",
    "//evil.example/user/ada/oauth_callback", "///evil.example", "/\\evil.example",
    "\\\\evil.example",
    "https:evil.example", "https:/evil.example", "http:\\\\evil.example", "javascript:alert(1)",
    "data:text/html,x", "file:///etc/passwd", "urn:ietf:wg:oauth:2.0:oob", "about:blank",
    f"{SITE}{CALLBACK}", f"//hub.test{CALLBACK}", f"http://hub.test:8000{CALLBACK}",
    f"http://hub.test:80{CALLBACK}", f"http://HUB.test{CALLBACK}", f"https://hub.test{CALLBACK}",
    f"http://hub.test@evil.example{CALLBACK}", f"http://hub.test.evil.example{CALLBACK}",
    f"http://ada:x@hub.test{CALLBACK}", f"http://localhost{CALLBACK}", f"http://127.0.0.1{CALLBACK}",
    f"{CALLBACK}/", f"{CALLBACK}//", f"/{CALLBACK}", f"{CALLBACK}?", f"{CALLBACK}?x=1",
    f"{CALLBACK}#", f"{CALLBACK}#x", f"{CALLBACK};x", f"{CALLBACK}%00", f"{CALLBACK}\0",
    f"{CALLBACK} ", f" {CALLBACK}", f"{CALLBACK}\n", f"\t{CALLBACK}", f"{CALLBACK}\r\nX: y",
    f"{CALLBACK}.evil", f"{CALLBACK}/../lab", f"{CALLBACK}/.", "/user/ada/../ada/oauth_callback",
    "/user/ada/./oauth_callback", "/user/./ada/oauth_callback", "/user/ADA/oauth_callback",
    "/user/ada/OAUTH_CALLBACK", "/user/ada/oauth%5Fcallback", "/user/%61da/oauth_callback",
    "/user%2Fada%2Foauth_callback", "/user/ada%2Foauth_callback", "/user/ada/oauth_callback2",
    "/user/ada/oauth_callbac", "/user/ada/", "/user/ada", "/", "user/ada/oauth_callback",
    "./user/ada/oauth_callback", "/user/bob/oauth_callback", "/user/ada/lab2/oauth_callback",
    "/hub/home", "/services/x/oauth_callback", "*", "null", "/user/ada/oauth_callback\u200b",
    "/user/\u0430da/oauth_callback", "/user/ada/oauth_callback\ud800", "x" * 20_000,
]  # fmt: skip
"""Of the last but one, the first letter of ada is Cyrillic."""
NO_CLIENT = [
    "", "jupyterhub", "nobody", "jupyterhub-user-bob", "JUPYTERHUB-USER-ADA",
    "jupyterhub-user-ada ",
    "jupyterhub-user-ada\0", "jupyterhub-user-ad%61", "jupyterhub-user-ada-", "perijove-cli",
    "service-jupyterhub-user-ada", "' OR 1=1 --", "\ud800", "x" * 20_000,
]  # fmt: skip
BAD_QUESTION = [
    ({"response_type": ""}, "unsupported_response_type"),
    ({"response_type": "token"}, "unsupported_response_type"),
    ({"response_type": "id_token"}, "unsupported_response_type"),
    ({"response_type": "code token"}, "unsupported_response_type"),
    ({"response_type": "CODE"}, "unsupported_response_type"),
    ({"response_type": "code\0"}, "unsupported_response_type"),
    ({"scope": "admin"}, "invalid_scope"),
    ({"scope": "admin:users"}, "invalid_scope"),
    ({"scope": "identify admin:users"}, "invalid_scope"),
    ({"scope": "inherit"}, "invalid_scope"),
    ({"scope": "self"}, "invalid_scope"),
    ({"scope": "tokens!user=ada"}, "invalid_scope"),
    ({"scope": "access:servers"}, "invalid_scope"),
    ({"scope": "access:servers!user=bob"}, "invalid_scope"),
    ({"scope": "access:servers!server=bob/"}, "invalid_scope"),
    ({"scope": "nonsense"}, "invalid_scope"),
    ({"scope": "read:users!group=x\0"}, "invalid_scope"),
    ({"code_challenge": "x", "code_challenge_method": "MD5"}, "invalid_request"),
    ({"code_challenge": "x", "code_challenge_method": "s256"}, "invalid_request"),
    ({"code_challenge": "x", "code_challenge_method": "S256 "}, "invalid_request"),
    ({"code_challenge": "a b"}, "invalid_request"),
    ({"code_challenge": "\0"}, "invalid_request"),
    ({"code_challenge": "ü" * 43}, "invalid_request"),
    ({"code_challenge": "x" * 129}, "invalid_request"),
]
BAD_SWAP = [
    ({"grant_type": ""}, 400, "unsupported_grant_type"),
    ({"grant_type": "password", "username": "ada"}, 400, "unsupported_grant_type"),
    ({"grant_type": "client_credentials"}, 400, "unsupported_grant_type"),
    ({"grant_type": "implicit"}, 400, "unsupported_grant_type"),
    ({"grant_type": "AUTHORIZATION_CODE"}, 400, "unsupported_grant_type"),
    ({"grant_type": "authorization_code "}, 400, "unsupported_grant_type"),
    ({"grant_type": "urn:ietf:params:oauth:grant-type:device_code"}, 400, "unsupported_grant_type"),
    ({"grant_type": "refresh_token", "refresh_token": "x"}, 400, "unauthorized_client"),
    ({"client_secret": ""}, 401, "invalid_client"),
    ({"client_secret": "its-secreT"}, 401, "invalid_client"),
    ({"client_secret": "its-secret "}, 401, "invalid_client"),
    ({"client_secret": "its-secret\0"}, 401, "invalid_client"),
    ({"client_secret": "\ud800"}, 400, "invalid_request"),
    ({"client_secret": "x" * 20_000}, 401, "invalid_client"),
    ({"client_id": ""}, 401, "invalid_client"),
    ({"client_id": "jupyterhub"}, 401, "invalid_client"),
    ({"client_id": "JUPYTERHUB-USER-ADA"}, 401, "invalid_client"),
    ({"client_id": "jupyterhub-user-bob"}, 401, "invalid_client"),
    ({"code": ""}, 400, "invalid_grant"),
    ({"code": "x" * 30}, 400, "invalid_grant"),
    ({"code": "x" * 20_000}, 400, "invalid_grant"),
    ({"code": "\0"}, 400, "invalid_grant"),
    ({"code": "\ud800"}, 400, "invalid_request"),
    ({"redirect_uri": "/user/ada/oauth_callback/"}, 400, "invalid_request"),
    ({"redirect_uri": "/user/ada/oauth%5Fcallback"}, 400, "invalid_request"),
    ({"redirect_uri": f"{SITE}{CALLBACK}"}, 400, "invalid_request"),
    ({"redirect_uri": "https://evil.example/"}, 400, "invalid_request"),
]  # fmt: skip
VERIFIER, CHALLENGE = "v" * 64, "w1TpKUdYE9hUAcNSeeSRFioHDxfUxuHho_JHAfZ_vDM"
CHALLENGED = [
    ("", "invalid_request"), ("v" * 63, "invalid_grant"), ("v" * 65, "invalid_grant"),
    ("V" * 64, "invalid_grant"), ("v" * 64 + "\0", "invalid_grant"),
    ("v" * 64 + "=", "invalid_grant"),
    ("v" * 20_000, "invalid_grant"),
    (CHALLENGE, "invalid_grant"), ("\ud800" * 43, "invalid_request"),
]  # fmt: skip
TWICE = ["client_id", "redirect_uri", "response_type", "scope", "state", "code_challenge",
         "code_challenge_method"]  # fmt: skip


def test_there_are_as_many_attempts_as_the_bar_asks_for() -> None:
    questions = len(ELSEWHERE) + len(NO_CLIENT) + len(BAD_QUESTION) + len(TWICE)
    assert questions + len(BAD_SWAP) + len(CHALLENGED) >= 120
    assert len(ELSEWHERE) >= 60


@dataclass(frozen=True)
class At:
    """A hub at which ada has a server and a browser."""

    running: Running
    ada: Browser
    client: Client
    hands: Hands

    async def nobody_was_given_anything(self) -> bool:
        tokens = await self.running.hub.tokens.of(await user(self.running))
        return all(token.client is None for token in tokens)


@pytest.fixture
async def at(database: Database) -> AsyncIterator[At]:
    hands = Hands()
    running = await hub(database, clock=hands.clock())
    ada = Browser(running)
    await ada.sign_in(await user(running))
    await user(running, "bob")
    async with in_background(running.life.run()):
        yield At(running, ada, await oauth.client_of(running), hands)


def raw(**query: str) -> str:
    """Return a query as a hostile client writes it: lone surrogates as well."""
    pairs = (
        f"{name}={quote(value.encode('utf-8', 'surrogatepass'))}" for name, value in query.items()
    )
    return f"{oauth.AUTHORIZE}?{'&'.join(pairs)}"


async def sent_nowhere(at: At, query: str) -> None:
    for browser, method in ((at.ada, "GET"), (at.ada, "POST")):
        headers = {"x-xsrftoken": await browser.xsrf()} if method == "POST" else {}
        answer = await browser.http.request(method, f"/{query}", headers=headers)
        assert answer.status_code == 400, query[:200]
        assert "location" not in answer.headers


async def test_nobody_is_sent_anywhere_but_to_the_address_of_the_client(at: At) -> None:
    for where in ELSEWHERE:
        await sent_nowhere(at, raw(**oauth.question(at.client, redirect_uri=where)))


async def test_no_client_but_one_that_is_there_is_known(at: At) -> None:
    for id in NO_CLIENT:
        await sent_nowhere(at, raw(**oauth.question(replace(at.client, id=id))))
    nobody = oauth.question(replace(at.client, id=NO_CLIENT[2]))
    for language, words in {
        "en": "it has stopped or was removed",
        "zh": "它已停止或已被删除",
    }.items():
        page = await at.ada.http.get(f"/{raw(**nobody)}", headers={"accept-language": language})
        assert words in page.text


async def test_a_question_that_makes_no_sense_goes_back_without_a_code(at: At) -> None:
    for wrong, error in BAD_QUESTION:
        answer = await at.ada.http.get(f"/{raw(**oauth.question(at.client, **wrong))}")
        assert answer.headers["location"].startswith(f"{CALLBACK}?error="), wrong
        assert oauth.led(answer) == {"error": [error], "state": ["opaque"]}, wrong


async def test_what_is_asked_twice_is_not_answered_once(at: At) -> None:
    full = oauth.question(at.client, scope="identify", code_challenge="x",
                          code_challenge_method="plain")  # fmt: skip
    for name in TWICE:
        for other in (full[name], "other"):
            query = f"{urlencode(full)}&{name}={quote(other, safe='')}"
            await sent_nowhere(at, f"{oauth.AUTHORIZE}?{query}")
            await sent_nowhere(at, f"{oauth.AUTHORIZE}?%{ord(name[0]):x}{name[1:]}=y&{query}")


async def test_no_swap_that_is_wrong_gives_a_token_and_none_spends_the_code(at: At) -> None:
    code = await oauth.code(at.ada, at.client)
    for wrong, status, error in BAD_SWAP:
        said = {**oauth.form(at.client, code), **wrong}
        text = raw(**said).partition("?")[2]
        answer = await at.ada.post(oauth.TOKEN, content=text)
        assert (answer.status_code, answer.json()["error"]) == (status, error), wrong
        assert ("www-authenticate" in answer.headers) is (status == 401)
        assert answer.headers["cache-control"] == "no-store"
    basic = {"authorization": "Basic anVweXRlcmh1Yi11c2VyLWFkYTppdHMtc2VjcmV0"}
    bare = {"grant_type": "authorization_code", "code": code}
    answer = await at.ada.post(oauth.TOKEN, data=bare, headers=basic)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    twice = urlencode([*oauth.form(at.client, code).items(), ("code", "x")])
    assert (await at.ada.post(oauth.TOKEN, content=twice)).json()["error"] == "invalid_request"
    assert await at.nobody_was_given_anything()
    assert (await oauth.redeem(at.ada, at.client, code)).status_code == 200


async def test_no_verifier_but_its_own_proves_a_challenge(at: At) -> None:
    challenge = {"code_challenge": CHALLENGE, "code_challenge_method": "S256"}
    code = await oauth.code(at.ada, at.client, **challenge)
    for verifier, error in CHALLENGED:
        text = raw(**oauth.form(at.client, code), code_verifier=verifier).partition("?")[2]
        answer = await at.ada.post(oauth.TOKEN, content=text)
        assert (answer.status_code, answer.json()["error"]) == (400, error), verifier[:80]
    assert await at.nobody_was_given_anything()
    assert (await oauth.redeem(at.ada, at.client, code, code_verifier=VERIFIER)).status_code == 200


async def test_a_code_is_none_for_another_client_for_another_day_or_a_second_time(at: At) -> None:
    bobs = await oauth.client_of(at.running, "bob")
    code = await oauth.code(at.ada, at.client)
    assert (await oauth.redeem(at.ada, bobs, code)).json()["error"] == "invalid_grant"
    at.hands.seconds += 300
    assert (await oauth.redeem(at.ada, at.client, code)).json()["error"] == "invalid_grant"
    fresh = await oauth.code(at.ada, at.client)
    assert (await oauth.redeem(at.ada, at.client, fresh)).status_code == 200
    assert (await oauth.redeem(at.ada, at.client, fresh)).json()["error"] == "invalid_grant"
    assert await at.nobody_was_given_anything()


async def test_nothing_but_the_cookie_of_a_browser_authorises(at: At) -> None:
    """Not a token, however much it may do; nor the cookie that servers see."""
    ada = await user(at.running)
    visitor = await at.running.hub.sessions.visitor(at.ada.http.cookies["jupyterhub-hub-login"])
    assert visitor is not None
    _, secret = await at.running.hub.tokens.make(ada, by=visitor.principal)
    session = f"jupyterhub-session-id={visitor.session.session}"
    for headers in (
        {"authorization": f"token {secret}"},
        {"cookie": session},
        {"cookie": f"{session}; jupyterhub-hub-login={visitor.session.session}"},
        {"cookie": f"jupyterhub-hub-login={secret}"},
        {"cookie": "jupyterhub-hub-login="},
    ):
        answer = await oauth.ask(Browser(at.running, **headers), at.client)
        assert answer.headers["location"].startswith("/hub/login?next="), headers


async def test_the_state_comes_back_to_the_byte(at: At) -> None:
    """Servers of 4.x send 4 kB of base64; others may send anything."""
    states = [
        "x" * 4096, "a%20b", "a+b", "%2B%2F%3D==", "%e4%BD%a0", "a=b;c", "%00", "", "~!*'()",
        "%26error%3Dx", "%23frag", "eyJ1dWlkIjogIng" * 270,
    ]  # fmt: skip
    known = urlencode({k: v for k, v in oauth.question(at.client).items() if k != "state"})
    for state in states:
        for query in (f"state={state}&{known}", f"{known}&state={state}"):
            answer = await at.ada.http.get(f"/{oauth.AUTHORIZE}?{query}")
            assert answer.headers["location"].endswith(f"&state={state}"), state[:100]
            refused = await at.ada.http.get(f"/{oauth.AUTHORIZE}?{query}&scope=nonsense")
            assert refused.headers["location"] == f"{CALLBACK}?error=invalid_scope&state={state}"
    bare = await at.ada.http.get(f"/{oauth.AUTHORIZE}?{known}")
    assert "state" not in bare.headers["location"]
