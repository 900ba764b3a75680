"""Random schedules in random zones and years: what the product says is due is what the clocks show.

`make oracle` walks through 10,000 of them; AUTOAI_SEED repeats a run.
"""

from __future__ import annotations

import os
import random
from bisect import bisect_right
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from autoai.domain.schedules import Schedule, time_zones
from autoai.models.task import RULE_COLUMNS, make_schedule
from tests import oracle
from tests.oracle import DAY, HOUR, MINUTE

LONG = os.environ.get("AUTOAI_LONG") == "1"
SEED = int(os.environ.get("AUTOAI_SEED") or random.randrange(10**9))
SCHEDULES = 10_000 if LONG else 300
TOGETHER = 20
"""Schedules in one test."""

# Where clocks do something of their own, with a year in which they do.
STRANGE = (
    ("Australia/Lord_Howe", 2026),  # by half an hour
    ("Australia/Lord_Howe", 2008),
    ("Africa/Cairo", 2024),  # at midnight
    ("Africa/Cairo", 2010),  # four changes in a year
    ("Asia/Beirut", 2026),
    ("Pacific/Chatham", 2026),  # at 02:45
    ("Pacific/Apia", 2011),  # 30 December was left out
    ("Pacific/Kwajalein", 1993),  # 21 August was left out
    ("Pacific/Kiritimati", 1994),
    ("Atlantic/Azores", 2026),  # at midnight, back into it
    ("America/Havana", 2026),  # midnight exists twice
    ("America/Sao_Paulo", 2018),  # back from midnight into the day before
    ("America/St_Johns", 2005),  # at one minute past midnight
    ("America/St_Johns", 1988 + 2),
    ("America/Caracas", 2007),  # back by half an hour, for good
    ("America/Caracas", 2016),
    ("Asia/Pyongyang", 2018),
    ("Antarctica/Troll", 2026),  # by two hours
    ("Antarctica/Casey", 2010),  # by three
    ("Africa/Casablanca", 2026),  # Ramadan
    ("Asia/Gaza", 2012),
    ("Asia/Kathmandu", 2026),  # never
    ("Europe/Dublin", 2026),
    ("Europe/Berlin", 2026),
    ("America/New_York", 2026),
)


@pytest.mark.parametrize("first", range(0, SCHEDULES, TOGETHER))
def test_due_is_what_the_clocks_show(first: int) -> None:
    print(f"AUTOAI_SEED={SEED}")
    for number in range(first, first + TOGETHER):
        dice = random.Random(f"{SEED} {number}")
        zone, year = _place(dice, number)
        changes = oracle.clock_changes(ZoneInfo(zone), year)
        fields, anchor = _random_fields(dice, zone, year, changes)
        columns = {**dict.fromkeys(RULE_COLUMNS), **fields, "fixed_times": fields.get("fixed_time")}
        schedule = make_schedule(columns, anchor)
        for begin, end in _windows(dice, year, changes, narrow=_has_seconds(fields)):
            expected = [_instant(t) for t in oracle.due(fields, anchor, begin, end)]
            _compare(schedule, expected, _instant(begin), _instant(end), dice, fields)


def _compare(
    schedule: Schedule,
    expected: list[datetime],
    begin: datetime,
    end: datetime,
    dice: random.Random,
    fields: dict[str, Any],
) -> None:
    why = f"AUTOAI_SEED={SEED}: {fields} from {begin} to {end}"
    moment = timedelta(microseconds=1)
    found = list(takewhile(lambda t: t < end, schedule.after(begin - moment)))
    assert found == expected, why
    keep = dice.choice([1, 3, 100])
    due = schedule.between(begin, end - moment, keep)
    assert due.total == len(expected), why
    assert due.oldest == (expected[0] if expected else None), why
    assert list(due.newest) == expected[-keep:], why
    assert schedule.count(begin, end) == len(expected), why
    for _ in range(2):  # it does not matter where the walk begins; one more is past the window
        instant = begin + (end - begin) * dice.random()
        if expected and dice.random() < 0.5:
            instant = dice.choice(expected)
        place = bisect_right(expected, instant)
        few = expected[place : place + 3]
        assert list(islice(schedule.after(instant), len(few))) == few, f"{why}, after {instant}"


def _place(dice: random.Random, number: int) -> tuple[str, int]:
    if number % 2:
        return STRANGE[number // 2 % len(STRANGE)]
    if dice.random() < 0.3:
        return dice.choice(STRANGE)[0], dice.randint(1990, 2035)
    return dice.choice(sorted(time_zones())), dice.randint(1990, 2035)


def _windows(
    dice: random.Random, year: int, changes: Iterable[int], *, narrow: bool
) -> list[tuple[int, int]]:
    """Three days around each change and thirty days anywhere; where seconds are walked, hours."""
    before, after = (2 * HOUR, 2 * HOUR) if narrow else (36 * HOUR, 36 * HOUR)
    around = [(change - before, change + after) for change in changes]
    first = int(datetime(year, 1, 1, tzinfo=UTC).timestamp())
    if narrow:
        starts = [first + HOUR * dice.randrange(366 * 24) for _ in range(4)]
        return around + [(start, start + HOUR) for start in starts]
    starts = [first + HOUR * dice.randrange(366 * 24) for _ in range(30)]
    return around + [(start, start + DAY) for start in starts]


def _random_fields(
    dice: random.Random, zone: str, year: int, changes: list[int]
) -> tuple[dict[str, Any], datetime]:
    """A schedule as the API has it, and when its task was created."""
    first = int(datetime(year, 1, 1, tzinfo=UTC).timestamp())
    anchor = first + dice.randrange(366 * DAY)
    fields: dict[str, Any] = {"timezone": zone}
    kind = dice.choices(["interval", "fixed_time", "cron", "seconds", "once"], [1, 3, 6, 2, 0.5])[0]
    if kind == "interval":
        anchor = first - dice.randrange(30 * DAY)
        every = dice.choice([60, 90, 600, 3_600, 5_400, 86_400, 7 * DAY, dice.randint(40, 10**6)])
        fields |= {"schedule_type": "interval", "interval_seconds": every}
    elif kind == "fixed_time":
        times = {_random_time(dice) for _ in range(dice.choice([1, 1, 2, 4]))}
        days = dice.sample(["mon", "tue", "wed", "thu", "fri", "sat", "sun"], dice.randint(1, 6))
        fields |= {"schedule_type": "fixed_time", "fixed_time": sorted(times)}
        fields["weekdays"] = days if dice.random() < 0.3 else None
    elif kind == "once":
        near = dice.choice(changes) if changes else anchor
        at = near + dice.randrange(-DAY, DAY)
        fields |= {"schedule_type": "once", "once_at": _instant(at)}
    else:
        fields |= {"schedule_type": "cron", "cron": _random_cron(dice, seconds=kind == "seconds")}
    if kind != "once" and dice.random() < 0.15:
        near = dice.choice(changes) if changes else first + 100 * DAY
        start = near + dice.randrange(-2 * DAY, DAY)
        fields["starts_at"] = _instant(start)
        if dice.random() < 0.5:
            fields["ends_at"] = _instant(start + dice.randrange(1, 100 * DAY))
    return fields, _instant(anchor)


def _random_time(dice: random.Random) -> str:
    """Most changes are in the first hours of a day."""
    hour = dice.choice([dice.randrange(24), dice.choice([0, 1, 2, 2, 3, 4, 23])])
    return f"{hour:02}:{dice.choice([0, 1, 15, 30, 45, 59, dice.randrange(60)]):02}"


def _random_cron(dice: random.Random, *, seconds: bool) -> str:
    if not seconds and dice.random() < 0.08:
        return dice.choice(["@hourly", "@daily", "@midnight", "@weekly", "@monthly", "@yearly"])
    fields = [
        _random_field(dice, 0, 59, star=0.25),
        _random_field(dice, 0, 23, star=0.4, near=[0, 1, 2, 3]),
        _random_day(dice),
        _random_month(dice),
        _random_weekday(dice),
    ]
    if seconds:
        fields.insert(0, _random_field(dice, 0, 59, star=0.1))
    text = " ".join(fields)
    return text.lower() if dice.random() < 0.2 else text


def _random_field(
    dice: random.Random, low: int, high: int, star: float, near: list[int] | None = None
) -> str:
    if dice.random() < star:
        return "*"

    def number() -> int:
        return dice.choice(near) if near and dice.random() < 0.6 else dice.randint(low, high)

    start, end = sorted((number(), number()))
    step = dice.choice([2, 3, 5, 7, 10, 15, 20])
    return dice.choice(
        [
            f"{number()}",
            f"{number()}",
            f"{number()},{number()}",
            f"{start}-{end}",
            f"{start}-{end}/{step}",
            f"*/{step}",
            f"*/{step}",
            f"{number()}/{step}",
            f"{low}-{high}",
            f"{number()},*/{step}",
        ]
    )


def _random_day(dice: random.Random) -> str:
    if dice.random() < 0.7:
        return "*"
    return dice.choice([_random_field(dice, 1, 31, star=0), "L", "L,15", "1-7", "28-31", "*/2"])


def _random_month(dice: random.Random) -> str:
    if dice.random() < 0.8:
        return "*"
    return dice.choice([_random_field(dice, 1, 12, star=0), "MAR-OCT", "MAR,OCT", "JAN-DEC/2"])


def _random_weekday(dice: random.Random) -> str:
    if dice.random() < 0.6:
        return "*"
    days = ["0", "7", "SUN", "MON-FRI", "SAT,SUN", "5L", "7L", "0#1", "SUN#2", "7#5", "5-7", "*/2"]
    return dice.choice([*days, _random_field(dice, 0, 7, star=0)])


def _has_seconds(fields: dict[str, Any]) -> bool:
    return fields["schedule_type"] == "cron" and len(fields["cron"].split()) == 6


def _instant(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


@pytest.mark.parametrize(
    ("zone", "cron", "begin", "expected"),
    [
        # In Berlin, 02:00 to 03:00 is left out on 29 March 2026, and comes twice on 25 October.
        ("Europe/Berlin", "30 2 * * *", "2026-03-28T22:00", ["2026-03-29T01:00"]),
        ("Europe/Berlin", "0,30 2 * * *", "2026-03-28T22:00", ["2026-03-29T01:00"]),
        ("Europe/Berlin", "30 2 * * *", "2026-10-24T22:00", ["2026-10-25T00:30"]),
        ("Europe/Berlin", "30 * * * *", "2026-10-24T23:59", ["2026-10-25T00:30", "2026-10-25T01:30"]),
        # Lord Howe's clocks go from 02:00 to 02:30: 02:15 is put off, real time is not.
        ("Australia/Lord_Howe", "15 2 * * *", "2026-10-03T12:00", ["2026-10-03T15:30"]),
        ("Australia/Lord_Howe", "*/15 3 * * *", "2026-10-03T15:31", [
            "2026-10-03T16:00", "2026-10-03T16:15", "2026-10-03T16:30", "2026-10-03T16:45",
        ]),
        # Sunday is 0 and 7; the second one; the last Friday; either of two days.
        ("UTC", "0 0 * * 0", "2026-03-07T00:00", ["2026-03-08T00:00", "2026-03-15T00:00"]),
        ("UTC", "0 0 * * 7", "2026-03-07T00:00", ["2026-03-08T00:00", "2026-03-15T00:00"]),
        ("UTC", "0 0 * * SUN#2", "2026-03-02T00:00", ["2026-03-08T00:00"]),
        ("UTC", "0 0 * * 5L", "2026-03-20T12:00", ["2026-03-27T00:00"]),
        ("UTC", "0 0 L * *", "2026-02-20T00:00", ["2026-02-28T00:00"]),
        ("UTC", "0 0 10 * MON", "2026-03-08T00:00", ["2026-03-09T00:00", "2026-03-10T00:00"]),
    ],
)  # fmt: skip
def test_the_oracle_by_hand(zone: str, cron: str, begin: str, expected: list[str]) -> None:
    """So that an error shared by oracle and product does not go unseen."""
    fields = {"schedule_type": "cron", "cron": cron, "timezone": zone}
    start = datetime.fromisoformat(f"{begin}+00:00")
    wanted = [datetime.fromisoformat(f"{text}+00:00") for text in expected]
    first, last = int(start.timestamp()), int(wanted[-1].timestamp()) + MINUTE
    assert [_instant(t) for t in oracle.due(fields, start, first, last)] == wanted
