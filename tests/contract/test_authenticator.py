"""What every authenticator promises: the right password, nobody else's, and no exceptions."""

from collections.abc import Awaitable, Callable
from time import perf_counter

import pytest
from argon2 import PasswordHasher

from perijove.authenticators import Authenticator, Identity
from perijove.authenticators.dummy import DummyAuthenticator
from perijove.authenticators.local import LocalAuthenticator
from perijove.kit.passwords import Passwords
from perijove.store.database import Database
from tests.directory import Directory
from tests.doors import PASSWORD, QUICK, gate, person

Make = Callable[[Database], Awaitable[Authenticator]]


async def local(database: Database) -> Authenticator:
    at = gate(database)
    await person(at)
    return at.login.authenticator


async def dummy(_: Database) -> Authenticator:
    return DummyAuthenticator(PASSWORD)


async def directory(_: Database) -> Authenticator:
    return Directory(people={"ada": Identity("ada")}, password=PASSWORD)


@pytest.fixture(params=[local, dummy, directory], ids=["local", "dummy", "directory"])
async def authenticator(database: Database, request: pytest.FixtureRequest) -> Authenticator:
    make: Make = request.param
    return await make(database)


async def test_the_right_password_says_who_it_is(authenticator: Authenticator) -> None:
    assert await authenticator.authenticate("ada", PASSWORD) == Identity("ada")


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("ada", ""),
        ("ada", "wrong"),
        ("ada", PASSWORD.upper()),
        ("ada", PASSWORD + "\0"),
        ("ada", "\ud800"),
        ("ada", "x" * 1_000_000),
        ("", PASSWORD),
        ("", ""),
    ],
    ids=["empty", "wrong", "case", "nul", "surrogate", "huge", "nobody", "nothing"],
)
async def test_any_other_says_nothing(
    authenticator: Authenticator, name: str, password: str
) -> None:
    assert await authenticator.authenticate(name, password) is None


async def test_without_a_password_the_dummy_takes_anybody_and_warns_at_the_start(
    caplog: pytest.LogCaptureFixture,
) -> None:
    dummy = DummyAuthenticator()
    assert "lets anybody in under any name." in caplog.text
    assert await dummy.authenticate("eve", "whatever") == Identity("eve")


async def test_a_hash_of_yesterdays_parameters_is_renewed_in_passing(database: Database) -> None:
    at = gate(database)
    await person(at)
    before = await at.accounts.password("ada")
    today = Passwords(PasswordHasher(time_cost=2, memory_cost=16, parallelism=1))
    again = LocalAuthenticator(at.accounts, today)
    assert await again.authenticate("ada", "wrong") is None
    assert await at.accounts.password("ada") == before
    assert await again.authenticate("ada", PASSWORD) == Identity("ada")
    after = await at.accounts.password("ada")
    assert after != before
    assert after is not None
    assert not today.outdated(after)
    assert await again.authenticate("ada", PASSWORD) == Identity("ada")


async def test_what_is_stored_is_argon2id_and_not_the_password(database: Database) -> None:
    at = gate(database)
    await person(at)
    stored = await at.accounts.password("ada")
    assert stored is not None
    assert stored.startswith("$argon2id$")
    assert PASSWORD not in stored


async def test_nobody_and_a_wrong_password_take_as_long(database: Database) -> None:
    slow = Passwords(PasswordHasher(time_cost=3, memory_cost=8192, parallelism=1))
    at = gate(database)
    await person(at)
    renewed = LocalAuthenticator(at.accounts, slow)
    assert await renewed.authenticate("ada", PASSWORD)

    async def seconds(name: str) -> float:
        best = 1e9
        for _ in range(5):
            began = perf_counter()
            assert await renewed.authenticate(name, "wrong") is None
            best = min(best, perf_counter() - began)
        return best

    await seconds("nobody")  # the stand-in is made once
    wrong, nobody = await seconds("ada"), await seconds("nobody")
    assert 1 / 3 < nobody / wrong < 3


def test_the_default_parameters_are_those_of_rfc_9106() -> None:
    hasher = PasswordHasher()
    assert (hasher.memory_cost, hasher.time_cost) == (65536, 3)
    assert QUICK.memory_cost < hasher.memory_cost
