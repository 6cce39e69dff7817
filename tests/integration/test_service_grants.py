"""People let services know who they are: who may, who is asked, and what is given."""

from dataclasses import replace
from typing import Any

import pytest

from perijove.core.gate import Gate
from perijove.core.grants import Offer, Question
from perijove.kit.secret import digest
from perijove.model.errors import Denied, Invalid, SentBack
from perijove.model.role import Role
from perijove.model.service import Service
from perijove.model.visitor import Visitor
from perijove.store.database import Database
from tests.doors import Hands, entered, gate, person

GRADES = Service(
    name="grades",
    url="http://127.0.0.1:9001",
    token=digest("its-secret"),
    client="service-grades",
    configured=True,
)
WHO = {"read:users:groups!user=ada", "read:users:name!user=ada"}
ENTERS = {"access:services!service=grades"}
BACK = "/services/grades/oauth_callback"
ONE = Role(name="graders", scopes=("access:services!service=grades",), users=frozenset({"ada"}))
ALL = Role(name="everywhere", scopes=("access:services",), users=frozenset({"ada"}))
OTHER = Role(name="elsewhere", scopes=("access:services!service=x",), users=frozenset({"ada"}))


async def at_gate(
    database: Database, *roles: Role, hands: Hands | None = None, **more: Any
) -> tuple[Gate, Visitor]:
    service = replace(GRADES, **more)
    at = gate(database, hands, roles=roles, services={"grades": service})
    _, visitor = await entered(at, await person(at))
    return at, visitor


def question(**more: str) -> Question:
    said = {"redirect_uri": BACK, "response_type": "code", "client_id": "service-grades", **more}
    return Question(**said)


def texts(offer: Offer) -> set[str]:
    return {scope.text for scope in offer.scopes}


async def given(at: Gate, code: str) -> tuple[str, set[str]]:
    form = {
        "grant_type": "authorization_code", "client_id": "service-grades",
        "client_secret": "its-secret", "code": code, "redirect_uri": BACK,
    }  # fmt: skip
    secret, token = await at.grants.redeem(form)
    return secret, set(token.scopes)


@pytest.mark.parametrize("role", [ONE, ALL], ids=["this service", "all services"])
async def test_whoever_may_enter_is_asked_and_is_known_there(
    database: Database, role: Role
) -> None:
    at, ada = await at_gate(database, role)
    offer = await at.grants.ask(ada, question())
    assert (offer.confirm, offer.client.description) == (True, "grades")
    assert texts(offer) == WHO | ENTERS
    secret, scopes = await given(at, await at.grants.code(ada, offer))
    assert scopes == WHO | ENTERS
    principal = await at.tokens.principal(secret)
    assert principal is not None
    assert {scope.text for scope in principal.scopes} == WHO | ENTERS
    assert not (await at.grants.ask(ada, question())).confirm  # it has been allowed


@pytest.mark.parametrize("roles", [(), (OTHER,)], ids=["none", "another service"])
async def test_whoever_may_not_enter_is_refused(
    database: Database, roles: tuple[Role, ...]
) -> None:
    at, ada = await at_gate(database, *roles, asks=False)
    with pytest.raises(Denied) as refused:
        await at.grants.ask(ada, question())
    assert (refused.value.code, refused.value.params["client"]) == ("no-access", "grades")


async def test_a_service_that_the_administrator_answers_for_asks_nobody(
    database: Database,
) -> None:
    at, ada = await at_gate(database, ONE, asks=False)
    assert not (await at.grants.ask(ada, question())).confirm


async def test_what_was_allowed_once_is_asked_again_when_it_has_expired(
    database: Database,
) -> None:
    hands = Hands()
    at, ada = await at_gate(database, ONE, hands=hands)
    offer = await at.grants.ask(ada, question())
    await given(at, await at.grants.code(ada, offer))
    assert not (await at.grants.ask(ada, question())).confirm
    hands.seconds += 15 * 86_400
    assert (await at.grants.ask(ada, question())).confirm


@pytest.mark.parametrize(
    ("allowed", "asked", "more"),
    [
        ((), "", set()),
        (("read:servers!user",), "", {"read:servers!user=ada"}),
        (("read:servers",), "", {"read:servers!user=ada"}),
        (("shutdown", "proxy"), "", set()),  # she does not hold them
        (("read:servers!user=bob",), "", set()),
        (("read:servers", "tokens"), "read:servers!user", {"read:servers!user=ada"}),
        (("read:servers", "proxy"), "proxy", set()),  # it may ask, she has none to give
        (("self",), "", {"servers!user=ada", "tokens!user=ada"}),
        (("inherit",), "tokens", {"tokens!user=ada"}),
        (("inherit",), "", {"servers!user=ada", "tokens!user=ada"}),
    ],
)
async def test_it_is_given_what_it_may_have_as_far_as_people_hold_it(
    database: Database, allowed: tuple[str, ...], asked: str, more: set[str]
) -> None:
    at, ada = await at_gate(database, ONE, allowed=allowed)
    if asked == "tokens":
        with pytest.raises(SentBack):  # of everybody: she cannot
            await at.grants.ask(ada, question(scope="tokens"))
        asked = "tokens!user"
    offer = await at.grants.ask(ada, question(scope=asked))
    assert texts(offer) >= WHO | ENTERS | more
    if not more:
        assert texts(offer) == WHO | ENTERS
    secret, scopes = await given(at, await at.grants.code(ada, offer))
    assert scopes == texts(offer)
    principal = await at.tokens.principal(secret)
    assert principal is not None
    assert {scope.text for scope in principal.scopes} == texts(offer)


@pytest.mark.parametrize("asked", ["servers", "read:servers!user=bob", "none", "admin", "inherit"])
async def test_more_than_it_may_have_is_not_even_asked(database: Database, asked: str) -> None:
    at, ada = await at_gate(database, ONE, allowed=("read:servers!user",))
    with pytest.raises(SentBack) as bad:
        await at.grants.ask(ada, question(scope=asked))
    assert bad.value.params["to"] == BACK


async def test_only_what_was_ticked_is_given_with_all_that_it_implies(database: Database) -> None:
    at, ada = await at_gate(database, ONE, allowed=("servers!user", "tokens!user"))
    offer = await at.grants.ask(ada, question())
    code = await at.grants.code(ada, offer, ["servers!user=ada", "admin:users"])
    _, scopes = await given(at, code)
    assert scopes >= {"servers!user=ada", "start:servers!user=ada"} | WHO
    assert not scopes & {"tokens!user=ada", "admin:users", *ENTERS}
    _, least = await given(at, await at.grants.code(ada, offer, []))
    assert least == WHO


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"client_id": "service-x"}, "oauth-no-client"),
        ({"client_id": "service-"}, "oauth-no-client"),
        ({"client_id": "service-\0"}, "oauth-no-client"),
        ({"redirect_uri": "https://evil.test/"}, "oauth-redirect"),
        ({"redirect_uri": f"{BACK}/../x"}, "oauth-redirect"),
    ],
)
async def test_nobody_is_sent_elsewhere(
    database: Database, more: dict[str, str], said: str
) -> None:
    at, ada = await at_gate(database, ONE)
    with pytest.raises(Invalid) as bad:
        await at.grants.ask(ada, question(**more))
    assert bad.value.code == said


async def test_a_service_without_a_token_can_prove_nothing(database: Database) -> None:
    at, ada = await at_gate(database, ONE, token="")
    code = await at.grants.code(ada, await at.grants.ask(ada, question()))
    with pytest.raises(Invalid) as bad:
        await given(at, code)
    assert bad.value.code == "invalid-client"


async def test_what_a_person_may_no_more_their_service_may_no_more(database: Database) -> None:
    at, ada = await at_gate(database, ONE, allowed=("read:servers!user",))
    secret, _ = await given(at, await at.grants.code(ada, await at.grants.ask(ada, question())))
    at.roles.become(type(at.roles)())
    at.accounts.memory.forget()
    principal = await at.tokens.principal(secret)
    assert principal is not None
    assert not ENTERS & {scope.text for scope in principal.scopes}
