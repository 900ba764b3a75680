"""A schedule in words: English as the source has it, and what Babel and the descriptor say in
Chinese."""

from __future__ import annotations

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import pytest

from autoai.domain.schedules import (
    WEEKDAYS,
    Cron,
    FixedTime,
    Interval,
    Limited,
    Manual,
    Once,
    Schedule,
    describe,
)
from tests.fakes import START
from tests.unit.test_clock_changes import English

UTC_ZONE = ZoneInfo("UTC")


def fixed(*times: str, days: str = "") -> FixedTime:
    return FixedTime(
        tuple(time.fromisoformat(at) for at in times),
        UTC_ZONE,
        frozenset(WEEKDAYS.index(day) for day in days.split()),
    )


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        (Manual(), "only by hand"),
        (Interval(1, START), "every second"),
        (Interval(61, START), "every 61 seconds"),
        (Interval(60, START), "every minute"),
        (Interval(900, START), "every 15 minutes"),
        (Interval(3_600, START), "every hour"),
        (Interval(86_400, START), "every day"),
        (Interval(604_800, START), "every 7 days"),
        (Limited(Interval(900, START), start=START), "every 15 minutes"),
        (fixed("09:00"), "every day at 09:00"),
        (fixed("09:00", "17:30"), "every day at 09:00 and 17:30"),
        (fixed("06:00", "12:00", "18:00"), "every day at 06:00, 12:00 and 18:00"),
        (fixed("09:00", days="mon tue wed thu fri"), "Monday to Friday at 09:00"),
        (fixed("09:00", days="sat sun"), "on weekends at 09:00"),
        (fixed("09:00", days="mon"), "every Monday at 09:00"),
        (fixed("09:00", days="fri mon wed"), "every Monday, Wednesday and Friday at 09:00"),
        (fixed("09:00", days="mon tue wed thu fri sat sun"), "every day at 09:00"),
        (Once(START, UTC_ZONE), "once, on Mar 2, 2026 at 12:00"),
        (Once(START, ZoneInfo("Asia/Tokyo")), "once, on Mar 2, 2026 at 21:00"),
        (
            Once(datetime(2026, 12, 31, 20, tzinfo=UTC), ZoneInfo("Asia/Tokyo")),
            "once, on Jan 1, 2027 at 05:00",
        ),
        (Cron("*/15 * * * *", UTC_ZONE), "every 15 minutes"),
        (Cron("0 9 * * 1-5", UTC_ZONE), "at 09:00, Monday through Friday"),
        (Cron("0 9 * * mon-fri", UTC_ZONE), "at 09:00, Monday through Friday"),
        (Cron("0 0 * * 0", UTC_ZONE), "at 00:00, only on Sunday"),
        (Cron("0 0 * * 7", UTC_ZONE), "at 00:00, only on Sunday"),
        (Cron("0 0 * * 5L", UTC_ZONE), "at 00:00, on the last Friday of the month"),
        (Cron("0 0 * * 1#2", UTC_ZONE), "at 00:00, on the second Monday of the month"),
        (Cron("0 0 L * *", UTC_ZONE), "at 00:00, on the last day of the month"),
        (Cron("*/10 * * * * *", UTC_ZONE), "every 10 seconds"),
        (Cron("@daily", UTC_ZONE), "at 00:00"),
        (Cron("@WEEKLY", UTC_ZONE), "at 00:00, only on Sunday"),
        (
            Cron("0 9 13 * 5", UTC_ZONE),
            "at 09:00, on day 13 of the month; or at 09:00, only on Friday",
        ),
    ],
)
def test_english(schedule: Schedule, words: str) -> None:
    assert describe(schedule, English()) == words


@pytest.mark.parametrize(
    ("expression", "simplified", "traditional"),
    [
        ("*/15 * * * *", "每15分钟", "每15分鐘"),
        ("0 9 * * 1-5", "星期一到星期五", "星期一"),
        ("0 0 * * SUN", "星期日", "星期日"),
        ("0 0 1 JAN *", "一月", "1月"),
    ],
)
def test_chinese_has_no_english_left(expression: str, simplified: str, traditional: str) -> None:
    for locale, part in (("zh_Hans", simplified), ("zh_Hant", traditional)):
        text = describe(Cron(expression, UTC_ZONE), English(locale))
        assert part in text
        assert text.isascii() is False
        assert not any(letter.isascii() and letter.isalpha() for letter in text), text
        assert " " not in text


@pytest.mark.parametrize("locale", ["zh_Hans", "zh_Hant"])
@pytest.mark.parametrize(
    "expression",
    [
        "*/7 3-5 * * *",
        "0 0 L * *",
        "30 2 1,15 * *",
        "0 12 * FEB-NOV/3 MON,WED",
        "0 0 * * 5L",
        "0 0 * * 1#3",
        "*/10 30 4 * * *",
        "0 0 29 2 *",
        "@hourly",
    ],
)
def test_every_kind_of_field_in_chinese(locale: str, expression: str) -> None:
    text = describe(Cron(expression, UTC_ZONE), English(locale))
    assert not any(letter.isascii() and letter.isalpha() for letter in text), text


def test_days_in_chinese() -> None:
    schedule = fixed("09:00", days="mon wed")
    assert "星期一" in describe(schedule, English("zh_Hans"))
    assert "星期三" in describe(schedule, English("zh_Hant"))
    assert "2026年3月2日" in describe(Once(START, UTC_ZONE), English("zh_Hans"))
