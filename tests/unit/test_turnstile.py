"""A crowd passes a few at a time, in order, and others get their turn in between."""

import asyncio

from perijove.kit.turnstile import Turnstile


async def test_a_crowd_passes_a_few_a_turn_in_order() -> None:
    turnstile, passed, turns = Turnstile(3), list[int](), list[int]()

    async def one(number: int) -> None:
        await turnstile()
        passed.append(number)

    crowd = [asyncio.create_task(one(number)) for number in range(30)]
    while len(passed) < len(crowd):
        before = len(passed)
        await asyncio.sleep(0)
        turns.append(len(passed) - before)
    assert passed == list(range(30))
    assert max(turns) <= 2 * 3, "at most those of a turn, and those who were called in it"
    assert len(turns) >= 30 // 6


async def some_turns() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_who_comes_alone_waits_for_nobody() -> None:
    turnstile = Turnstile(1)
    for _ in range(3):
        passing = asyncio.create_task(turnstile())
        await asyncio.sleep(0)
        assert passing.done()
        await some_turns()


async def test_who_gives_up_takes_no_turn() -> None:
    turnstile = Turnstile(1)
    crowd = [asyncio.create_task(turnstile()) for _ in range(20)]
    await asyncio.sleep(0)
    for task in crowd[1:-1]:
        task.cancel()
    await asyncio.wait_for(crowd[-1], 20)


async def test_it_rests_when_nobody_comes() -> None:
    turnstile = Turnstile(2)
    await turnstile()
    await some_turns()
    assert not turnstile._turning
