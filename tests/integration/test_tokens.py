"""Tokens: what they let their owner do, and when that ends."""

from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from perijove.core.gate import Gate
from perijove.core.tokens import service_principal
from perijove.kit.secret import digest
from perijove.model.errors import Invalid, Unknown
from perijove.model.principal import Principal
from perijove.model.role import Role
from perijove.model.scope import SCOPES, Scope, Target
from perijove.model.scope import Kind as Filter
from perijove.model.token import Kind, Token
from perijove.model.user import User
from perijove.store import tokens as store
from perijove.store.database import Database
from perijove.store.open import open_database
from tests.doors import Hands, entered, gate, person

SOMEBODY = Principal.of("ada", [])


def parsed(*texts: str) -> frozenset[Scope]:
    return frozenset(Scope.parse(text) for text in texts)


async def shown(at: Gate, secret: str) -> Principal:
    principal = await at.tokens.principal(secret)
    assert principal is not None
    return principal


async def make(at: Gate, owner: User, *scopes: str) -> tuple[Token, Principal]:
    token, secret = await at.tokens.make(owner, by=SOMEBODY, scopes=scopes)
    return token, await shown(at, secret)


async def test_a_token_is_its_owner(database: Database) -> None:
    at = gate(database)
    ada = await person(at)
    token, secret = await at.tokens.make(ada, by=SOMEBODY)
    assert len(secret) == 32
    principal = await shown(at, secret)
    assert (principal.name, principal.kind, principal.user_id) == ("ada", "user", ada.id)
    assert (principal.token_id, principal.token_kind) == (token.id, Kind.API)
    assert principal.scopes == at.roles.of(ada)
    assert not principal.cookie
    assert (token.note, token.scopes, token.expires) == ("Requested via api", ("inherit",), None)


@pytest.mark.parametrize("secret", ["", "x", "\ud800", "t" * 10_000])
async def test_any_other_secret_is_nobody(database: Database, secret: str) -> None:
    assert await gate(database).tokens.principal(secret) is None


async def test_the_secret_is_stored_nowhere(tmp_path: Path) -> None:
    database = await open_database(f"{tmp_path}/hub.sqlite")
    at = gate(database)
    _, secret = await at.tokens.make(await person(at), by=SOMEBODY, note="a note of mine")
    await database.close()
    stored = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.is_file())
    assert b"a note of mine" in stored
    assert secret.encode() not in stored


async def test_a_note_says_who_made_it_for_somebody_else(database: Database) -> None:
    at = gate(database)
    ada = await person(at)
    root, grader = Principal.of("root", []), service_principal("grader", frozenset())
    assert (await at.tokens.make(ada, by=root))[0].note == "Requested via api by user root"
    assert (await at.tokens.make(ada, by=grader))[0].note == "Requested via api by service grader"
    assert (await at.tokens.make(ada, by=root, note="x" * 999))[0].note == "x" * 255
    assert (await at.tokens.make(ada, by=root, note="a\0\ud800"))[0].note == "a\ufffd?"


async def test_a_token_with_scopes_does_that_and_no_more(database: Database) -> None:
    at = gate(database)
    ada = await person(at)
    token, principal = await make(at, ada, "read:users!user", "access:servers!server=ada/gpu")
    assert token.scopes == ("access:servers!server=ada/gpu", "read:users!user=ada")
    assert {scope.name for scope in principal.scopes} == {
        "access:servers", "read:users", "read:users:name", "read:users:groups",
        "read:users:activity",
    }  # fmt: skip
    assert (await make(at, ada))[1].scopes == frozenset()
    assert (await make(at, ada, "inherit"))[1].scopes == at.roles.of(ada)


@pytest.mark.parametrize(
    "scopes",
    [
        ["admin:users"],
        ["read:users"],
        ["read:users!user=bob"],
        ["servers!group=course"],
        ["shares!user=ada"],
        ["self", "proxy"],
        ["inherit", "admin-ui"],
        ["nonsense"],
        ["access:servers!server"],
    ],
)
async def test_nobody_gives_away_what_they_do_not_hold(
    database: Database, scopes: list[str]
) -> None:
    at = gate(database)
    ada = await at.accounts.add("ada", frozenset({"course"}))
    with pytest.raises(Invalid):
        await at.tokens.make(ada, by=SOMEBODY, scopes=scopes)
    assert await at.tokens.of(ada) == []


async def test_what_a_group_reaches_can_be_given_for_its_members_alone(database: Database) -> None:
    teacher = Role(name="teacher", scopes=("servers!group=course",), users=frozenset({"eve"}))
    at = gate(database, roles=(teacher,))
    eve = await person(at, "eve")
    await at.accounts.add("bob", frozenset({"course"}))
    await at.accounts.add("mallory")
    _, principal = await make(at, eve, "start:servers!user=bob")
    assert parsed("start:servers!user=bob") == principal.scopes
    for name in ("mallory", "nobody"):
        with pytest.raises(Invalid):
            await at.tokens.make(eve, by=SOMEBODY, scopes=[f"start:servers!user={name}"])


async def test_an_owner_who_holds_less_tomorrow_makes_the_token_less(database: Database) -> None:
    at = gate(database)
    root = await person(at, "root", admin=True)
    _, secret = await at.tokens.make(root, by=SOMEBODY, scopes=["admin:users", "read:users!user"])
    assert parsed("delete:users") <= (await shown(at, secret)).scopes
    await at.accounts.change(root, admin=False)
    names = {scope.text for scope in (await shown(at, secret)).scopes}
    assert "read:users!user=root" in names
    assert not any(name.startswith(("admin:", "delete:")) for name in names)


async def test_a_token_whose_scope_is_gone_still_does_the_rest(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    at = gate(database)
    ada = await person(at)
    token = Token(
        id=1, kind=Kind.API, user_id=ada.id, user="ada", note="", created=ada.created,
        scopes=("custom:x", "read:users:name!user=ada"),
    )  # fmt: skip
    await database.write(store.add(token, digest("secret")))
    assert (await shown(at, "secret")).scopes == parsed("read:users:name!user=ada")
    assert "custom:x" in caplog.text


@pytest.mark.parametrize("seconds", [0, -1, 1.5, "60", True, 10**18])
async def test_a_life_that_makes_no_sense_is_refused(database: Database, seconds) -> None:
    at = gate(database)
    with pytest.raises(Invalid) as refused:
        await at.tokens.make(await person(at), by=SOMEBODY, expires_in=seconds)
    assert refused.value.code == "bad-expires-in"


async def test_a_token_expires_to_the_second_even_if_it_was_just_used(database: Database) -> None:
    hands = Hands()
    at = gate(database, hands)
    ada = await person(at)
    token, secret = await at.tokens.make(ada, by=SOMEBODY, expires_in=60)
    hands.move(timedelta(seconds=59.9))
    await shown(at, secret)
    hands.move(timedelta(seconds=0.1))
    assert await at.tokens.principal(secret) is None
    with pytest.raises(Unknown):
        await at.tokens.get(ada, token.id)
    assert await at.tokens.of(ada) == []
    assert await database.read(store.of(ada.id)) == []


async def test_what_is_revoked_ends_here_at_once_and_everywhere_within_a_second(
    database: Database,
) -> None:
    hands = Hands()
    here, there = gate(database, hands), gate(database, hands)
    ada = await person(here)
    token, secret = await here.tokens.make(ada, by=SOMEBODY)
    await shown(here, secret)
    await shown(there, secret)
    await here.tokens.revoke(ada, token.id)
    assert await here.tokens.principal(secret) is None
    hands.move(timedelta(seconds=1))
    assert await there.tokens.principal(secret) is None


async def test_a_token_that_is_unknown_now_may_be_known_the_next_moment(
    database: Database,
) -> None:
    at = gate(database)
    ada = await person(at)
    assert await at.tokens.principal("secret") is None
    token = Token(
        id=1, kind=Kind.SERVER, user_id=ada.id, user="ada", note="", created=ada.created,
        scopes=("users:activity!user=ada", "access:servers!server=ada/"), server_id=7,
    )  # fmt: skip
    await database.write(store.add(token, digest("secret")))
    principal = await shown(at, "secret")
    assert principal.token_kind is Kind.SERVER
    assert principal.scopes == parsed(
        "users:activity!user=ada", "read:users:activity!user=ada", "access:servers!server=ada/"
    )


async def test_tokens_of_others_are_not_there(database: Database) -> None:
    at = gate(database)
    ada, bob = await person(at), await person(at, "bob")
    token, secret = await at.tokens.make(ada, by=SOMEBODY)
    for attempt in (at.tokens.get(bob, token.id), at.tokens.revoke(bob, token.id)):
        with pytest.raises(Unknown):
            await attempt
    assert await at.tokens.of(bob) == []
    assert [it.id for it in await at.tokens.of(ada)] == [token.id]
    await shown(at, secret)


async def test_what_a_client_was_given_is_revoked_together(database: Database) -> None:
    at = gate(database)
    ada, bob = await person(at), await person(at, "bob")
    for id, owner, kind in ((1, ada, Kind.OAUTH), (2, ada, Kind.OAUTH), (3, bob, Kind.OAUTH)):
        token = Token(
            id=id, kind=kind, user_id=owner.id, user=owner.name, note="", scopes=(),
            created=owner.created, client="hub",
        )  # fmt: skip
        await database.write(store.add(token, digest(f"secret{id}")))
    mine, _ = await at.tokens.make(ada, by=SOMEBODY)
    await at.tokens.revoke(ada, 1)
    assert [it.id for it in await at.tokens.of(ada)] == [mine.id]
    assert [it.id for it in await at.tokens.of(bob)] == [3]


async def test_signing_out_ends_the_tokens_of_that_browser_alone(database: Database) -> None:
    at = gate(database)
    ada = await person(at)
    (_, here), (_, there) = await entered(at, ada), await entered(at, ada)
    for id, visitor in ((1, here), (2, there)):
        token = Token(
            id=id, kind=Kind.OAUTH, user_id=ada.id, user="ada", note="", scopes=("inherit",),
            created=ada.created, session=visitor.session.session,
        )  # fmt: skip
        await database.write(store.add(token, digest(f"secret{id}")))
        assert (await shown(at, f"secret{id}")).session == visitor.session.session
    await at.sessions.end(here.session)
    assert await at.tokens.principal("secret1") is None
    await shown(at, "secret2")
    await at.sessions.end_all(ada)
    assert await at.tokens.principal("secret2") is None


async def test_the_token_of_a_service_stands_in_the_configuration(database: Database) -> None:
    at = gate(database, ours={"s3cret-of-grader": service_principal("grader", parsed("proxy"))})
    principal = await shown(at, "s3cret-of-grader")
    assert (principal.kind, principal.name, principal.user_id) == ("service", "grader", None)
    assert await at.tokens.principal("s3cret-of-grade") is None


async def test_a_recreated_name_inherits_nothing(database: Database) -> None:
    at = gate(database)
    ada = await person(at)
    secret, visitor = await entered(at, ada)
    _, token = await at.tokens.make(ada, by=visitor.principal)
    await at.accounts.delete(ada)
    again = await person(at)
    assert again.id != ada.id
    assert await at.tokens.principal(token) is None
    assert await at.sessions.visitor(secret) is None
    assert await at.tokens.of(again) == []


filters = st.sampled_from(["", "!user", "!user=ada", "!user=bob", "!group=course", "!server=ada/"])
texts = st.builds(str.__add__, st.sampled_from(sorted(SCOPES)), filters)


@given(asked=st.lists(texts, max_size=4), admin=st.booleans())
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
async def test_no_token_ever_does_what_its_owner_may_not(
    database: Database, asked: list[str], *, admin: bool
) -> None:
    at = gate(database)
    ada = await at.accounts.named("ada") or await at.accounts.add("ada", frozenset({"course"}))
    ada = await at.accounts.change(ada, admin=admin)
    try:
        _, principal = await make(at, ada, *asked)
    except Invalid:
        return
    held = at.roles.of(ada)
    targets = [
        Target(), Target(Filter.USER, "ada", groups=ada.groups), Target(Filter.USER, "bob"),
        Target(Filter.SERVER, "ada", "", ada.groups), Target(Filter.GROUP, group="course"),
    ]  # fmt: skip
    for scope in principal.scopes:
        for target in filter(scope.covers, targets):
            assert any(it.name == scope.name and it.covers(target) for it in held)
