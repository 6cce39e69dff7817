"""Who is visiting: asked every second, known for hours when there is nobody to ask."""

import asyncio
from datetime import timedelta

import pytest

from perijove.core import memory
from perijove.kit.clock import Clock
from perijove.singleuser import visitors as here
from perijove.singleuser.hub import Away, Strange
from perijove.singleuser.visitor import Visitor
from perijove.singleuser.visitors import Visitors

ADA = Visitor(name="ada", scopes=frozenset({"access:servers!server=ada/"}))


class Desk:
    """A hub that answers what it is told to answer, and counts."""

    def __init__(self) -> None:
        self.tokens: dict[str, Visitor] = {"t": ADA}
        self.trouble: Exception | None = None
        self.asked = 0
        self.greeted = 0
        self.gate: asyncio.Event | None = None

    async def visitor(self, token: str, *, timeout: float) -> Visitor | None:  # noqa: ASYNC109
        assert 0 < timeout <= 15, "a person is waiting"
        self.asked += 1
        if self.gate:
            await self.gate.wait()
        if self.trouble:
            raise self.trouble
        return self.tokens.get(token)

    async def greet(self) -> str | None:
        self.greeted += 1
        if self.trouble:
            raise self.trouble
        return "6.1.1"


class Hours:
    """A clock that a test moves; who sleeps by it wakes when it has moved far enough."""

    def __init__(self) -> None:
        self.now = 0.0
        self.clock = Clock(wall=lambda: 0.0, steady=lambda: self.now)
        self._sleepers: list[tuple[float, asyncio.Event]] = []

    async def sleep(self, seconds: float) -> None:
        event = asyncio.Event()
        self._sleepers.append((self.now + seconds, event))
        await event.wait()

    async def move(self, seconds: float) -> None:
        self.now += seconds
        due = [event for at, event in self._sleepers if at <= self.now]
        self._sleepers = [(at, event) for at, event in self._sleepers if at > self.now]
        for event in due:
            event.set()
        for _ in range(5):
            await asyncio.sleep(0)


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def hours() -> Hours:
    return Hours()


@pytest.fixture
async def visitors(desk: Desk, hours: Hours) -> Visitors:
    return Visitors(desk, hours.clock, sleep=hours.sleep)


def test_what_a_server_and_its_hub_take_for_true_is_no_older_than_a_second() -> None:
    assert timedelta(seconds=1) >= here.FRESH + memory.FRESH


async def test_half_a_second_asks_once_and_the_next_again(
    visitors: Visitors, desk: Desk, hours: Hours
) -> None:
    for _ in range(50):
        assert await visitors.of("t", "s") == ADA
    assert desk.asked == 1
    await hours.move(0.5)
    assert await visitors.of("t", "s") == ADA
    assert desk.asked == 2


async def test_a_revoked_token_is_refused_within_a_second(
    visitors: Visitors, desk: Desk, hours: Hours
) -> None:
    assert await visitors.of("t", "s") == ADA
    desk.tokens.clear()
    await hours.move(1.0)
    assert await visitors.of("t", "s") is None


async def test_another_browser_session_is_another_question(visitors: Visitors, desk: Desk) -> None:
    assert await visitors.of("t", "s") == ADA
    desk.tokens.clear()
    assert await visitors.of("t", "") is None


async def test_a_page_of_many_requests_asks_once(visitors: Visitors, desk: Desk) -> None:
    desk.gate = asyncio.Event()
    page = [asyncio.create_task(visitors.of("t", "s")) for _ in range(100)]
    await asyncio.sleep(0)
    desk.gate.set()
    assert await asyncio.gather(*page) == [ADA] * 100
    assert desk.asked == 1


@pytest.mark.parametrize("minutes", [10, 11 * 60])
async def test_a_hub_that_is_stopped_for_long_costs_nobody_their_server(
    visitors: Visitors, desk: Desk, hours: Hours, minutes: int
) -> None:
    assert await visitors.of("t", "s") == ADA
    desk.trouble = Away("connection refused")
    for _ in range(minutes):
        await hours.move(60.0)
        assert await visitors.of("t", "s") == ADA
    assert desk.asked == 2, "while the hub is away no request waits to find out"
    assert desk.greeted >= minutes - 1


async def test_after_twelve_hours_without_a_hub_an_identity_is_too_old(
    visitors: Visitors, desk: Desk, hours: Hours
) -> None:
    assert await visitors.of("t", "s") == ADA
    desk.trouble = Away("connection refused")
    await hours.move(12 * 3600.0)
    with pytest.raises(Away):
        await visitors.of("t", "s")


async def test_what_was_revoked_meanwhile_is_refused_as_soon_as_the_hub_is_back(
    visitors: Visitors, desk: Desk, hours: Hours
) -> None:
    assert await visitors.of("t", "s") == ADA
    desk.trouble = Away("connection refused")
    await hours.move(60.0)
    assert await visitors.of("t", "s") == ADA
    desk.trouble = None
    desk.tokens.clear()
    await hours.move(1.0)
    assert await visitors.of("t", "s") is None


@pytest.mark.parametrize("trouble", [Away("503"), Strange("401")])
async def test_a_stranger_is_not_let_in_because_the_hub_is_away(
    visitors: Visitors, desk: Desk, trouble: Exception
) -> None:
    desk.trouble = trouble
    with pytest.raises(type(trouble)):
        await visitors.of("never-seen", "s")


async def test_who_was_refused_is_asked_about_again_when_the_hub_is_away(
    visitors: Visitors, desk: Desk, hours: Hours
) -> None:
    assert await visitors.of("bad", "s") is None
    desk.trouble = Away("connection refused")
    await hours.move(1.0)
    with pytest.raises(Away):
        await visitors.of("bad", "s")


async def test_who_has_signed_out_is_asked_about_at_once(visitors: Visitors, desk: Desk) -> None:
    assert await visitors.of("t", "s") == ADA
    visitors.forget("t", "s")
    desk.tokens.clear()
    assert await visitors.of("t", "s") is None


async def test_thousands_of_guesses_fill_no_memory(visitors: Visitors) -> None:
    for number in range(3000):
        await visitors.of(f"guess-{number}", "")
    assert len(visitors._answers) <= 2048


@pytest.mark.parametrize(
    ("scope", "opens"),
    [
        ("access:servers!server=ada/", True),
        ("access:servers!user=ada", True),
        ("access:servers", True),
        ("access:servers!server=ada/lab2", False),
        ("access:servers!server=ada", False),
        ("access:servers!user=bob", False),
        ("access:services", False),
        ("servers!server=ada/", False),
    ],
)
def test_only_a_scope_for_this_server_opens_it(scope: str, opens: bool) -> None:  # noqa: FBT001
    access = ("access:servers!server=ada/", "access:servers!user=ada")
    assert Visitor(name="x", scopes=frozenset({scope})).may(access) is opens
