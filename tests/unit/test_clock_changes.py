"""Days when clocks change, as a person is told of them; blackouts; how often."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from autoai.domain.schedules import (
    Blackout,
    Cron,
    FixedTime,
    Interval,
    Limited,
    Manual,
    Once,
    Schedule,
    blackout_period,
    clock_changes,
    effect_on,
    explain,
    free_of,
    frequency,
    upcoming,
)
from tests.fakes import START

BERLIN = ZoneInfo("Europe/Berlin")
EVERY_DAY: frozenset[int] = frozenset()


def utc(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}+00:00")


@dataclass(frozen=True)
class English:
    """The source's own words."""

    locale: str = "en"

    def gettext(self, message: str, **variables: object) -> str:
        return message % variables if variables else message

    def ngettext(self, singular: str, plural: str, num: int, **variables: object) -> str:
        return (singular if num == 1 else plural) % {"num": num, **variables}


@pytest.mark.parametrize(
    ("zone", "after", "expected"),
    [
        (
            "Europe/Berlin",
            "2026-03-02T12:00",
            ["2026-03-29T01:00 02:00→03:00", "2026-10-25T01:00 03:00→02:00"],
        ),
        ("Europe/Berlin", "2026-03-29T00:59", ["2026-03-29T01:00 02:00→03:00"]),
        ("Europe/Berlin", "2026-03-29T01:00", ["2026-10-25T01:00 03:00→02:00"]),
        ("Australia/Lord_Howe", "2026-03-02T12:00", ["2026-04-04T15:00 02:00→01:30"]),
        ("Pacific/Apia", "2011-12-01T00:00", ["2011-12-30T10:00 00:00→00:00"]),
        ("Africa/Cairo", "2010-07-01T00:00", [
            "2010-08-10T21:00 00:00→23:00",
            "2010-09-09T22:00 00:00→01:00",
            "2010-09-30T21:00 00:00→23:00",
        ]),
        ("America/Recife", "2000-10-01T00:00", [  # a week apart
            "2000-10-08T03:00 00:00→01:00", "2000-10-15T02:00 00:00→23:00",
        ]),
        ("Asia/Kathmandu", "2026-03-02T12:00", []),
        ("UTC", "2026-03-02T12:00", []),
    ],
)  # fmt: skip
def test_the_next_changes(zone: str, after: str, expected: list[str]) -> None:
    found = clock_changes(ZoneInfo(zone), utc(after), len(expected) or 2)
    assert [
        f"{c.at:%Y-%m-%dT%H:%M} {c.shown_before:%H:%M}→{c.shown_after:%H:%M}" for c in found
    ] == expected
    assert all(c.at.tzinfo is UTC for c in found)


def test_a_change_far_ahead_is_not_told() -> None:
    assert clock_changes(BERLIN, START, 100)[-1].at < START + timedelta(days=732)
    assert len(clock_changes(BERLIN, START, 100)) == 4


SPRING, AUTUMN = clock_changes(BERLIN, START, 2)


@pytest.mark.parametrize(
    ("schedule", "spring", "autumn"),
    [
        (Interval(3_600, START), "elapsed", "elapsed"),
        (FixedTime((time(2, 30),), BERLIN), "put_off", "once"),
        (FixedTime((time(2),), BERLIN), "put_off", "once"),
        (FixedTime((time(3),), BERLIN), "none", "none"),
        (FixedTime((time(1, 59),), BERLIN), "none", "none"),
        (FixedTime((time(9), time(2, 59)), BERLIN), "put_off", "once"),
        (Cron("30 2 * * *", BERLIN), "put_off", "once"),
        (Cron("0 9 * * *", BERLIN), "none", "none"),
        (Cron("*/15 * * * *", BERLIN), "real_time", "real_time"),
        (Cron("30 * * * *", BERLIN), "real_time", "real_time"),
        (Cron("@daily", BERLIN), "none", "none"),
        (Limited(FixedTime((time(2, 30),), BERLIN), start=START), "put_off", "once"),
        (Once(START, BERLIN), "none", "none"),
        (Manual(), "none", "none"),
    ],
)
def test_effects(schedule: Schedule, spring: str, autumn: str) -> None:
    assert effect_on(schedule, SPRING) == spring
    assert effect_on(schedule, AUTUMN) == autumn


def test_a_change_over_midnight_touches_both_days() -> None:
    back = clock_changes(ZoneInfo("America/Sao_Paulo"), utc("2018-01-01T00:00"), 1)[0]
    assert (back.shown_before.hour, back.shown_after.hour) == (0, 23)
    zone = ZoneInfo("America/Sao_Paulo")
    assert effect_on(FixedTime((time(23, 30),), zone), back) == "once"
    assert effect_on(FixedTime((time(0, 0),), zone), back) == "none"


@pytest.mark.parametrize(
    ("schedule", "spring", "autumn"),
    [
        (
            FixedTime((time(2, 30),), BERLIN),
            "Clocks go forward from 02:00 to 03:00. A time that is left out runs right after the change.",
            "Clocks go back from 03:00 to 02:00. A time that comes twice runs once, the first time.",
        ),
        (
            Interval(60, START),
            "Clocks go forward from 02:00 to 03:00. The interval goes on by elapsed time.",
            "Clocks go back from 03:00 to 02:00. The interval goes on by elapsed time.",
        ),
        (
            Manual(),
            "Clocks go forward from 02:00 to 03:00. This schedule is not touched.",
            "Clocks go back from 03:00 to 02:00. This schedule is not touched.",
        ),
        (
            Cron("* * * * *", BERLIN),
            "Clocks go forward from 02:00 to 03:00. This schedule follows real time.",
            "Clocks go back from 03:00 to 02:00. This schedule follows real time.",
        ),
    ],
)
def test_explanations(schedule: Schedule, spring: str, autumn: str) -> None:
    assert explain(SPRING, effect_on(schedule, SPRING), English()) == spring
    assert explain(AUTUMN, effect_on(schedule, AUTUMN), English()) == autumn


class TestBlackouts:
    NIGHT = Blackout(time(23), time(7), BERLIN)
    LUNCH = Blackout(time(12), time(13), BERLIN, frozenset({0, 1, 2, 3, 4}))

    @pytest.mark.parametrize(
        ("instant", "period"),
        [
            # In winter, Berlin is an hour ahead. 2026-03-02 is a Monday.
            ("2026-03-02T21:59:59", None),
            ("2026-03-02T22:00", ("2026-03-02T22:00", "2026-03-03T06:00")),
            ("2026-03-03T03:00", ("2026-03-02T22:00", "2026-03-03T06:00")),
            ("2026-03-03T05:59:59", ("2026-03-02T22:00", "2026-03-03T06:00")),
            ("2026-03-03T06:00", None),
            # The night in which clocks go forward is an hour shorter, the other one longer.
            ("2026-03-29T00:30", ("2026-03-28T22:00", "2026-03-29T05:00")),
            ("2026-10-25T00:30", ("2026-10-24T21:00", "2026-10-25T06:00")),
        ],
    )
    def test_over_midnight(self, instant: str, period: tuple[str, str] | None) -> None:
        expected = tuple(map(utc, period)) if period else None
        assert self.NIGHT.period(utc(instant)) == expected

    @pytest.mark.parametrize(
        ("instant", "inside"),
        [
            ("2026-03-06T11:30", True),  # Friday
            ("2026-03-07T11:30", False),
            ("2026-03-09T11:00", True),
            ("2026-03-09T12:00", False),
        ],
    )
    def test_weekdays_are_those_on_which_it_begins(self, instant: str, inside: bool) -> None:
        assert (self.LUNCH.period(utc(instant)) is not None) is inside
        friday_night = Blackout(time(23), time(7), BERLIN, frozenset({4}))
        assert friday_night.period(utc("2026-03-07T03:00")) is not None
        assert friday_night.period(utc("2026-03-06T03:00")) is None

    @pytest.mark.parametrize(
        ("begin", "end", "instant", "inside"),
        [
            # 02:15 comes twice, at 00:15 and at 01:15; the night is over after the second 02:30.
            (time(23), time(2, 30), "2026-10-25T00:15", True),
            (time(23), time(2, 30), "2026-10-25T01:15", True),
            (time(23), time(2, 30), "2026-10-25T01:30", False),
            (time(2, 15), time(2, 45), "2026-10-25T01:20", True),
            # 02:30 does not exist: the night is over when clocks go forward.
            (time(23), time(2, 30), "2026-03-29T00:59", True),
            (time(23), time(2, 30), "2026-03-29T01:00", False),
            (time(2, 30), time(4), "2026-03-29T00:59", False),
            (time(2, 30), time(4), "2026-03-29T01:00", True),
        ],
    )
    def test_ends_while_clocks_change(
        self, begin: time, end: time, instant: str, inside: bool
    ) -> None:
        found = Blackout(begin, end, BERLIN).period(utc(instant))
        assert (found is not None) is inside

    def test_a_day_is_a_whole_day(self) -> None:
        all_sunday = Blackout(time(0), time(0), BERLIN, frozenset({6}))
        found = all_sunday.period(utc("2026-03-29T12:00"))
        assert found == (utc("2026-03-28T23:00"), utc("2026-03-29T22:00"))

    def test_what_is_free(self) -> None:
        due = upcoming(Cron("0 * * * *", BERLIN), utc("2026-03-02T00:30"), 24)
        free = list(free_of(due, [self.NIGHT, self.LUNCH]))
        hours = [instant.astimezone(BERLIN).hour for instant in free]
        assert hours == [*range(7, 12), *range(13, 23)]
        assert blackout_period(free[0], [self.NIGHT, self.LUNCH]) is None
        assert list(free_of(due, [])) == due


@pytest.mark.parametrize(
    ("schedule", "blackouts", "per_day", "per_month"),
    [
        (Interval(60, START), [], 1_440, 43_833.6),
        (Interval(86_400, START), [], 1, 30.4),
        (Interval(7 * 86_400, START), [], 0.14, 4.3),
        (Cron("0 9 * * 1-5", BERLIN), [], 0.715, 21.8),
        (FixedTime((time(9), time(17)), BERLIN), [], 2, 60.9),
        (Cron("@yearly", BERLIN), [], 0.0, 0.1),
        (Manual(), [], 0, 0),
        (Once(START + timedelta(hours=1), BERLIN), [], 1, 30.4),
        (Once(START, BERLIN), [], 0, 0),
        (Cron("0 * * * *", BERLIN), [Blackout(time(23), time(7), BERLIN)], 16, 487.0),
        (Cron("30 3 * * *", BERLIN), [Blackout(time(23), time(7), BERLIN)], 0, 0),
    ],
)
def test_how_often(
    schedule: Schedule, blackouts: list[Blackout], per_day: float, per_month: float
) -> None:
    found = frequency(schedule, blackouts, START)
    assert found.per_day == pytest.approx(per_day, abs=0.006, rel=0.003)
    assert found.per_month == pytest.approx(per_month, abs=0.11, rel=0.003)
