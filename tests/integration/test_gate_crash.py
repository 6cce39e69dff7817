"""Signing in, out and being removed, with the hub killed before and after every call."""

import os
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from perijove.core.gate import Gate, apply_rules
from perijove.core.grants import Question
from perijove.model.errors import HubError
from perijove.model.user import Standing
from perijove.store.database import Database
from tests.doors import PASSWORD, Hands, client_of, entered, gate, person, put
from tests.mortal import Crash, Fuse, MortalDatabase

SECRET = "s" * 43


Act = Callable[[Gate], Awaitable[object]]


async def killed_everywhere(
    database: Database, hands: Hands, act: Act, then: Act, **more: Any
) -> list[str]:
    """Run `act` with a kill at every call in turn, each time followed by `then`."""
    points: list[str] = []
    for after in (False, True):
        for at in range(1, 60):
            hands.move(timedelta(minutes=1))  # no limit is reached
            fuse = Fuse(at, after=after)
            try:
                await act(gate(MortalDatabase(database, fuse), hands, **more))
            except Crash:
                points.append(fuse.points[-1])
            else:
                if len(fuse.points) < at:
                    break
            finally:
                await then(gate(database, hands, **more))
        else:
            pytest.fail("there is no end of calls")
    return points


async def test_who_is_being_removed_is_shut_out_and_removed_by_the_next_try(
    database: Database,
) -> None:
    hands = Hands()
    before = gate(database, hands)

    async def remove(at: Gate) -> None:
        ada = await person(before)
        _, visitor = await entered(before, ada)
        await before.tokens.make(ada, by=visitor.principal)
        await at.accounts.delete(ada)

    async def again(at: Gate) -> None:
        ada = await at.accounts.named("ada")
        if ada is not None:
            if ada.standing is not Standing.BLOCKED:  # not a word of it was written
                assert len(await at.sessions.of(ada)) == 1
            await at.accounts.delete(ada)
        assert await at.accounts.all() == []

    points = await killed_everywhere(database, hands, remove, again)
    assert points.count("write") == 4


async def test_a_link_is_used_with_a_password_and_a_session_or_not_at_all(
    database: Database, tmp_path: Path
) -> None:
    hands = Hands()
    link = tmp_path / "first"
    secrets = iter(f"{n}{SECRET}" for n in range(100))

    async def click(at: Gate) -> None:
        link.write_text(next(secrets))
        os.utime(link, (1_800_000_000, 1_800_000_000))
        await at.login.once(link.read_text(), password=PASSWORD, address="::1", agent="")

    async def start(at: Gate) -> None:
        await apply_rules(at)
        admin = await at.accounts.named("admin")
        sessions = await at.sessions.of(admin) if admin else []
        assert link.exists() or sessions
        assert bool(sessions) == bool(await at.accounts.password("admin"))
        if link.exists():  # it still works
            await at.login.once(link.read_text(), address="::2", agent="")
        for user in await at.accounts.all():
            await at.accounts.delete(user)

    points = await killed_everywhere(database, hands, click, start, first=link)
    assert points.count("write") >= 3


async def test_a_code_that_was_spent_when_the_hub_died_gives_no_second_token(
    database: Database,
) -> None:
    hands = Hands()
    before = gate(database, hands)
    ada = await person(before)
    _, visitor = await entered(before, ada)
    client = await put(before, client_of("ada"))
    question = Question(client_id=client.id, response_type="code")
    code = ""

    async def redeem(at: Gate) -> None:
        nonlocal code
        code = await before.grants.code(visitor, await before.grants.ask(visitor, question))
        await at.grants.redeem(said())

    def said() -> dict[str, str]:
        return {
            "grant_type": "authorization_code", "client_id": client.id, "code": code,
            "client_secret": "its-secret",
        }  # fmt: skip

    async def again(at: Gate) -> None:
        try:
            secret, _ = await at.grants.redeem(said())
        except HubError:
            assert await at.tokens.of(ada) == []
        else:
            assert [token.client for token in await at.tokens.of(ada)] == [client.id]
            await at.sessions.end_all(ada, keep=visitor.session)
            principal = await at.tokens.principal(secret)
            assert principal is not None
            await at.tokens.revoke(ada, principal.token_id or 0)

    points = await killed_everywhere(database, hands, redeem, again)
    assert points.count("write") == 2


async def test_a_sign_in_that_was_cut_short_can_be_made_again(database: Database) -> None:
    hands = Hands()
    ada = await person(gate(database))

    async def sign_in(at: Gate) -> None:
        await at.login.sign_in("ada", PASSWORD, address="::1", agent="")

    async def again(at: Gate) -> None:
        for session in await at.sessions.of(ada):
            await at.sessions.end(session)

    points = await killed_everywhere(database, hands, sign_in, again)
    assert points.count("write") >= 4
