from datetime import UTC, datetime, timedelta

from perijove.kit.rarely import Rarely

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def test_it_is_time_at_first_and_then_once_in_so_long() -> None:
    due = Rarely(MINUTE)
    seconds = [0, 1, 59, 60, 61, 119, 120, 1000]
    assert [due(NOON + timedelta(seconds=it)) for it in seconds] == [
        True, False, False, True, False, False, True, True,
    ]  # fmt: skip


def test_a_clock_that_was_set_back_does_not_put_it_off_for_long() -> None:
    due = Rarely(MINUTE)
    assert due(NOON)
    assert due(NOON - timedelta(hours=1))
    assert not due(NOON - timedelta(hours=1) + timedelta(seconds=59))
