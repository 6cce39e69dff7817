"""Times, numbers and plurals as each reader writes them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from perijove.http.languages import language_of, preferred
from perijove.http.reader import Reader, zone_of

NOW = datetime(2026, 11, 21, 10, 31, tzinfo=UTC)
EAST = timezone(timedelta(hours=8))
ENGLISH = Reader(language="en", zone=EAST, now=NOW)
CHINESE = Reader(language="zh", zone=EAST, now=NOW)


@pytest.mark.parametrize(
    ("at", "english", "chinese"),
    [
        (NOW, "today 18:31", "今天 18:31"),
        (NOW - timedelta(days=2), "19 Nov, 18:31", "11月19日 18:31"),
        (NOW - timedelta(days=400), "17 Oct 2025, 18:31", "2025年10月17日 18:31"),
        (NOW + timedelta(hours=6), "22 Nov, 00:31", "11月22日 00:31"),
    ],
)
def test_a_moment_has_as_much_date_as_it_needs(at: datetime, english: str, chinese: str) -> None:
    assert (ENGLISH.moment(at), CHINESE.moment(at)) == (english, chinese)


@pytest.mark.parametrize(
    ("past", "english", "chinese"),
    [
        (timedelta(seconds=5), "just now", "刚刚"),
        (timedelta(minutes=1), "1 minute ago", "1 分钟前"),
        (timedelta(hours=2), "2 hours ago", "2 小时前"),
        (timedelta(days=29), "29 days ago", "29 天前"),
        (timedelta(days=30), "22 Oct", "10月22日"),
    ],
)
def test_the_past_is_told_in_words_for_thirty_days(
    past: timedelta, english: str, chinese: str
) -> None:
    assert (ENGLISH.ago(NOW - past), CHINESE.ago(NOW - past)) == (english, chinese)


@pytest.mark.parametrize(
    ("seconds", "english", "chinese"),
    [
        (46, "46 s", "46 秒"),
        (540, "9 min", "9 分钟"),
        (3600, "1 h", "1 小时"),
        (4800, "1 h 20 min", "1 小时 20 分钟"),
    ],
)
def test_durations(seconds: int, english: str, chinese: str) -> None:
    assert (ENGLISH.duration(seconds), CHINESE.duration(seconds)) == (english, chinese)


@pytest.mark.parametrize(
    ("given", "written"),
    [
        (2 << 30, "2 GiB"),
        (3 << 29, "1.5 GiB"),
        (1234 << 20, "1,234 MiB"),
        (int(0.3 * (1 << 30)), "307.2 MiB"),
        ("4294967296", "4 GiB"),
        ("512Mi", "512 MiB"),
        ("10.5Gi", "10.5 GiB"),
        ("2", "2 bytes"),
        (1_000_000_001, "1,000,000,001 bytes"),
        ("many", "many"),
    ],
)
def test_a_size_is_never_rounded(given: str | float, written: str) -> None:
    assert ENGLISH.say("{limit:bytes}", {"limit": given}) == written
    chinese = CHINESE.say("{limit:bytes}", {"limit": given})
    assert chinese == written.replace("bytes", "字节")


@pytest.mark.parametrize(
    ("resource", "english", "chinese"),
    [
        ("nvidia.com/gpu", "GPU", "GPU"),
        ("nvidia.com/gpu.shared", "GPU", "GPU"),
        ("nvidia.com/mig-1g.10gb", "GPU slice 1g.10gb", "GPU 切片 1g.10gb"),
        ("ephemeral-storage", "disk space", "磁盘空间"),
        ("smarter-devices/fuse", "smarter-devices/fuse", "smarter-devices/fuse"),
        ("example.org/gpudirect", "example.org/gpudirect", "example.org/gpudirect"),
    ],
)
def test_a_device_is_called_as_people_call_it(resource: str, english: str, chinese: str) -> None:
    assert ENGLISH.say("{it:device}", {"it": resource}) == english
    assert CHINESE.say("{it:device}", {"it": resource}) == chinese


def test_a_chinese_name_needs_no_space_and_a_latin_one_has_it() -> None:
    assert CHINESE.say("Starting {server}", {"server": "默认服务器"}) == "正在启动默认服务器"
    assert CHINESE.say("Starting {server}", {"server": "thesis"}) == "正在启动 thesis"


def test_a_missing_parameter_is_shown_as_missing() -> None:
    assert ENGLISH.say("Starting {server}") == "Starting ?"


def test_a_name_that_looks_like_a_place_is_only_a_name() -> None:
    assert ENGLISH.say("Starting {server}", {"server": "{name}"}) == "Starting {name}"
    assert CHINESE.say("Starting {server}", {"server": "{name}"}) == "正在启动 {name}"


@pytest.mark.parametrize(
    ("accept", "language"),
    [
        ("", "en"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("en-US,en;q=0.9,zh;q=0.8", "en"),
        ("fr,zh;q=0.2", "zh"),
        ("zh;q=0,en", "en"),
        ("zh;q=abc", "en"),
        ("*", "en"),
    ],
)
def test_the_language_follows_the_browser(accept: str, language: str) -> None:
    assert preferred(accept) == language


def test_this_browser_wins_over_the_account_and_the_account_over_what_is_asked() -> None:
    assert language_of("zh", "en", "en") == "zh"
    assert language_of("xx", "zh", "en") == "zh"
    assert language_of("", "", "zh") == "zh"


@pytest.mark.parametrize("cookie", ["", "480; x", "9999", "-900", "abc", "\uff14\uff18\uff10"])
def test_a_zone_that_makes_no_sense_is_that_of_the_machine(cookie: str) -> None:
    assert zone_of(cookie, UTC) is UTC


def test_the_zone_of_the_browser_is_taken() -> None:
    assert zone_of("480", UTC) == EAST
    assert zone_of("-300", UTC) == timezone(timedelta(hours=-5))


@pytest.mark.parametrize(
    ("size", "written"),
    [(98024 << 10, "96 MiB"), (3_972_844_748, "3.7 GiB"), (4 << 30, "4.0 GiB")],
)
def test_a_size_that_is_no_limit_is_rounded(size: int, written: str) -> None:
    assert ENGLISH.amount(size) == CHINESE.amount(size) == written
