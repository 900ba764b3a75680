"""When something is due, by looking at the clocks: an enumeration that shares nothing with the product.

It walks through real time minute by minute (second by second for a cron expression with seconds),
asks the tz database what the clocks of a zone show, and compares that with the rule. Slow, and plain
enough to be believed. A rule is given by the fields of the API's task.

On days when clocks change it follows cron(8) of Debian: a fixed local time that does not exist is
due at the first instant after the gap, one that exists twice the first time only, and what has a
wildcard in its time follows real time. "Fixed" is a cron expression none of whose time fields
begins with `*`, and every fixed_time. Intervals are elapsed time.

All instants are whole seconds since 1970, UTC; what clocks show is the same without an offset.
"""

from __future__ import annotations

import calendar
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

MINUTE, HOUR, DAY = 60, 3_600, 86_400
LONGEST_JUMP = 26 * HOUR
"""No clock has been set back by more since 1990."""

_WORDS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_MONTHS = {name.upper(): number for number, name in enumerate(calendar.month_abbr) if name}
_WEEKDAYS = {"SUN": 0, "MON": 1, "TUE": 2, "WED": 3, "THU": 4, "FRI": 5, "SAT": 6}
_NUMBER_OF = {"mon": 0, "tue": 1, "wed": 2, "thu": 3, "fri": 4, "sat": 5, "sun": 6}


def due(fields: Mapping[str, Any], anchor: datetime, begin: int, end: int) -> list[int]:
    """What is due from `begin` up to, not including, `end`, ascending; `anchor` is the creation."""
    start, stop = _seconds(fields.get("starts_at")), _seconds(fields.get("ends_at"))
    match fields["schedule_type"]:
        case "interval":
            found = _elapsed(fields["interval_seconds"], _seconds(anchor), start, begin, end)
        case "once":
            at = _seconds(fields["once_at"])
            found = [at] if at is not None and begin <= at < end else []
        case "manual":
            found = []
        case _:
            found = list(Clockwork(fields).due(begin, end))
    return [t for t in found if (start is None or t >= start) and (stop is None or t <= stop)]


class Clockwork:
    """A rule that goes by what the clocks of a zone show."""

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self.zone = ZoneInfo(fields["timezone"])
        if fields["schedule_type"] == "fixed_time":
            self._set_times(fields)
        else:
            self._set_cron(_WORDS.get(fields["cron"], fields["cron"]).upper().split())

    def _set_times(self, fields: Mapping[str, Any]) -> None:
        days = {_NUMBER_OF[name] for name in fields.get("weekdays") or _NUMBER_OF}
        self.step, self.fixed = MINUTE, True
        self.times = {int(at[:2]) * HOUR + int(at[3:]) * MINUTE for at in fields["fixed_time"]}
        self.on_day: Callable[[date], bool] = lambda day: day.weekday() in days

    def _set_cron(self, parts: list[str]) -> None:
        self.step = 1 if len(parts) == 6 else MINUTE
        *clock, day, month, weekday = parts if len(parts) == 6 else ["0", *parts]
        self.fixed = not any(part.startswith("*") for part in clock)
        seconds, minutes, hours = (
            _numbers(part, 0, high) for part, high in zip(clock, (59, 59, 23), strict=True)
        )
        self.times = {h * HOUR + m * MINUTE + s for h in hours for m in minutes for s in seconds}
        months = _numbers(month, 1, 12, _MONTHS)
        both = day.startswith("*") or weekday.startswith("*")

        def on_day(when: date) -> bool:
            if when.month not in months:
                return False
            by_month, by_week = _day_of_month(day, when), _day_of_week(weekday, when)
            return by_month and by_week if both else by_month or by_week

        self.on_day = on_day

    def due(self, begin: int, end: int) -> Iterator[int]:
        """The instants in [begin, end)."""
        step, matches = self.step, self._matcher()
        whole = begin - begin % MINUTE
        furthest = self._furthest(whole)
        for start, until, ahead in walk(self.zone, whole, end):
            for instant in range(start, until, step):
                shown = instant + ahead
                if not self.fixed or shown == furthest + step:  # clocks go on as usual
                    found = matches(shown)
                else:  # what they have just jumped over, or nothing where they repeat themselves
                    missing = range(furthest + step, shown + step, step)
                    found = any(matches(reading) for reading in missing)
                if found and instant >= begin:
                    yield instant
                furthest = max(furthest, shown)

    def _matcher(self) -> Callable[[int], bool]:
        first = date(1970, 1, 1).toordinal()
        on_day = cache(lambda day: self.on_day(date.fromordinal(first + day)))
        return lambda shown: shown % DAY in self.times and on_day(shown // DAY)

    def _furthest(self, begin: int) -> int:
        """The latest that the clocks have shown before `begin`."""
        before = walk(self.zone, begin - LONGEST_JUMP, begin)
        return max(until + ahead for _, until, ahead in before) - self.step


def walk(zone: ZoneInfo, begin: int, end: int) -> Iterator[tuple[int, int, int]]:
    """[begin, end) in pieces of an hour or a minute: start, end, how far the clocks are ahead.

    `begin` is a whole minute, as all changes are. Where the clocks are as far ahead at both ends of an hour,
    they are not asked within it.
    """
    for hour in range(begin, end, HOUR):
        until = min(hour + HOUR, end)
        ahead = offset(zone, hour)
        if ahead == offset(zone, until):
            yield hour, until, ahead
            continue
        for minute in range(hour, until, MINUTE):
            yield minute, min(minute + MINUTE, until), offset(zone, minute)


def offset(zone: ZoneInfo, instant: int) -> int:
    """How far the clocks are ahead of UTC, in seconds."""
    ahead = datetime.fromtimestamp(instant, zone).utcoffset()
    assert ahead is not None
    return int(ahead.total_seconds())


@cache
def clock_changes(zone: ZoneInfo, year: int) -> list[int]:
    """The instants of `year` at which the clocks change."""
    begin, end = (int(datetime(y, 1, 1, tzinfo=UTC).timestamp()) for y in (year, year + 1))
    changes = []
    for hour in range(begin, end, 6 * HOUR):
        if offset(zone, hour) != offset(zone, hour + 6 * HOUR):
            changes += [
                minute
                for minute in range(hour + MINUTE, hour + 6 * HOUR + MINUTE, MINUTE)
                if offset(zone, minute) != offset(zone, minute - MINUTE)
            ]
    return changes


def _elapsed(every: int, anchor: int | None, start: int | None, begin: int, end: int) -> list[int]:
    assert anchor is not None
    first = anchor + every if start is None else start
    return [instant for instant in range(first, end, every) if instant >= begin]


def _numbers(
    field: str, low: int, high: int, names: Mapping[str, int] | None = None
) -> frozenset[int]:
    """Lists of numbers, names, ranges and steps. `5/15` is 5, 20, 35 …, to the end of the range."""
    found: set[int] = set()
    for part in field.split(","):
        body, _, step = part.partition("/")
        first, dash, last = body.partition("-")
        if body == "*":
            begin, end = low, high
        else:
            begin = end = _number(first, names)
            if dash:
                end = _number(last, names)
            elif step:
                end = high
        found.update(range(begin, end + 1, int(step or 1)))
    return frozenset(found)


def _number(text: str, names: Mapping[str, int] | None) -> int:
    return names[text] if names and text in names else int(text)


def _day_of_month(field: str, when: date) -> bool:
    last = calendar.monthrange(when.year, when.month)[1]
    parts = ",".join(str(last) if part == "L" else part for part in field.split(","))
    return when.day in _numbers(parts, 1, 31)


def _day_of_week(field: str, when: date) -> bool:
    number = when.isoweekday() % 7
    for part in field.split(","):
        if part.endswith("L"):
            if int(part[:-1]) % 7 == number and (when + timedelta(days=7)).month != when.month:
                return True
        elif "#" in part:
            day, _, nth = part.partition("#")
            if _number(day, _WEEKDAYS) % 7 == number and (when.day - 1) // 7 + 1 == int(nth):
                return True
        elif number in {day % 7 for day in _numbers(part, 0, 7, _WEEKDAYS)}:
            return True
    return False


def _seconds(instant: datetime | None) -> int | None:
    return None if instant is None else int(instant.timestamp())
