"""What is refused as a schedule, beside which field, and what a good one is stored as."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask

from autoai.domain.errors import Invalid
from autoai.models.task import make_blackouts, make_schedule
from autoai.services.schedule_rules import MAX_BLACKOUTS, MAX_TIMES, check_schedule
from tests.fakes import START

pytestmark = pytest.mark.usefixtures("request_for_words")


@pytest.fixture
def request_for_words(app: Flask) -> Any:
    """Messages are in a reader's language, so there must be a reader."""
    with app.test_request_context():
        yield


def check(**values: Any) -> dict[str, Any]:
    return check_schedule(values, "UTC")


def complaints(**values: Any) -> dict[str, list[str]]:
    with pytest.raises(Invalid) as caught:
        check(**values)
    return caught.value.errors


TIME = "Enter a time of day as HH:MM, such as 09:00."
DATE = "A date and a time such as 2026-01-31T09:00."


@pytest.mark.parametrize(
    ("values", "field", "message"),
    [
        ({}, "schedule_type", "Choose one of"),
        ({"schedule_type": "hourly"}, "schedule_type", "Choose one of"),
        ({"schedule_type": ["cron"]}, "schedule_type", "Choose one of"),
        ({"schedule_type": "manual", "timezone": "Berlin"}, "timezone", "Not a known time zone"),
        ({"schedule_type": "manual", "timezone": 5}, "timezone", "Not a known time zone"),
        ({"schedule_type": "manual", "timezone": "../UTC"}, "timezone", "Not a known time zone"),
        ({"schedule_type": "interval"}, "interval_minutes", "Say how often"),
        ({"schedule_type": "interval", "interval_seconds": 0}, "interval_seconds", "whole number"),
        ({"schedule_type": "interval", "interval_seconds": 1.5}, "interval_seconds", "whole"),
        ({"schedule_type": "interval", "interval_minutes": "5"}, "interval_minutes", "whole"),
        ({"schedule_type": "interval", "interval_minutes": True}, "interval_minutes", "whole"),
        ({"schedule_type": "interval", "interval_hours": 8_785}, "interval_hours", "to 8784"),
        (
            {"schedule_type": "interval", "interval_seconds": 60, "interval_minutes": 2},
            "interval_seconds",
            "different things",
        ),
        (
            {"schedule_type": "interval", "interval_seconds": 60, "interval_hours": 1},
            "interval_hours",
            "different things",
        ),
        ({"schedule_type": "fixed_time"}, "fixed_time", TIME),
        ({"schedule_type": "fixed_time", "fixed_time": []}, "fixed_time", TIME),
        ({"schedule_type": "fixed_time", "fixed_time": "24:00"}, "fixed_time", TIME),
        ({"schedule_type": "fixed_time", "fixed_time": "9:00"}, "fixed_time", TIME),
        ({"schedule_type": "fixed_time", "fixed_time": "09:60"}, "fixed_time", TIME),
        ({"schedule_type": "fixed_time", "fixed_time": "０９:００"}, "fixed_time", TIME),
        ({"schedule_type": "fixed_time", "fixed_time": ["09:00", None]}, "fixed_time", TIME),
        ({"schedule_type": "fixed_time", "fixed_time": {"at": "09:00"}}, "fixed_time", TIME),
        (
            {
                "schedule_type": "fixed_time",
                "fixed_time": [f"00:{minute:02}" for minute in range(MAX_TIMES + 1)],
            },
            "fixed_time",
            "At most 48",
        ),
        (
            {"schedule_type": "fixed_time", "fixed_time": "09:00", "weekdays": ["Monday"]},
            "weekdays",
            "mon, tue",
        ),
        (
            {"schedule_type": "fixed_time", "fixed_time": "09:00", "weekdays": "mon"},
            "weekdays",
            "mon, tue",
        ),
        (
            {"schedule_type": "fixed_time", "fixed_time": "09:00", "weekdays": [["mon"]]},
            "weekdays",
            "mon, tue",
        ),
        ({"schedule_type": "cron"}, "cron", "This field is needed"),
        ({"schedule_type": "cron", "cron": "* * * *"}, "cron", "Five fields"),
        ({"schedule_type": "cron", "cron": "* * * * * * *"}, "cron", "Five fields"),
        ({"schedule_type": "cron", "cron": "@reboot"}, "cron", "Five fields"),
        ({"schedule_type": "cron", "cron": "60 * * * * *"}, "cron", "The second is not right"),
        ({"schedule_type": "cron", "cron": "60 * * * *"}, "cron", "The minute is not right"),
        ({"schedule_type": "cron", "cron": "*/0 * * * *"}, "cron", "The minute is not right"),
        ({"schedule_type": "cron", "cron": "5-5/0 * * * *"}, "cron", "The minute is not right"),
        ({"schedule_type": "cron", "cron": "30-10 * * * *"}, "cron", "The minute is not right"),
        ({"schedule_type": "cron", "cron": "0 24 * * *"}, "cron", "The hour is not right"),
        ({"schedule_type": "cron", "cron": "0 0 32 * *"}, "cron", "The day of the month is not"),
        ({"schedule_type": "cron", "cron": "0 0 30 2 *"}, "cron", "The day of the month is not"),
        ({"schedule_type": "cron", "cron": "0 0 * 13 *"}, "cron", "The month is not right"),
        ({"schedule_type": "cron", "cron": "0 0 * * 8"}, "cron", "The day of the week is not"),
        ({"schedule_type": "cron", "cron": "0 0 * * 1#6"}, "cron", "The day of the week is not"),
        ({"schedule_type": "cron", "cron": "0 0 * * L"}, "cron", "The day of the week is not"),
        ({"schedule_type": "cron", "cron": "0 0 1-7 2 */7#5"}, "cron", "The day of the week"),
        ({"schedule_type": "cron", "cron": "0 0 * * *\n0"}, "cron", "one line"),
        ({"schedule_type": "cron", "cron": "0 " * 101}, "cron", "At most 200"),
        ({"schedule_type": "once"}, "once_at", "Say when"),
        ({"schedule_type": "once", "once_at": "tomorrow"}, "once_at", DATE),
        ({"schedule_type": "once", "once_at": "2026-02-30T09:00"}, "once_at", DATE),
        ({"schedule_type": "once", "once_at": "1999-12-31T09:00"}, "once_at", "The year must be"),
        ({"schedule_type": "once", "once_at": "9999-12-31T23:59-12:00"}, "once_at", DATE),
        ({"schedule_type": "manual", "starts_at": "soon"}, "starts_at", DATE),
        (
            {
                "schedule_type": "manual",
                "starts_at": "2026-03-02T12:00Z",
                "ends_at": "2026-03-02T12:00Z",
            },
            "ends_at",
            "must come after the start",
        ),
        ({"schedule_type": "manual", "jitter_seconds": -1}, "jitter_seconds", "whole number"),
        ({"schedule_type": "manual", "jitter_seconds": 86_401}, "jitter_seconds", "to 86400"),
        ({"schedule_type": "manual", "blackouts": "23:00-07:00"}, "blackouts", "at most 20"),
        (
            {
                "schedule_type": "manual",
                "blackouts": [{"from": "01:00", "to": "02:00"}] * (MAX_BLACKOUTS + 1),
            },
            "blackouts",
            "at most 20",
        ),
        ({"schedule_type": "manual", "blackouts": [{"from": "23:00"}]}, "blackouts", "from and to"),
        (
            {"schedule_type": "manual", "blackouts": [{"from": "1", "to": "2", "x": 3}]},
            "blackouts",
            "from and to",
        ),
        ({"schedule_type": "manual", "blackouts": [{"from": 1, "to": 2}]}, "blackouts", TIME),
        (
            {"schedule_type": "manual", "blackouts": [{"from": "09:00", "to": "09:00"}]},
            "blackouts",
            "another time",
        ),
        (
            {
                "schedule_type": "manual",
                "blackouts": [{"from": "09:00", "to": "10:00", "weekdays": ["x"]}],
            },
            "blackouts",
            "mon, tue",
        ),
    ],
)
def test_what_is_refused(values: dict[str, Any], field: str, message: str) -> None:
    found = complaints(**values)
    assert field in found, found
    assert message in " ".join(found[field])


def test_all_is_said_at_once() -> None:
    found = complaints(
        schedule_type="fixed_time",
        fixed_time="9",
        weekdays=["x"],
        jitter_seconds="1",
        starts_at="x",
        blackouts=[{}],
    )
    assert set(found) == {"fixed_time", "weekdays", "jitter_seconds", "starts_at", "blackouts"}


@pytest.mark.parametrize(
    ("values", "columns"),
    [
        ({"interval_minutes": 5}, {"interval_seconds": 300}),
        ({"interval_hours": 2}, {"interval_seconds": 7_200}),
        ({"interval_seconds": 3_600, "interval_hours": 1}, {"interval_seconds": 3_600}),
        ({"fixed_time": " 09:00 "}, {"fixed_times": ["09:00"], "weekdays": None}),
        ({"fixed_time": ["17:00", "09:00", "09:00"]}, {"fixed_times": ["09:00", "17:00"]}),
        (
            {"fixed_time": "09:00", "weekdays": ["sun", "mon", "mon"]},
            {"weekdays": ["mon", "sun"]},
        ),
        (
            {
                "fixed_time": "09:00",
                "weekdays": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"],
            },
            {"weekdays": None},
        ),
        ({"cron": " 0 9 * * MON "}, {"cron": "0 9 * * MON"}),
        ({"cron": "@daily"}, {"cron": "@daily"}),
        ({"cron": "0 0 29 2 *"}, {"cron": "0 0 29 2 *"}),
        ({"once_at": "2026-03-02T12:00Z"}, {"once_at": START}),
        ({"once_at": "2026-03-02T13:00", "timezone": "Europe/Berlin"}, {"once_at": START}),
        ({"once_at": "2026-03-02T21:00+09:00"}, {"once_at": START}),
        ({"once_at": START}, {"once_at": START}),
    ],
)
def test_what_is_stored(values: dict[str, Any], columns: dict[str, Any]) -> None:
    kinds = {"interval": "interval", "fixed_t": "fixed_time", "cron": "cron", "once_at": "once"}
    kind = next(kinds[name] for name in kinds for given in values if given.startswith(name))
    stored = check(schedule_type=kind, **values)
    assert {name: stored[name] for name in columns} == columns


def test_fields_of_another_kind_are_not_kept() -> None:
    stored = check(schedule_type="manual", cron="x", interval_seconds=-1, fixed_time="9", once_at=3)
    assert {stored[name] for name in ("cron", "interval_seconds", "once_at")} == {None}
    assert stored["fixed_times"] is None


def test_what_is_stored_makes_a_schedule() -> None:
    stored = check(
        schedule_type="fixed_time",
        fixed_time=["09:00", "12:00"],
        weekdays=["mon"],
        starts_at="2026-03-09T09:30",
        ends_at="2026-03-23T08:00",
        blackouts=[{"from": "11:00", "to": "13:00", "weekdays": ["sun", "mon"]}],
        timezone="Europe/Berlin",
    )
    found = list(make_schedule(stored, START).after(START))
    assert found == [
        datetime(2026, 3, day, hour, tzinfo=UTC) for day, hour in ((9, 11), (16, 8), (16, 11))
    ]
    (window,) = make_blackouts(stored["blackouts"], found[0].tzinfo)  # type: ignore[arg-type]
    assert window.weekdays == {0, 6}
    assert window.period(found[0]) is not None
