"""When something is due, against oracles that know nothing of the code."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from functools import cache
from itertools import pairwise, takewhile
from time import monotonic
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoai.domain.schedules import (
    Blackout,
    Cron,
    FixedTime,
    Interval,
    Schedule,
    count_due,
    free_of,
    upcoming,
)
from autoai.domain.schedules.base import Enumerated

MINUTE = timedelta(minutes=1)


def fixed(at: str, zone: ZoneInfo) -> FixedTime:
    return FixedTime((time.fromisoformat(at),), zone)


# Zone, the year, and the day of each change of its clocks in that year.
CHANGES = [
    ("Europe/Berlin", datetime(2026, 3, 29, tzinfo=UTC)),
    ("Europe/Berlin", datetime(2026, 10, 25, tzinfo=UTC)),
    ("America/New_York", datetime(2026, 3, 8, tzinfo=UTC)),
    ("America/New_York", datetime(2026, 11, 1, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 4, 5, tzinfo=UTC)),  # by half an hour
    ("Australia/Lord_Howe", datetime(2026, 10, 4, tzinfo=UTC)),
    ("Asia/Beirut", datetime(2026, 3, 29, tzinfo=UTC)),  # at midnight
    ("Asia/Beirut", datetime(2026, 10, 25, tzinfo=UTC)),
    ("Africa/Cairo", datetime(2026, 4, 24, tzinfo=UTC)),
    ("Africa/Cairo", datetime(2026, 10, 30, tzinfo=UTC)),
    ("Pacific/Chatham", datetime(2026, 4, 5, tzinfo=UTC)),  # at 3:45, 12:45 ahead of UTC
    ("Pacific/Chatham", datetime(2026, 9, 27, tzinfo=UTC)),
    ("America/Havana", datetime(2026, 11, 1, tzinfo=UTC)),  # midnight exists twice
    ("Asia/Kathmandu", datetime(2026, 3, 29, tzinfo=UTC)),  # never changes
]
TIMES = ("00:00", "00:30", "02:15", "02:30", "03:00")
ALL_DAY = [f"{minutes // 60:02}:{minutes % 60:02}" for minutes in range(0, 1440, 30)] + [
    "00:01",
    "01:59",
    "02:01",
    "02:44",
    "03:46",
    "23:59",
]


@cache
def clock_readings(zone: str, middle: datetime) -> list[tuple[datetime, str]]:
    """What the clocks of `zone` show at each minute of the five days around `middle`."""
    start = middle - timedelta(days=2)
    found = []
    for number in range(5 * 24 * 60):
        instant = start + number * MINUTE
        found.append((instant, instant.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M")))
    return found


def oracle(zone: str, middle: datetime, at: str) -> list[datetime]:
    """Walk minute by minute: the first time in each day that the clock shows `at` or, where it
    jumps over it, the first minute after the jump."""
    due, done = [], set()
    readings = clock_readings(zone, middle)
    for (_, before), (instant, shown) in pairwise(readings):
        day = shown[:10]
        wanted = f"{day} {at}"
        # "before < wanted" also when yesterday's last minutes were followed by today's 01:00.
        reached = shown == wanted or before < wanted < shown
        if reached and wanted not in done:
            due.append(instant)
            done.add(wanted)
    return due


@pytest.mark.parametrize(("zone", "middle"), CHANGES)
def test_fixed_times_around_a_change_of_the_clocks(zone: str, middle: datetime) -> None:
    start = middle - timedelta(days=2)
    end = start + timedelta(days=5) - MINUTE
    for at in ALL_DAY:
        schedule = fixed(at, ZoneInfo(zone))
        expected = oracle(zone, middle, at)
        found = list(takewhile(lambda t: t <= end, schedule.after(start)))
        assert found == expected, f"{at} in {zone}"


@pytest.mark.parametrize(("zone", "middle"), CHANGES)
def test_it_does_not_matter_where_the_walk_begins(zone: str, middle: datetime) -> None:
    """The cursor is computed from whatever instant the tick came at."""
    expected = {at: oracle(zone, middle, at) for at in TIMES}
    for at, dues in expected.items():
        schedule = fixed(at, ZoneInfo(zone))
        for minutes in range(-60 * 4, 60 * 6, 11):
            instant = middle + timedelta(minutes=minutes, seconds=minutes % 60)
            following = next(due for due in dues if due > instant)
            assert next(schedule.after(instant)) == following, f"{at} in {zone} after {instant}"


@pytest.mark.parametrize(
    ("zone", "at", "day", "due"),
    [
        ("Europe/Berlin", "02:30", "2026-03-29", "2026-03-29T01:00"),  # in the gap: its end, 03:00
        ("Europe/Berlin", "02:30", "2026-10-25", "2026-10-25T00:30"),  # twice: the first
        ("America/New_York", "02:00", "2026-03-08", "2026-03-08T07:00"),
        ("America/New_York", "01:30", "2026-11-01", "2026-11-01T05:30"),
        ("Australia/Lord_Howe", "02:15", "2026-10-04", "2026-10-03T15:30"),
        ("Australia/Lord_Howe", "01:45", "2026-04-05", "2026-04-04T14:45"),
        ("Asia/Beirut", "00:30", "2026-03-29", "2026-03-28T22:00"),
        ("Asia/Beirut", "00:00", "2026-03-29", "2026-03-28T22:00"),
    ],
)
def test_known_dates(zone: str, at: str, day: str, due: str) -> None:
    """By hand, so that an error shared by oracle and code does not go unseen."""
    before = datetime.fromisoformat(f"{day}T00:00+00:00") - timedelta(hours=16)
    found = upcoming(fixed(at, ZoneInfo(zone)), before, 3)
    assert datetime.fromisoformat(f"{due}+00:00") in found
    local_days = [instant.astimezone(ZoneInfo(zone)).date() for instant in found]
    assert len(set(local_days)) == 3, "once a day"


instants = st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC))
intervals = st.builds(
    Interval, st.integers(1, 366 * 86_400), instants.map(lambda t: t.replace(microsecond=0))
)
fixed_times = st.builds(
    fixed,
    st.builds("{:02}:{:02}".format, st.integers(0, 23), st.integers(0, 59)),
    st.sampled_from(sorted({zone for zone, _ in CHANGES})).map(ZoneInfo),
)


@given(intervals, instants)
def test_intervals_are_arithmetic(schedule: Interval, instant: datetime) -> None:
    first, second = upcoming(schedule, instant, 2)
    step = timedelta(seconds=schedule.seconds)
    assert first > instant
    assert first > schedule.anchor, "the anchor itself is not due"
    assert first - step <= max(instant, schedule.anchor), "and nothing was left out"
    assert (first - schedule.anchor) % step == timedelta(0)
    assert second - first == step


@given(
    st.one_of(intervals.filter(lambda s: s.seconds >= 600), fixed_times),
    instants,
    st.timedeltas(timedelta(0), timedelta(days=9)),
    st.integers(1, 120),
)
def test_between_is_enumeration(
    schedule: Schedule, first: datetime, length: timedelta, keep: int
) -> None:
    last = first + length
    start = first - timedelta(microseconds=1)
    listed = list(takewhile(lambda t: t <= last, schedule.after(start)))
    due = schedule.between(first, last, keep)
    assert due.total == len(listed)
    assert due.oldest == (listed[0] if listed else None)
    assert list(due.newest) == listed[-keep:]


@given(fixed_times, instants)
def test_a_fixed_time_comes_once_a_day(schedule: FixedTime, instant: datetime) -> None:
    found = upcoming(schedule, instant, 30)
    assert found == sorted(found)
    assert found[0] > instant
    assert all(due.tzinfo is UTC for due in found)
    days = [due.astimezone(schedule.zone).date() for due in found]
    assert days == [days[0] + timedelta(days=n) for n in range(30)]


def test_ten_years_of_seconds_are_not_walked() -> None:
    anchor = datetime(2016, 1, 1, tzinfo=UTC)
    last = datetime(2026, 1, 1, tzinfo=UTC)
    due = Interval(1, anchor).between(anchor, last, 100)
    assert due.total == (last - anchor).total_seconds()
    assert due.oldest == anchor + timedelta(seconds=1)
    assert due.newest[-1] == last
    assert len(due.newest) == 100


_FIELD = st.sampled_from(["*", "*/7", "*/20", "0", "3", "17", "5,9", "2-4"])
_ZONES = st.sampled_from(
    [
        "UTC",
        "Europe/Berlin",
        "Australia/Lord_Howe",
        "Africa/Cairo",
        "Pacific/Apia",
        "Pacific/Chatham",
        "America/St_Johns",
        "Africa/Casablanca",
        "Antarctica/Troll",
        "America/Sao_Paulo",
    ]
)


@settings(max_examples=150, deadline=None)
@given(
    st.tuples(_FIELD, _FIELD, st.sampled_from(["*", "1", "15", "L"]), st.sampled_from(["*", "3"])),
    st.sampled_from(["*", "1-5", "0", "mon#2"]),
    _ZONES,
    st.datetimes(datetime(1995, 1, 1), datetime(2035, 1, 1)),
    st.integers(1, 150 * 24 * 60),
    st.sampled_from([1, 5, 101]),
)
def test_counting_a_long_gap_equals_walking_through_it(
    fields: tuple[str, ...], weekday: str, zone: str, start: datetime, minutes: int, keep: int
) -> None:
    cron = Cron(" ".join([*fields, weekday]), ZoneInfo(zone))
    first = start.replace(tzinfo=UTC)
    last = first + timedelta(minutes=minutes)
    walked = Enumerated.between(cron, first, last, keep)
    assert cron.between(first, last, keep) == walked
    assert cron.count(first, last + timedelta(microseconds=1)) == walked.total


@settings(max_examples=100, deadline=None)
@given(
    st.one_of(
        st.builds(
            FixedTime,
            st.lists(st.times(), min_size=1, max_size=4).map(
                lambda times: tuple(t.replace(microsecond=0) for t in times)
            ),
            _ZONES.map(ZoneInfo),
            st.frozensets(st.integers(0, 6)),
        ),
        st.builds(
            Cron,
            st.sampled_from(["*/10 * * * *", "30 0-4 * * *", "0,20,40 1,2,23 * * 1-5"]),
            _ZONES.map(ZoneInfo),
        ),
        st.builds(Interval, st.integers(300, 9_000), st.just(datetime(2000, 1, 1, tzinfo=UTC))),
    ),
    st.lists(
        st.builds(
            Blackout,
            st.times().map(lambda t: t.replace(second=0, microsecond=0)),
            st.times().map(lambda t: t.replace(second=0, microsecond=0)),
            _ZONES.map(ZoneInfo),
            st.frozensets(st.integers(0, 6)),
        ),
        max_size=3,
    ),
    st.datetimes(datetime(1995, 1, 1), datetime(2035, 1, 1)),
    st.timedeltas(timedelta(microseconds=1), timedelta(days=33)),
)
def test_counting_outside_blackouts_equals_walking(
    schedule: Schedule, blackouts: list[Blackout], start: datetime, length: timedelta
) -> None:
    first = start.replace(tzinfo=UTC)
    end = first + length
    walked = takewhile(lambda t: t < end, schedule.after(first - timedelta(microseconds=1)))
    expected = len(list(free_of(walked, blackouts)))
    assert count_due(schedule, blackouts, first, end) == expected


def test_a_month_of_seconds_is_counted_at_once() -> None:
    cron = Cron("* * * * * *", ZoneInfo("Europe/Berlin"))
    quiet = [Blackout(time(23), time(7), ZoneInfo("Europe/Berlin"))]
    first, end = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC)
    began = monotonic()
    for _ in range(100):
        assert cron.count(first, end) == 31 * 86_400
        assert count_due(cron, quiet, first, end) == 31 * 16 * 3600
    assert monotonic() - began < 5
