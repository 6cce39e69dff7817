"""When a server that nobody uses is stopped, as a table and as laws."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perijove.model.idle import AGE, IDLE, Lifetime, Use, end, idle_since
from perijove.model.placement import Placement
from perijove.model.server import Desired, Phase, Server

BEGAN = datetime(2030, 1, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
USUAL = Lifetime(timeout=HOUR)


def minutes(number: float) -> datetime:
    return BEGAN + timedelta(minutes=number)


RUNS = Server(
    id=1, user_id=1, user="ada", name="", user_options={}, desired=Desired.RUNNING,
    phase=Phase.RUNNING, since=BEGAN, incarnation=1,
    placement=Placement(workload="w", port=1, client="c", home="h"),
)  # fmt: skip


@pytest.mark.parametrize(
    ("use", "now", "since"),
    [
        (Use(), 30, 0),  # nothing is known but that it has begun
        (Use(used=minutes(20), told=minutes(29)), 30, 20),
        (Use(used=minutes(20), told=minutes(29), traffic=minutes(29)), 30, 20),  # an open tab
        (Use(used=minutes(5), told=minutes(8), traffic=minutes(29)), 30, 29),  # it says no more
        (Use(traffic=minutes(29)), 30, 29),  # it has never said anything
        (Use(used=minutes(-90), told=minutes(-80)), 30, 0),  # of the start before
        (Use(used=minutes(-90), told=minutes(-80), traffic=minutes(9)), 30, 9),
        (Use(used=minutes(99), told=minutes(30)), 30, 30),  # its clock is ahead
    ],
)
def test_its_own_word_counts_and_traffic_where_it_says_nothing(
    use: Use, now: float, since: float
) -> None:
    assert idle_since(RUNS, use, minutes(now)) == minutes(since)


@pytest.mark.parametrize(
    ("lifetime", "use", "at", "code", "latest"),
    [
        (USUAL, Use(), 60, IDLE, 180),
        (USUAL, Use(keep_until=minutes(90)), 90, IDLE, 180),
        (USUAL, Use(keep_until=minutes(180)), 180, IDLE, None),
        (USUAL, Use(keep_until=minutes(999)), 180, IDLE, None),  # it was allowed more once
        (USUAL, Use(keep_until=minutes(10)), 60, IDLE, 180),
        (Lifetime(timeout=HOUR, extend=timedelta(0)), Use(), 60, IDLE, None),
        (Lifetime(timeout=HOUR, max_age=HOUR / 2), Use(), 30, AGE, None),
        (Lifetime(max_age=2 * HOUR), Use(keep_until=minutes(999)), 120, AGE, None),
    ],
)
def test_it_ends_when_it_must_and_its_owner_may_have_it_a_little_longer(
    lifetime: Lifetime, use: Use, at: float, code: str, latest: float | None
) -> None:
    found = end(RUNS, use, lifetime, BEGAN)
    assert found
    assert (found.at, found.code) == (minutes(at), code)
    assert found.latest == (None if latest is None else minutes(latest))


def test_nothing_ends_for_ever() -> None:
    assert end(RUNS, Use(), Lifetime(), minutes(10**6)) is None


moments = st.integers(-10_000, 10_000).map(minutes)
perhaps = st.none() | moments
spans = st.none() | st.integers(1, 5000).map(lambda it: timedelta(minutes=it))
uses = st.builds(Use, used=perhaps, told=perhaps, traffic=perhaps, keep_until=perhaps)
lifetimes = st.builds(
    Lifetime,
    timeout=spans,
    max_age=spans,
    extend=st.integers(0, 500).map(lambda it: timedelta(minutes=it)),
)


@given(uses, lifetimes, moments.filter(lambda it: it >= BEGAN))
def test_whoever_uses_it_now_keeps_it_for_the_whole_time_out(
    use: Use, lifetime: Lifetime, now: datetime
) -> None:
    lifetime = Lifetime(timeout=lifetime.timeout, extend=lifetime.extend)
    found = end(RUNS, Use(used=now, told=now, keep_until=use.keep_until), lifetime, now)
    assert found is None if lifetime.timeout is None else found and found.at > now


@given(uses, lifetimes, moments.filter(lambda it: it >= BEGAN))
def test_more_use_never_ends_it_sooner(use: Use, lifetime: Lifetime, now: datetime) -> None:
    more = Use(used=now, told=use.told, traffic=use.traffic, keep_until=use.keep_until)
    before, after = end(RUNS, use, lifetime, now), end(RUNS, more, lifetime, now)
    assert (before is None) == (after is None)
    assert before is None or (after and after.at >= before.at)


@given(uses, lifetimes, moments.filter(lambda it: it >= BEGAN))
def test_an_extension_is_never_shorter_and_never_longer_than_it_may_be(
    use: Use, lifetime: Lifetime, now: datetime
) -> None:
    plain = Use(used=use.used, told=use.told, traffic=use.traffic)
    before, after = end(RUNS, plain, lifetime, now), end(RUNS, use, lifetime, now)
    if before and after:
        assert before.at <= after.at <= before.at + lifetime.extend or after.code == AGE
