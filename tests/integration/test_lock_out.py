"""Guessing is limited, and keeps nobody out of where they have signed in before."""

from datetime import timedelta

import pytest

from perijove.core.gate import Gate
from perijove.core.login import KNOWN_FOR, OF_ACCOUNT
from perijove.model.errors import Busy, Denied
from perijove.store.database import Database
from tests.bar import size
from tests.doors import PASSWORD, Hands, gate

HOME, CAFE = "198.51.100.7", "203.0.113.9"
SECONDS = size(22, 150, 600)


async def settled(database: Database, hands: Hands) -> Gate:
    """Return a gate at which ada has signed in at home."""
    at = gate(database, hands)
    await at.accounts.create("ada", password=PASSWORD)
    await at.login.sign_in("ada", PASSWORD, address=HOME, agent="")
    return at


async def guess(at: Gate, address: str) -> None:
    """Be wrong as often as may be."""
    for _ in range(OF_ACCOUNT):
        with pytest.raises(Denied):
            await at.login.sign_in("ada", "a guess", address=address, agent="")
    with pytest.raises(Busy):
        await at.login.sign_in("ada", "a guess", address=address, agent="")


async def test_who_guesses_keeps_nobody_out_of_where_they_have_signed_in(
    database: Database,
) -> None:
    hands = Hands()
    at = await settled(database, hands)
    await guess(at, CAFE)
    assert await at.login.sign_in("ada", PASSWORD, address=HOME, agent="")
    with pytest.raises(Busy):
        await at.login.sign_in("ada", PASSWORD, address="192.0.2.1", agent="")


async def test_guesses_are_limited_where_they_have_signed_in_as_well(database: Database) -> None:
    hands = Hands()
    at = await settled(database, hands)
    await guess(at, HOME)
    with pytest.raises(Busy):
        await at.login.sign_in("ada", PASSWORD, address=HOME, agent="")
    hands.move(timedelta(minutes=1))
    assert await at.login.sign_in("ada", PASSWORD, address=HOME, agent="")


async def test_an_address_is_known_for_one_name_only_and_not_for_ever(database: Database) -> None:
    hands = Hands()
    at = await settled(database, hands)
    await at.accounts.create("bob", password=PASSWORD)
    await at.login.sign_in("bob", PASSWORD, address=CAFE, agent="")
    await guess(at, CAFE)
    with pytest.raises(Busy):
        await at.login.sign_in("ada", PASSWORD, address="192.0.2.1", agent="")
    hands.move(KNOWN_FOR + timedelta(minutes=2))
    await guess(at, CAFE)
    with pytest.raises(Busy):
        await at.login.sign_in("ada", PASSWORD, address=HOME, agent="")


async def test_guessing_without_end_is_ten_checks_a_minute_and_the_owner_comes_in(
    database: Database,
) -> None:
    """Two guesses a second, from one address after another."""
    hands = Hands()
    at = await settled(database, hands)
    checked, began = list[int](), at.accounts.clock()
    for second in range(SECONDS):
        hands.move(timedelta(seconds=1))
        for number in range(2):
            try:
                await at.login.sign_in("ada", "x", address=f"2001:db8::{number:x}", agent="")
            except Busy:
                continue
            except Denied:
                checked.append(second)
        if second % 20 == 0:
            assert await at.login.sign_in("ada", PASSWORD, address=HOME, agent="")
    minutes = (at.accounts.clock() - began).total_seconds() / 60  # our own work takes time too
    assert OF_ACCOUNT * int(minutes) <= len(checked) <= OF_ACCOUNT * (int(minutes) + 1)
