"""Signing in and up: rules, limits, sessions, and the link of the first administrator."""

import asyncio
import logging
import os
from datetime import timedelta
from pathlib import Path

import pytest

from perijove.authenticators.dummy import DummyAuthenticator
from perijove.core.gate import Gate, apply_rules
from perijove.core.login import OF_ACCOUNT, OF_ADDRESS
from perijove.core.rules import Rules
from perijove.model.errors import Busy, Conflict, HubError, Invalid
from perijove.model.token import Session
from perijove.model.user import Standing
from perijove.store.database import Database
from tests.doors import PASSWORD, Hands, entered, gate, person

SECRET = "s" * 43


async def sign_in(at: Gate, name: str = "ada", password: str = PASSWORD, address: str = "::1"):
    return await at.login.sign_in(name, password, address=address, agent="Firefox")


def dummy(*_: object) -> DummyAuthenticator:
    return DummyAuthenticator()


async def code_of(attempt: object) -> str:
    with pytest.raises(HubError) as refused:
        await attempt  # type: ignore[misc]
    return refused.value.code


async def test_who_signs_in_is_known_by_the_cookie_until_they_sign_out(database: Database) -> None:
    at = gate(database)
    ada = await person(at)
    secret, session = await sign_in(at)
    visitor = await at.sessions.visitor(secret)
    assert visitor is not None
    assert (visitor.user, visitor.session, visitor.principal.cookie) == (ada, session, True)
    assert [it.agent for it in await at.sessions.of(ada)] == ["Firefox"]
    await at.sessions.end(session)
    assert await at.sessions.visitor(secret) is None
    assert await at.sessions.of(ada) == []


@pytest.mark.parametrize("secret", ["", "x", "\ud800", "s" * 10_000])
async def test_any_other_cookie_is_nobody(database: Database, secret: str) -> None:
    assert await gate(database).sessions.visitor(secret) is None


async def test_names_are_found_in_any_case_and_form(database: Database) -> None:
    at = gate(database)
    await person(at, "zoë")
    assert (await sign_in(at, "ZOE\u0308"))[1].address == "::1"


async def test_a_session_ends_by_itself_after_two_weeks(database: Database) -> None:
    hands = Hands()
    at = gate(database, hands)
    await person(at)
    secret, _ = await sign_in(at)
    hands.move(timedelta(days=13))
    assert await at.sessions.visitor(secret) is not None
    hands.move(timedelta(days=1, seconds=1))
    assert await at.sessions.visitor(secret) is None


async def test_a_session_that_was_read_before_is_forgotten_by_every_replica_within_a_second(
    database: Database,
) -> None:
    hands = Hands()
    here, there = gate(database, hands), gate(database, hands)
    await person(here)
    secret, session = await sign_in(here)
    assert await there.sessions.visitor(secret) is not None
    await here.sessions.end(session)
    assert await here.sessions.visitor(secret) is None
    hands.move(timedelta(seconds=1))
    assert await there.sessions.visitor(secret) is None


async def test_wrong_passwords_and_unknown_names_get_one_answer(database: Database) -> None:
    at = gate(database)
    await person(at)
    assert await code_of(sign_in(at, password="wrong")) == "wrong-password"
    assert await code_of(sign_in(at, "nobody")) == "wrong-password"
    assert await code_of(sign_in(at, "..", "x")) == "wrong-password"


@pytest.mark.parametrize("name", ["a\0b", "\ud800", "\0" * 300, "", " ", "😀" * 100])
async def test_a_name_that_no_database_can_hold_is_wrong_like_any_other(
    database: Database, name: str
) -> None:
    at = gate(database)
    assert await code_of(sign_in(at, name)) == "wrong-password"
    assert await at.accounts.named(name) is None
    with pytest.raises(HubError):
        await at.login.sign_up(name + "\0", PASSWORD, why="a\0\ud800", address="::1")
    bob = await at.login.sign_up("bob", PASSWORD, why="a\0\ud800", address="::1")
    assert bob.note == "a\ufffd?"


async def test_a_log_line_holds_little_of_a_megabyte_of_name(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    at = gate(database)
    with caplog.at_level(logging.INFO):
        assert await code_of(sign_in(at, "x" * 1_000_000, "x")) == "wrong-password"
    assert "x" * 32 in caplog.text
    assert max(map(len, caplog.text.splitlines())) < 200


async def test_of_many_passwords_at_once_ten_a_minute_are_checked(database: Database) -> None:
    hands = Hands()
    at = gate(database, hands)
    await person(at)
    tries = [sign_in(at, password=f"guess {n}", address=f"::{n}") for n in range(50)]
    codes = [it.code for it in await asyncio.gather(*tries, return_exceptions=True)]  # type: ignore[union-attr]
    assert codes.count("wrong-password") == OF_ACCOUNT == 10
    assert codes.count("signin.slow-down") == 40
    hands.move(timedelta(seconds=15))
    with pytest.raises(Busy) as busy:
        await sign_in(at)
    assert busy.value.params["retry_after"] == 45
    assert busy.value.params["name"] == "ada"
    hands.move(timedelta(seconds=45))
    assert await sign_in(at)  # nobody is locked out


async def test_a_limit_holds_in_another_replica_and_after_a_restart(database: Database) -> None:
    hands = Hands()
    at = gate(database, hands)
    await person(at)
    for n in range(OF_ACCOUNT):
        await code_of(sign_in(at, password="x", address=f"::{n}"))
    assert await code_of(sign_in(gate(database, hands))) == "signin.slow-down"


async def test_an_address_may_be_wrong_only_so_often_and_anybody_right_as_often_as_they_like(
    database: Database,
) -> None:
    at = gate(database, rules=Rules(allow_all=True), authenticator=dummy)
    for n in range(OF_ADDRESS + 5):
        await sign_in(at, f"student{n}")
        await sign_in(at, "teacher")
    at = gate(database)
    for n in range(OF_ADDRESS):
        assert await code_of(sign_in(at, f"nobody{n}")) == "wrong-password"
    assert await code_of(sign_in(at, "one more")) == "signin.slow-down"
    assert await code_of(sign_in(at, "one more", address="::2")) == "wrong-password"


@pytest.mark.parametrize(
    ("rules", "name", "code"),
    [
        (Rules(), "ada", "allow.none"),
        (Rules(allowed_users=frozenset({"bob"})), "ada", "allow.users"),
        (Rules(allow_all=True, blocked_users=frozenset({"Ada"})), "ada", "blocked"),
        (Rules(admin_users=frozenset({"ada"}), blocked_users=frozenset({"ada"})), "ada", "blocked"),
        (Rules(allow_all=True), "a/b", "name.slash"),
        (Rules(allow_all=True), "..", "name.dots"),
    ],
)
async def test_who_is_refused_is_told_that_and_the_log_says_which_rule_is_missing(
    database: Database, caplog: pytest.LogCaptureFixture, rules: Rules, name: str, code: str
) -> None:
    at = gate(database, rules=rules, authenticator=dummy)
    with caplog.at_level(logging.WARNING):
        assert await code_of(sign_in(at, name)) == code
    assert code in caplog.text
    assert await at.accounts.named(name) is None


@pytest.mark.parametrize(
    ("rules", "admin"),
    [
        (Rules(allow_all=True), False),
        (Rules(allowed_users=frozenset({"ADA"})), False),
        (Rules(admin_users=frozenset({"ada"})), True),
        (Rules(allow_existing_users=True, allowed_users=frozenset({"ada"})), False),
    ],
)
async def test_a_rule_lets_in_and_makes_the_account(
    database: Database, rules: Rules, *, admin: bool
) -> None:
    at = gate(database, rules=rules, authenticator=dummy)
    secret, _ = await sign_in(at, "Ada")
    visitor = await at.sessions.visitor(secret)
    assert visitor is not None
    assert (visitor.user.name, visitor.user.admin) == ("ada", admin)


async def test_known_people_keep_their_access_where_some_are_named(database: Database) -> None:
    await gate(database).accounts.create("ada")
    some = Rules(allowed_users=frozenset({"bob"}))
    assert await sign_in(gate(database, rules=some, authenticator=dummy))
    none = Rules(admin_users=frozenset({"bob"}))
    at = gate(database, rules=none, authenticator=dummy)
    assert await code_of(sign_in(at)) == "allow.none"


async def test_blocked_people_are_shut_out_when_the_hub_starts(database: Database) -> None:
    before = gate(database)
    ada = await person(before)
    secret, _ = await sign_in(before)
    token = (await before.tokens.make(ada, by=(await entered(before, ada))[1].principal))[1]
    after = gate(database, rules=Rules(approved=True, blocked_users=frozenset({"ada"})))
    await apply_rules(after)
    assert await after.sessions.visitor(secret) is None
    assert await after.tokens.principal(token) is None
    assert await code_of(sign_in(after)) == "blocked"


async def test_a_hub_that_lets_nobody_in_says_so(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    await apply_rules(gate(database, rules=Rules(), authenticator=dummy))
    assert "no rule lets anybody sign in" in caplog.text


async def test_who_signs_up_waits_until_an_administrator_approves(database: Database) -> None:
    at = gate(database)
    ada = await at.login.sign_up("Ada", PASSWORD, display="Ada L.", why="The course", address="::1")
    assert (ada.name, ada.display_name, ada.note) == ("ada", "Ada L.", "The course")
    assert await code_of(sign_in(at)) == "signup.waiting"
    assert await code_of(sign_in(at, password="wrong")) == "wrong-password"
    assert await at.accounts.waiting() == [ada]
    await at.accounts.decline(ada)
    assert await code_of(sign_in(at)) == "signup.declined"
    await at.accounts.approve(ada)
    assert await sign_in(at)


@pytest.mark.parametrize(
    ("name", "password", "error", "code"),
    [
        ("ada", PASSWORD, Conflict, "name.taken"),
        ("ADA", PASSWORD, Conflict, "name.taken"),
        ("\uff41da", PASSWORD, Conflict, "name.look-alike"),
        ("a/b", PASSWORD, Invalid, "name.slash"),
        ("x" * 300, PASSWORD, Invalid, "name.long"),
        ("bob", "short", Invalid, "password.short"),
        ("bob", "x" * 2000, Invalid, "password.long"),
    ],
)
async def test_a_sign_up_that_is_no_good_says_why(
    database: Database, name: str, password: str, error: type[HubError], code: str
) -> None:
    at = gate(database)
    await person(at)
    with pytest.raises(error) as refused:
        await at.login.sign_up(name, password, address="::1")
    assert refused.value.code == code
    assert await at.accounts.named("bob") is None


async def test_nobody_becomes_administrator_by_being_first_under_that_name(
    database: Database,
) -> None:
    rules = Rules(allow_all=True, approved=True, admin_users=frozenset({"root"}))
    at = gate(database, rules=rules)
    assert (await at.login.sign_up("eve", PASSWORD, address="::1")).standing is Standing.ACTIVE
    await at.login.sign_up("Root", PASSWORD, address="::1")
    assert await code_of(sign_in(at, "root")) == "signup.waiting"


async def test_where_accounts_come_from_elsewhere_nobody_signs_up(database: Database) -> None:
    at = gate(database, authenticator=dummy, rules=Rules(allow_all=True))
    assert await code_of(at.login.sign_up("ada", PASSWORD, address="::1")) == "signup.closed"


async def test_another_password_ends_every_other_session_and_token(database: Database) -> None:
    at = gate(database)
    ada = await person(at)
    here, visitor = await entered(at, ada)
    there, _ = await entered(at, ada)
    token = (await at.tokens.make(ada, by=visitor.principal))[1]
    await at.accounts.set_password(ada, "another password", keep=visitor.session)
    assert await at.sessions.visitor(here) is not None
    assert await at.sessions.visitor(there) is None
    assert await at.tokens.principal(token) is None
    assert await code_of(sign_in(at)) == "wrong-password"
    assert await sign_in(at, password="another password")


async def test_who_changes_a_password_must_know_the_old_one(database: Database) -> None:
    at = gate(database)
    ada = await person(at)
    await at.login.require_password(ada, PASSWORD, address="::1")
    wrong = at.login.require_password(ada, "wrong", address="::1")
    assert await code_of(wrong) == "wrong-password"


async def test_who_is_blocked_is_out_at_once(database: Database) -> None:
    at = gate(database)
    ada = await person(at)
    secret, visitor = await entered(at, ada)
    token = (await at.tokens.make(ada, by=visitor.principal))[1]
    await at.accounts.block(ada)
    assert await at.sessions.visitor(secret) is None
    assert await at.tokens.principal(token) is None
    assert await code_of(sign_in(at)) == "blocked"


@pytest.fixture
def link(tmp_path: Path) -> Path:
    path = tmp_path / "first"
    path.write_text(SECRET + "\n")
    os.utime(path, (1_800_000_000, 1_800_000_000))
    return path


async def once(at: Gate, secret: str = SECRET) -> tuple[str, Session]:
    return await at.login.once(secret, address="::1", agent="Firefox")


async def test_the_link_makes_an_administrator_and_works_once(
    database: Database, link: Path
) -> None:
    at = gate(database, first=link)
    assert not await at.accounts.has_administrator()
    cookie, _ = await once(at)
    visitor = await at.sessions.visitor(cookie)
    assert visitor is not None
    assert (visitor.user.name, visitor.user.admin) == ("admin", True)
    assert not link.exists()
    assert await code_of(once(at)) == "link.used"
    link.write_text(SECRET)  # as if the hub was killed before it removed the file
    assert await code_of(once(gate(database, first=link))) == "link.used"
    await at.accounts.set_password(visitor.user, PASSWORD, keep=visitor.session)
    assert await sign_in(at, "admin")


async def test_of_fifty_clicks_at_once_one_wins(database: Database, link: Path) -> None:
    at = gate(database, first=link)
    outcomes = await asyncio.gather(*(once(at) for _ in range(40)), return_exceptions=True)
    assert sum(isinstance(it, tuple) for it in outcomes) == 1
    refused = {it.code for it in outcomes if isinstance(it, HubError)}
    assert refused <= {"link.used", "link.unknown"}
    assert len(await at.accounts.all()) == 1


async def test_another_link_is_refused_and_an_old_one_is_too(
    database: Database, link: Path
) -> None:
    hands = Hands()
    at = gate(database, hands, first=link)
    for wrong in ("", "x", "\ud800", SECRET + "x"):
        assert await code_of(once(at, wrong)) == "link.unknown"
    hands.move(timedelta(days=1, minutes=2))
    assert await code_of(once(at)) == "link.expired"
    link.unlink()
    assert await code_of(once(at)) == "link.unknown"
    assert await code_of(once(gate(database))) == "link.unknown"


async def test_the_link_signs_in_the_administrator_whom_the_configuration_names(
    database: Database, link: Path
) -> None:
    rules = Rules(approved=True, admin_users=frozenset({"Grace", "linus"}))
    at = gate(database, rules=rules, first=link)
    cookie, _ = await once(at)
    visitor = await at.sessions.visitor(cookie)
    assert visitor is not None
    assert visitor.user.name == "grace"


async def test_whoever_asked_for_the_name_before_does_not_get_in_with_the_link(
    database: Database, link: Path
) -> None:
    at = gate(database, first=link)
    await at.login.sign_up("admin", PASSWORD, address="::1")
    await once(at)
    assert await code_of(sign_in(at, "admin")) == "wrong-password"
    admin = await at.accounts.named("admin")
    assert admin is not None
    assert admin.admin
