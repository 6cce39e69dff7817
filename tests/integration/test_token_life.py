"""Tokens from the first day to the last, as programs meet them: hub.md 2.5, and 10, test 16."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from perijove.app import Running
from perijove.core.shares import With
from perijove.kit.tasks import in_background
from perijove.model.token import Kind
from perijove.settings import BadConfig, of
from perijove.store import tokens
from perijove.store.database import Database
from tests import oauth
from tests.browser import Browser
from tests.doors import Hands
from tests.parts import ADMIN_TOKEN, hub, services, user

MAKERS = services(
    of_ada=("tokens!user=ada",), of_course=("tokens!group=course",), looks=("read:tokens",),
    all=("tokens",), gives=("tokens", "admin:groups"),
)["hub"]  # fmt: skip
COURSE = {"scopes": ["admin:groups", "groups!group=course"], "users": ["dora"]}
TREE = {"hub": {**MAKERS, "loadRoles": {**MAKERS["loadRoles"], "course-admin": COURSE}}}
of(TREE)  # settings read their tables when they are first used
OWN = "hub/api/user"


@pytest.fixture
def hands() -> Hands:
    return Hands()


@pytest.fixture
async def running(database: Database, hands: Hands) -> AsyncIterator[Running]:
    it = await hub(database, tree=TREE, clock=hands.clock())
    await it.hub.accounts.add("ada", frozenset({"course"}))
    await it.hub.accounts.add("bob")
    await it.hub.accounts.add("dora")
    async with in_background(it.life.run()):
        yield it


def by(running: Running, name: str) -> Browser:
    return Browser(running, authorization=f"token {name}-token")


def show(running: Running, made: Any) -> Browser:
    return Browser(running, authorization=f"Bearer {made['token']}")


async def make(at: Browser, who: str = "ada", **body: object) -> Any:
    answer = await at.post(f"hub/api/users/{who}/tokens", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def scopes_of(running: Running, made: Any) -> set[str]:
    model = (await show(running, made).get(OWN)).json()
    return set(model["scopes"])


@pytest.mark.parametrize(
    ("name", "who", "made", "listed"),
    [
        ("of_ada", "ada", 201, 200),
        ("of_ada", "bob", 403, 404),
        ("of_course", "ada", 201, 200),
        ("of_course", "bob", 403, 404),
        ("looks", "ada", 403, 200),
        ("all", "bob", 201, 200),
        ("all", "nobody", 403, 404),
    ],
)
async def test_who_makes_and_sees_the_tokens_of_others(
    running: Running, name: str, who: str, made: int, listed: int
) -> None:
    path = f"hub/api/users/{who}/tokens"
    assert (await by(running, name).post(path)).status_code == made
    answer = await by(running, name).get(path)
    assert answer.status_code == listed
    if made == 201:
        (one,) = answer.json()["api_tokens"]
        assert one["note"] == f"Requested via api by service {name}"
        assert one["oauth_client"] == "JupyterHub"
        assert (await by(running, "looks").http.delete(f"/{path}/{one['id']}")).status_code == 403
        assert (await by(running, name).http.delete(f"/{path}/{one['id']}")).status_code == 204


async def test_nobody_but_their_owner_is_told_of_tokens(running: Running) -> None:
    ada = await make(by(running, "all"))
    bob = show(running, await make(by(running, "all"), "bob"))
    path = f"hub/api/users/ada/tokens/{ada['id']}"
    assert (await bob.get(path)).status_code == 404
    assert (await bob.http.delete(f"/{path}")).status_code == 404
    mine = f"hub/api/users/bob/tokens/{ada['id']}"
    assert (await bob.http.delete(f"/{mine}")).status_code == 404, "it is not one of bob's"
    assert (await show(running, ada).get(OWN)).status_code == 200


async def test_scopes_are_a_part_of_what_the_owner_holds_and_roles_are_another_way_to_say_it(
    running: Running,
) -> None:
    maker = by(running, "all")
    few = await make(maker, scopes=["read:users:name!user"])
    assert await scopes_of(running, few) == {"read:users:name!user=ada"}
    role = await make(by(running, "gives"), "dora", roles=["course-admin"])
    assert "groups!group=course" in await scopes_of(running, role)
    for who, more in (
        ("ada", {"scopes": ["read:users"]}),
        ("bob", {"scopes": ["admin:groups"]}),
        ("bob", {"roles": ["course-admin"]}),
        ("ada", {"roles": ["admin"]}),
        ("ada", {"scopes": [], "roles": []}),
    ):
        answer = await maker.post(f"hub/api/users/{who}/tokens", json=more)
        assert answer.status_code == 400, more
    assert await scopes_of(running, await make(maker, scopes=[])) == set()


async def test_a_token_without_the_scope_makes_none_and_with_it_what_its_owner_may(
    running: Running,
) -> None:
    """What everybody may is what `tokens` gives, also to who holds nothing else."""
    none = show(running, await make(by(running, "all"), scopes=["read:users:name!user"]))
    assert (await none.post("hub/api/users/ada/tokens", json={})).status_code == 403
    some = show(running, await make(by(running, "all"), scopes=["tokens!user"]))
    assert (await some.post("hub/api/users/bob/tokens", json={})).status_code == 403
    asked = {"scopes": ["admin:users"]}
    assert (await some.post("hub/api/users/ada/tokens", json=asked)).status_code == 400
    held = {it.text for it in running.hub.roles.of(await user(running))}
    assert await scopes_of(running, await make(some)) == held


async def test_nobody_makes_a_token_that_may_more_than_they_and_more_than_everybody(
    running: Running,
) -> None:
    root, bob = await user(running, "root", admin=True), await user(running, "bob")
    server = await running.hub.servers.start(bob, "", {})
    await running.hub.shares.grant(server, ["access:servers"], With(user=await user(running)))
    own = show(
        running,
        await make(
            Browser(running, authorization=f"token {ADMIN_TOKEN}"), "root", scopes=["tokens!user"]
        ),
    )
    at = {name: by(running, name) for name in ("all", "of_course", "gives")} | {"own": own}
    for name, who, body, status in (
        ("all", "root", {}, 403),
        ("all", "root", {"scopes": ["admin:users"]}, 403),
        ("all", "root", {"scopes": ["self"]}, 403),
        ("own", "root", {}, 403),  # what counts is the token, not whose it is
        ("own", "root", {"scopes": ["tokens!user"]}, 201),
        ("gives", "root", {"scopes": ["groups"]}, 201),
        ("all", "dora", {}, 201),
        ("all", "dora", {"scopes": ["self"]}, 201),
        ("gives", "dora", {}, 201),
        ("of_course", "ada", {}, 201),  # bob shares with ada, and is not of the course
        ("of_course", "ada", {"scopes": ["self"]}, 201),
        ("all", "ada", {}, 201),  # who may have a token of bob gains nothing
        ("all", "bob", {"scopes": ["admin:users"]}, 400),
    ):
        answer = await at[name].post(f"hub/api/users/{who}/tokens", json=body)
        assert answer.status_code == status, (name, who, body, answer.text)
        if status == 403:
            assert answer.json()["code"] == "token.gives-more"
            assert "bob" not in answer.json()["message"]
        if name == "of_course" and status == 201:
            assert not any("bob" in it for it in answer.json()["scopes"])
    (one, *_) = await running.hub.tokens.of(root)
    gone = await at["all"].http.delete(f"/hub/api/users/root/tokens/a{one.id}")
    assert gone.status_code == 204


async def test_what_a_token_inherits_is_what_its_owner_holds_when_it_is_used(
    running: Running, hands: Hands
) -> None:
    bob, accounts = await user(running, "bob"), running.hub.accounts
    made = await make(Browser(running, authorization=f"token {ADMIN_TOKEN}"), "bob")
    narrow = await make(by(running, "all"), "bob", scopes=["read:users!user"])
    of_others = [await make(by(running, "all"), "bob", **said)
                 for said in ({}, {"scopes": ["inherit"]})]  # fmt: skip
    for admin in (True, False, True):
        bob = await accounts.change(bob, admin=admin)
        hands.move(timedelta(seconds=1))
        assert ("admin:users" in await scopes_of(running, made)) is admin
        for less in (narrow, *of_others):
            assert "admin:users" not in await scopes_of(running, less)


async def test_with_a_cookie_a_token_needs_the_proof_of_the_page_and_with_a_password_none(
    running: Running,
) -> None:
    carl = await running.hub.accounts.create("carl", password="a sentence works well")
    browser, path = Browser(running), "hub/api/users/carl/tokens"
    await browser.sign_in(carl)
    assert (await browser.post(path, json={})).status_code == 403
    proof = {"x-xsrftoken": await browser.xsrf()}
    assert (await browser.post(path, json={}, headers=proof)).status_code == 201
    auth = {"username": "carl", "password": "a sentence works well"}
    made = await make(Browser(running), "carl", auth=auth, note="of a script", expires_in=60)
    assert (made["note"], made["user"]) == ("of a script", "carl")
    long = await make(Browser(running), "carl", auth=auth, note="two\r\nlines\t" + 300 * "x")
    assert long["note"] == f"two lines {245 * 'x'}"
    assert (await show(running, made).get(OWN)).json()["name"] == "carl"


async def test_what_a_client_was_given_goes_together_and_only_one_persons(
    running: Running,
) -> None:
    ada, bob = Browser(running), Browser(running)
    await ada.sign_in(await user(running, "ada"))
    root = await user(running, "root", admin=True)
    await bob.sign_in(root)
    client = await oauth.client_of(running)
    first, second = await oauth.given(ada, client), await oauth.given(ada, client)
    proof = {"_xsrf": await bob.xsrf(), "why": "x", "scopes": list(client.scopes)}
    led = await bob.post(oauth.AUTHORIZE, params=oauth.question(client), data=proof)
    other = (await oauth.redeem(bob, client, oauth.led(led)["code"][0])).json()
    mine = await make(by(running, "all"))
    path = "hub/api/users/ada/tokens"
    listed = (await by(running, "all").get(path)).json()["api_tokens"]
    of_client = [it["id"] for it in listed if it["oauth_client"] == client.description]
    assert len(of_client) == 2
    assert (await by(running, "all").http.delete(f"/{path}/{of_client[0]}")).status_code == 204
    shown = [first["access_token"], second["access_token"], other["access_token"], mine["token"]]
    answers = [await show(running, {"token": it}).get(OWN) for it in shown]
    assert [it.status_code for it in answers] == [403, 403, 200, 200]


async def test_what_has_expired_is_refused_and_thrown_away(
    running: Running, database: Database, hands: Hands
) -> None:
    short = await make(by(running, "all"), expires_in=60)
    owner = await user(running)
    hands.move(timedelta(seconds=60))
    assert (await show(running, short).get(OWN)).status_code == 403
    browser = Browser(running)
    await browser.sign_in(owner)
    await oauth.given(browser, await oauth.client_of(running))
    hands.move(timedelta(days=15))
    listed = await by(running, "all").get("hub/api/users/ada/tokens")
    assert [it["note"] for it in listed.json()["api_tokens"]] == ["Server at /user/ada/"]
    assert {it.kind for it in await database.read(tokens.of(owner.id))} == {Kind.SERVER}


async def test_when_a_token_was_last_used_is_told_and_written_down(
    running: Running, database: Database, hands: Hands
) -> None:
    made = await make(by(running, "all"))
    assert made["last_activity"] is None
    hands.move(timedelta(minutes=5))
    for _ in range(20):
        assert (await show(running, made).get(OWN)).status_code == 200
    (model,) = (await by(running, "all").get("hub/api/users/ada/tokens")).json()["api_tokens"]
    used = hands.clock()()
    assert model["last_activity"] == used.isoformat().replace("+00:00", "Z")
    await running.hub.activity.flush()
    (token,) = await database.read(tokens.of((await user(running)).id))
    assert token.last_activity == used


@pytest.mark.parametrize(
    "token", ["1234567", "k" * 65, "with a space in it", "tab\tand more", "ünïcödes"]
)
def test_a_token_in_the_configuration_that_no_program_could_show_is_refused(token: str) -> None:
    with pytest.raises(BadConfig):
        of({"hub": {"services": {"eye": {"api_token": token}}}})


@pytest.mark.parametrize("token", ["12345678", "k" * 64])
def test_one_of_eight_to_sixty_four_characters_is_taken(token: str) -> None:
    it = of({"hub": {"services": {"eye": {"api_token": token}}}})
    assert it.hub.services["eye"].api_token == token


async def test_the_administrator_of_the_box_sees_every_field(running: Running) -> None:
    root = Browser(running, authorization=f"token {ADMIN_TOKEN}")
    made = await make(root, note="x", expires_in=60, scopes=["read:users!user"])
    assert made.keys() == {
        "user", "id", "kind", "roles", "scopes", "created", "last_activity", "expires_at", "note",
        "session_id", "oauth_client", "token",
    }  # fmt: skip
    assert (made["kind"], made["roles"], made["session_id"]) == ("api_token", [], None)
