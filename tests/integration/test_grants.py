"""OAuth: who is asked, what a code is good for, and every refusal of hub.md 1.4."""

import asyncio
import base64
import hashlib
from dataclasses import replace
from datetime import timedelta
from urllib.parse import quote

import pytest

from perijove.core.gate import Gate
from perijove.core.grants import Offer, Question
from perijove.kit.secret import digest
from perijove.model.client import Client
from perijove.model.errors import BadGrant, Denied, Invalid, SentBack
from perijove.model.placement import Placement
from perijove.model.role import Role
from perijove.model.scope import identify
from perijove.model.server import Desired, Phase, Server
from perijove.model.token import Token
from perijove.model.user import User
from perijove.model.visitor import Visitor
from perijove.store import codes, servers
from perijove.store.database import Database
from tests.doors import Hands, client_of, entered, gate, person, put

VERIFIER = "v" * 64
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode()[:-1]
SCOPES = ["access:servers!server=ada/", "read:users:groups!user=ada", "read:users:name!user=ada"]


def question(client: Client, **more: str) -> Question:
    said = {"redirect_uri": client.redirect_uri, "response_type": "code", **more}
    return Question(client_id=client.id, **said)


def form(client: Client, code: str, **more: str) -> dict[str, str]:
    return {
        "grant_type": "authorization_code",
        "client_id": client.id,
        "client_secret": "its-secret",
        "code": code,
        "redirect_uri": client.redirect_uri,
        **more,
    }


async def server_of(at: Gate, owner: User, name: str = "") -> Client:
    """Put a server and its client there, and return the client as it is read."""
    row = Server(
        id=at.accounts.ids(), user_id=owner.id, user=owner.name, name=name, user_options={},
        desired=Desired.RUNNING, phase=Phase.RUNNING, since=owner.created, incarnation=1,
        placement=Placement(
            workload=f"w-{owner.name}-{name}", port=hash((owner.id, name)) % 60_000, home="h",
            client=client_of(owner.name, name).id,
        ),
    )  # fmt: skip
    await at.accounts.database.write(servers.add(row))
    await put(at, replace(client_of(owner.name, name), server_id=row.id))
    client = await at.grants.client(client_of(owner.name, name).id)
    assert client is not None
    return client


async def offered(at: Gate, visitor: Visitor, client: Client, **more: str) -> Offer:
    return await at.grants.ask(visitor, question(client, **more))


async def coded(at: Gate, visitor: Visitor, client: Client, **more: str) -> str:
    return await at.grants.code(visitor, await offered(at, visitor, client, **more))


async def refused(at: Gate, said: dict[str, str]) -> str:
    with pytest.raises(BadGrant) as bad:
        await at.grants.redeem(said)
    return bad.value.error


async def test_ones_own_server_learns_who_one_is_without_a_question(database: Database) -> None:
    at = gate(database)
    ada = await person(at)
    _, visitor = await entered(at, ada)
    client = await server_of(at, ada)
    offer = await offered(at, visitor, client)
    assert not offer.confirm
    code = await at.grants.code(visitor, offer)
    assert len(code) == 30
    assert code.isalnum()
    secret, token = await at.grants.redeem(form(client, code))
    assert (len(secret), list(token.scopes)) == (30, SCOPES)
    assert token.expires is not None
    assert token.expires - token.created == timedelta(seconds=1_209_600)
    principal = await at.tokens.principal(secret)
    assert principal is not None
    assert {scope.text for scope in principal.scopes} == set(SCOPES)
    assert (principal.name, principal.session) == ("ada", visitor.session.session)


async def test_the_redirect_may_be_left_out_and_a_proof_that_nobody_asked_for_is_ignored(
    database: Database,
) -> None:
    at = gate(database)
    ada = await person(at)
    _, visitor = await entered(at, ada)
    client = await server_of(at, ada)
    code = await coded(at, visitor, client, redirect_uri="")
    said = form(client, code, code_verifier="whatever")
    del said["redirect_uri"]
    assert (await at.grants.redeem(said))[1].client == client.id


@pytest.mark.parametrize(
    ("asked", "verifier", "error"),
    [
        ({"challenge": CHALLENGE, "method": "S256"}, VERIFIER, None),
        ({"challenge": VERIFIER, "method": "plain"}, VERIFIER, None),
        ({"challenge": VERIFIER}, VERIFIER, None),
        ({"challenge": CHALLENGE, "method": "S256"}, "x" * 64, "invalid_grant"),
        ({"challenge": CHALLENGE}, VERIFIER, "invalid_grant"),
        ({"challenge": CHALLENGE, "method": "S256"}, "\ud800", "invalid_grant"),
        ({"challenge": CHALLENGE, "method": "S256"}, "", "invalid_request"),
    ],
)
async def test_a_proof_is_verified_when_one_was_announced(
    database: Database, asked: dict[str, str], verifier: str, error: str | None
) -> None:
    at = gate(database)
    ada = await person(at)
    _, visitor = await entered(at, ada)
    client = await server_of(at, ada)
    said = form(client, await coded(at, visitor, client, **asked), code_verifier=verifier)
    if error is None:
        assert (await at.grants.redeem(said))[0]
    else:
        assert await refused(at, said) == error


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"grant_type": ""}, "unsupported_grant_type"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": "client_credentials"}, "unsupported_grant_type"),
        ({"grant_type": "refresh_token"}, "unauthorized_client"),
        ({"client_secret": ""}, "invalid_client"),
        ({"client_secret": "its-secreT"}, "invalid_client"),
        ({"client_secret": "\ud800"}, "invalid_client"),
        ({"client_id": "jupyterhub-user-bob"}, "invalid_client"),
        ({"client_id": "nobody"}, "invalid_client"),
        ({"client_id": "\0"}, "invalid_client"),
        ({"code": ""}, "invalid_grant"),
        ({"code": "x" * 30}, "invalid_grant"),
        ({"code": "\ud800"}, "invalid_grant"),
        ({"redirect_uri": "/user/bob/oauth_callback"}, "invalid_request"),
    ],
    ids=str,
)
async def test_what_a_client_may_not_ask_is_refused_in_the_words_of_the_rfc(
    database: Database, wrong: dict[str, str], error: str
) -> None:
    at = gate(database)
    ada = await person(at)
    _, visitor = await entered(at, ada)
    client = await server_of(at, ada)
    await put(at, client_of("bob", secret="another"))
    code = await coded(at, visitor, client)
    assert await refused(at, {**form(client, code), **wrong}) == error
    assert (await at.grants.redeem(form(client, code)))[0]  # a mistake spends nothing


async def test_a_form_without_anything_is_refused(database: Database) -> None:
    at = gate(database)
    assert await refused(at, {}) == "unsupported_grant_type"
    assert await refused(at, {"grant_type": "authorization_code"}) == "invalid_client"


async def test_a_code_of_another_client_is_no_code(database: Database) -> None:
    at = gate(database)
    ada = await person(at)
    _, visitor = await entered(at, ada)
    one, other = await server_of(at, ada), await server_of(at, ada, "gpu")
    code = await coded(at, visitor, one)
    assert await refused(at, form(other, code)) == "invalid_grant"


async def test_a_code_lives_five_minutes(database: Database) -> None:
    hands = Hands()
    at = gate(database, hands)
    ada = await person(at)
    _, visitor = await entered(at, ada)
    client = await server_of(at, ada)
    fresh, old = await coded(at, visitor, client), await coded(at, visitor, client)
    hands.move(timedelta(seconds=299))
    assert await at.grants.redeem(form(client, fresh))
    hands.move(timedelta(seconds=1))
    assert await refused(at, form(client, old)) == "invalid_grant"


async def test_a_second_use_takes_back_what_the_first_gave(database: Database) -> None:
    at = gate(database)
    ada = await person(at)
    _, visitor = await entered(at, ada)
    client = await server_of(at, ada)
    code = await coded(at, visitor, client)
    secret, _ = await at.grants.redeem(form(client, code))
    assert await at.tokens.principal(secret)
    assert await refused(at, form(client, code)) == "invalid_grant"
    assert await at.tokens.principal(secret) is None


async def test_of_fifty_uses_at_once_one_gets_a_token_and_even_that_is_taken_back(
    database: Database,
) -> None:
    at = gate(database)
    ada = await person(at)
    _, visitor = await entered(at, ada)
    client = await server_of(at, ada)
    code = await coded(at, visitor, client)
    tries = [at.grants.redeem(form(client, code)) for _ in range(50)]
    outcomes = await asyncio.gather(*tries, return_exceptions=True)
    won = [it for it in outcomes if not isinstance(it, BaseException)]
    assert len(won) == 1
    assert {it.error for it in outcomes if isinstance(it, BadGrant)} == {"invalid_grant"}
    assert await at.tokens.principal(won[0][0]) is None
    assert await at.tokens.of(ada) == []


async def test_who_signs_out_takes_the_codes_of_that_browser_along(database: Database) -> None:
    at = gate(database)
    ada = await person(at)
    (_, here), (_, there) = await entered(at, ada), await entered(at, ada)
    client = await server_of(at, ada)
    gone, kept = await coded(at, here, client), await coded(at, there, client)
    await at.sessions.end(here.session)
    assert await refused(at, form(client, gone)) == "invalid_grant"
    assert await at.grants.redeem(form(client, kept))
    last = await coded(at, there, client)
    await at.accounts.block(ada)
    assert await refused(at, form(client, last)) == "invalid_grant"


async def test_an_administrator_is_asked_before_they_enter_somebody_elses_server(
    database: Database,
) -> None:
    hands = Hands()
    at = gate(database, hands)
    ada, root = await person(at), await person(at, "root", admin=True)
    client = await server_of(at, ada)
    _, visitor = await entered(at, root)
    offer = await offered(at, visitor, client)
    assert offer.confirm
    assert {it.text for it in offer.scopes} == {
        "access:servers!server=ada/", "read:users:groups!user=root", "read:users:name!user=root",
    }  # fmt: skip
    token = await redeemed(at, client, await at.grants.code(visitor, offer))
    assert not (await offered(at, visitor, client)).confirm  # it holds all of that already
    hands.move(timedelta(days=13, hours=23))
    _, visitor = await entered(at, root)
    hands.move(timedelta(hours=1))
    assert token.expires == at.grants.clock()
    assert (await offered(at, visitor, client)).confirm  # what has expired is not held


async def redeemed(at: Gate, client: Client, code: str) -> Token:
    return (await at.grants.redeem(form(client, code)))[1]


async def test_who_ticks_nothing_is_known_and_does_not_enter(database: Database) -> None:
    at = gate(database)
    ada, root = await person(at), await person(at, "root", admin=True)
    client = await server_of(at, ada)
    _, visitor = await entered(at, root)
    offer = await offered(at, visitor, client)
    for chosen in ([], ["admin:users", "access:servers"]):
        code = await at.grants.code(visitor, offer, chosen)
        token = await redeemed(at, client, code)
        assert set(token.scopes) == {it.text for it in identify("root")}
        assert (await offered(at, visitor, client)).confirm


async def test_who_may_not_enter_is_denied(database: Database) -> None:
    at = gate(database)
    ada, bob = await person(at), await person(at, "bob")
    client = await server_of(at, ada)
    _, visitor = await entered(at, bob)
    with pytest.raises(Denied) as denied:
        await offered(at, visitor, client)
    assert denied.value.code == "no-access"


async def test_who_may_enter_by_a_group_may_enter(database: Database) -> None:
    role = Role(name="helper", scopes=("access:servers!group=course",), users=frozenset({"eve"}))
    at = gate(database, roles=(role,))
    ada = await at.accounts.add("ada", frozenset({"course"}))
    bob = await at.accounts.add("bob")
    eve = await person(at, "eve")
    _, visitor = await entered(at, eve)
    assert (await offered(at, visitor, await server_of(at, ada))).confirm
    with pytest.raises(Denied):
        await offered(at, visitor, await server_of(at, bob))


async def test_an_unknown_client_or_another_address_is_sent_nowhere(database: Database) -> None:
    at = gate(database)
    ada = await person(at)
    _, visitor = await entered(at, ada)
    client = await server_of(at, ada)
    for wrong in (
        replace(client, id="jupyterhub"),
        replace(client, id="\0"),
        replace(client, id="\ud800"),
        replace(client, redirect_uri="https://evil.example/user/ada/oauth_callback"),
        replace(client, redirect_uri=client.redirect_uri + "/"),
        replace(client, redirect_uri=quote(client.redirect_uri, safe="")),
    ):
        with pytest.raises(Invalid) as bad:
            await offered(at, visitor, wrong)
        assert not isinstance(bad.value, SentBack)


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"response_type": ""}, "unsupported_response_type"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"scope": "nonsense"}, "invalid_scope"),
        ({"scope": "admin:users"}, "invalid_scope"),
        ({"scope": "inherit"}, "invalid_scope"),
        ({"scope": "admin"}, "invalid_scope"),
        ({"challenge": "x", "method": "S512"}, "invalid_request"),
        ({"challenge": "\0"}, "invalid_request"),
        ({"challenge": "x" * 200}, "invalid_request"),
    ],
    ids=str,
)
async def test_a_question_that_makes_no_sense_is_answered_to_the_client(
    database: Database, wrong: dict[str, str], error: str
) -> None:
    at = gate(database)
    ada = await person(at)
    _, visitor = await entered(at, ada)
    client = await server_of(at, ada)
    with pytest.raises(SentBack) as sent:
        await offered(at, visitor, client, **wrong)
    assert (sent.value.error, sent.value.params["to"]) == (error, client.redirect_uri)


@pytest.mark.parametrize(
    "scope", ["identify", "access:servers!server=ada/", "read:users:name!user"]
)
async def test_scopes_that_are_offered_anyway_may_be_asked_for(
    database: Database, scope: str
) -> None:
    at = gate(database)
    ada = await person(at)
    _, visitor = await entered(at, ada)
    client = await server_of(at, ada)
    offer = await offered(at, visitor, client, scope=scope)
    assert sorted(it.text for it in offer.scopes) == SCOPES


async def test_codes_are_forgotten_an_hour_after_their_end(database: Database) -> None:
    hands = Hands()
    at = gate(database, hands)
    ada = await person(at)
    _, visitor = await entered(at, ada)
    client = await server_of(at, ada)
    code = await coded(at, visitor, client)
    hands.move(timedelta(minutes=64))
    await coded(at, visitor, client)
    assert await database.read(codes.find(digest(code)))
    hands.move(timedelta(minutes=2))
    await coded(at, visitor, client)
    assert await database.read(codes.find(digest(code))) is None


async def test_who_may_enter_one_server_may_not_enter_another_of_its_owner(
    database: Database,
) -> None:
    shared = Role(
        name="shared", scopes=("access:servers!server=ada/lab",), users=frozenset({"bob"})
    )
    at = gate(database, roles=(shared,))
    ada, bob = await person(at), await person(at, "bob")
    _, visitor = await entered(at, bob)
    client, lab = await server_of(at, ada), await server_of(at, ada, "lab")
    assert (await offered(at, visitor, lab)).confirm
    with pytest.raises(Denied):
        await offered(at, visitor, client)
