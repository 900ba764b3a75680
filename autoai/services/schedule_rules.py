"""What makes a schedule valid. Decided here once, for the form, its receipt, the API and the import."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from flask_babel import gettext as _

from ..domain.schedules import (
    MAX_INTERVAL_SECONDS,
    WEEKDAYS,
    Cron,
    ScheduleType,
    instant_of,
    time_zones,
)
from .checker import Checker

INTERVAL_UNITS = {"interval_seconds": 1, "interval_minutes": 60, "interval_hours": 3_600}
SCHEDULE_FIELDS = (
    "schedule_type",
    *INTERVAL_UNITS,
    "fixed_time",
    "weekdays",
    "cron",
    "once_at",
    "starts_at",
    "ends_at",
    "jitter_seconds",
    "blackouts",
    "timezone",
)
CRON_LENGTH = 200
MAX_TIMES = 48
MAX_BLACKOUTS = 20
MAX_JITTER_SECONDS = 24 * 3600

_TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d", re.ASCII)
_FIRST_YEAR, _LAST_YEAR = 2000, 2200
_SOME_DAY = datetime(2000, 1, 1, tzinfo=UTC)  # a cron expression knows no years


def check_schedule(values: Mapping[str, Any], default_timezone: str) -> dict[str, Any]:
    """The schedule's fields → its columns. Raises `Invalid`.

    Instants are ISO 8601 texts or datetimes; one without an offset is on the task's own clocks.
    """
    check = Checker(values)
    columns: dict[str, Any] = {
        "schedule_type": check.values.get("schedule_type"),
        "interval_seconds": None,
        "fixed_times": None,
        "weekdays": None,
        "cron": None,
        "once_at": None,
        "timezone": check_timezone(check, default_timezone),
        "jitter_seconds": check.number("jitter_seconds", 0, MAX_JITTER_SECONDS, 0),
    }
    if "timezone" in check.errors:
        check.done()
    zone = ZoneInfo(columns["timezone"])
    columns["starts_at"] = _instant(check, "starts_at", zone)
    columns["ends_at"] = _instant(check, "ends_at", zone)
    columns["blackouts"] = _blackouts(check)
    _kind(check, columns, zone)
    start, end = columns["starts_at"], columns["ends_at"]
    if start and end and end <= start:
        check.complain("ends_at", _("The end must come after the start."))
    check.done()
    return columns


def check_timezone(check: Checker, default_timezone: str) -> str:
    """The name of a zone that there is."""
    name = check.values.get("timezone") or default_timezone
    if isinstance(name, str) and name in time_zones():
        return name
    check.complain("timezone", _("Not a known time zone. Try one such as Europe/Berlin."))
    return default_timezone


def _kind(check: Checker, columns: dict[str, Any], zone: ZoneInfo) -> None:
    match columns["schedule_type"]:
        case ScheduleType.INTERVAL:
            columns["interval_seconds"] = _interval(check)
        case ScheduleType.FIXED_TIME:
            columns["fixed_times"] = _fixed_times(check)
            columns["weekdays"] = _weekdays(check, "weekdays", check.values.get("weekdays"))
        case ScheduleType.CRON:
            columns["cron"] = _cron(check, zone)
        case ScheduleType.ONCE:
            columns["once_at"] = _instant(check, "once_at", zone)
            if columns["once_at"] is None and "once_at" not in check.errors:
                check.complain("once_at", _("Say when: a day and a time."))
        case ScheduleType.MANUAL:
            pass
        case _:
            check.complain(
                "schedule_type", _("Choose one of: %(choices)s.", choices=", ".join(ScheduleType))
            )


def _fixed_times(check: Checker) -> list[str]:
    value = check.values.get("fixed_time")
    texts = value if isinstance(value, list) else [value]
    times = [text.strip() for text in texts if isinstance(text, str)]
    if not times or len(times) != len(texts) or not all(map(_TIME.fullmatch, times)):
        check.complain("fixed_time", _("Enter a time of day as HH:MM, such as 09:00."))
    elif len(times) > MAX_TIMES:
        check.complain("fixed_time", _("At most %(count)s times of day.", count=MAX_TIMES))
    return sorted(set(times))


def _weekdays(check: Checker, field: str, value: Any) -> list[str] | None:
    if value is None or value == []:
        return None
    if not isinstance(value, list) or any(day not in WEEKDAYS for day in value):
        check.complain(field, _("Days of the week are: %(days)s.", days=", ".join(WEEKDAYS)))
        return None
    return None if len(set(value)) == 7 else sorted(set(value), key=WEEKDAYS.index)


def _cron(check: Checker, zone: ZoneInfo) -> str:
    text = check.line("cron", CRON_LENGTH)
    if "cron" in check.errors:
        return text
    try:
        schedule = Cron(text, zone)
    except ValueError as error:
        check.complain("cron", _cron_fault(str(error)))
        return text
    if next(schedule.after(_SOME_DAY), None) is None:
        check.complain("cron", _("There is no such day: it would never run."))
    return text


def _cron_fault(fault: str) -> str:
    """Which of the fields is wrong."""
    names = {
        "Bad second": _("The second is not right: 0–59, *, */5, 1-10 or 1,2."),
        "Bad minute": _("The minute is not right: 0–59, *, */5, 1-10 or 1,2."),
        "Bad hour": _("The hour is not right: 0–23, *, */2, 9-17 or 9,17."),
        "Bad day-of-month": _("The day of the month is not right: 1–31, * or L."),
        "Bad month": _("The month is not right: 1–12, JAN–DEC or *."),
        "Bad day-of-week": _("The day of the week is not right: 0–7, SUN–SAT, *, 5#2 or 5L."),
    }
    return names.get(
        fault,
        _("Five fields: minute, hour, day, month, weekday, such as 0 9 * * 1-5. Or @daily."),
    )


def _instant(check: Checker, field: str, zone: ZoneInfo) -> datetime | None:
    value = check.values.get(field)
    if value in (None, ""):
        return None
    try:
        instant = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
        instant = instant_of(instant, zone) if instant.tzinfo is None else instant.astimezone(UTC)
    except (ValueError, OverflowError):
        check.complain(
            field, _("A date and a time such as %(example)s.", example="2026-01-31T09:00")
        )
        return None
    if not _FIRST_YEAR <= instant.year <= _LAST_YEAR:
        check.complain(
            field,
            _("The year must be from %(first)s to %(last)s.", first=_FIRST_YEAR, last=_LAST_YEAR),
        )
        return None
    return instant


def _blackouts(check: Checker) -> list[dict[str, Any]] | None:
    value = check.values.get("blackouts")
    if value is None or value == []:
        return None
    if not isinstance(value, list) or len(value) > MAX_BLACKOUTS:
        check.complain("blackouts", _("A list of at most %(count)s windows.", count=MAX_BLACKOUTS))
        return None
    return [row for item in value if (row := _blackout(check, item)) is not None]


def _blackout(check: Checker, item: Any) -> dict[str, Any] | None:
    fields = {"from", "to", "weekdays"}
    if not isinstance(item, dict) or not {"from", "to"} <= set(item) <= fields:
        check.complain("blackouts", _("A window has from and to, such as 23:00 and 07:00."))
        return None
    begin, end = str(item["from"]).strip(), str(item["to"]).strip()
    if not _TIME.fullmatch(begin) or not _TIME.fullmatch(end):
        check.complain("blackouts", _("Enter a time of day as HH:MM, such as 09:00."))
        return None
    if begin == end:
        check.complain("blackouts", _("A window must end at another time than it begins."))
    row: dict[str, Any] = {"from": begin, "to": end}
    days = _weekdays(check, "blackouts", item.get("weekdays"))
    return {**row, "weekdays": days} if days else row


def _interval(check: Checker) -> int | None:
    given = {
        field: check.values[field]
        for field in INTERVAL_UNITS
        if check.values.get(field) is not None
    }
    if not given:
        check.complain("interval_minutes", _("Say how often: minutes or seconds."))
        return None
    seconds = set()
    for field in given:
        most = MAX_INTERVAL_SECONDS // INTERVAL_UNITS[field]
        seconds.add(check.number(field, 1, most, 1) * INTERVAL_UNITS[field])
    if len(seconds) > 1 and not check.errors:
        for field in given:
            check.complain(field, _("These say different things: give only one of them."))
    return seconds.pop()
