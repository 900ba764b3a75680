"""How times, durations and numbers are written for the person who reads.

Instants are aware; they are written in the person's zone, on a 24-hour clock.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from decimal import Decimal
from functools import lru_cache

from babel.dates import format_skeleton, get_day_names
from babel.lists import format_list
from babel.numbers import format_compact_decimal, format_currency, format_decimal, format_percent

from ..domain.schedules import WEEKDAYS
from .catalogue import gettext
from .reader import reader


def local(instant: datetime) -> datetime:
    """`instant` on the clocks of the person's zone."""
    return instant.astimezone(reader().zone)


def offset(instant: datetime) -> str:
    """The zone's distance from UTC at `instant`: "UTC+2", "UTC−3:30", "UTC"."""
    shift = local(instant).utcoffset() or timedelta()
    if not shift:
        return "UTC"
    minutes = round(abs(shift).total_seconds() / 60)
    sign = "+" if shift > timedelta() else "−"
    rest = f":{minutes % 60:02}" if minutes % 60 else ""
    return f"UTC{sign}{minutes // 60}{rest}"


def moment(instant: datetime, now: datetime) -> str:
    """Short, for lists: the time alone today, the day before it otherwise, to the second."""
    here, today = local(instant), local(now).date()
    if here.date() == today:
        return _clock(here)
    day = "MMMd" if here.year == today.year else "yMMMd"
    return _join(_skeleton(day, here), _clock(here))


def moment_full(instant: datetime) -> str:
    """Nothing left out: date, time to the second, distance from UTC."""
    here = local(instant)
    return f"{_join(_skeleton('yMMMd', here), _skeleton('Hms', here))} {offset(instant)}"


def upcoming_moment(instant: datetime, zone: tzinfo | None = None) -> str:
    """For what lies ahead: with the day of the week, on the clocks of `zone`, else the person's."""
    here = instant.astimezone(zone or reader().zone)
    return _join(_skeleton("MMMEd", here), _clock(here))


def differs_from(instants: Iterable[datetime], zone: tzinfo) -> bool:
    """Do the person's clocks show anything else than those of `zone` at one of `instants`?"""
    return any(local(i).utcoffset() != i.astimezone(zone).utcoffset() for i in instants)


def weekday_name(name: str) -> str:
    """mon … sun → the reader's short word."""
    words = get_day_names("abbreviated", locale=reader().locale)
    return str(words[WEEKDAYS.index(name)]) if name in WEEKDAYS else name


def day(value: date) -> str:
    """A calendar day: "Nov 20"."""
    return _skeleton("MMMd", value)


def day_of_year(value: date) -> str:
    """A calendar day of any year, with the day of the week: "Fri, Nov 20, 2026"."""
    return _skeleton("yMMMEd", value)


def day_of_week(value: date) -> str:
    """A calendar day with the day of the week: "Fri, Nov 20"."""
    return _skeleton("MMMEd", value)


def stretch(begin: datetime, end: datetime) -> str:
    """From one time of day to another, on the day of the first: "Nov 20, 14:00–15:00"."""
    here, until = local(begin), local(end)
    return _join(_skeleton("MMMd", here), f"{here:%H:%M}–{until:%H:%M}")


def elapsed(milliseconds: int) -> str:
    """A time that goes on, as a stopwatch has it: "0:42", "1:02:03". The script counts it on."""
    minutes, seconds = divmod(max(milliseconds, 0) // 1000, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def month(value: date) -> str:
    """The month that a day lies in: "Nov 2026"."""
    return _skeleton("yMMM", value)


def weekday(value: date) -> str:
    """The short name of the day of the week."""
    return _skeleton("EEE", value)


def duration(milliseconds: int) -> str:
    """A stretch of time, as exact as is of use: "340 ms", "2.4 s", "3 min 20 s", "2 h 5 min"."""
    sign, value = ("−", -milliseconds) if milliseconds < 0 else ("", milliseconds)
    if value < 1_000:
        return sign + gettext("%(value)s ms", value=value)
    if value < 60_000:
        return sign + gettext("%(value)s s", value=number(round(value / 1000, 1)))
    minutes, seconds = divmod(round(value / 1000), 60)
    hours, minutes = divmod(minutes, 60)
    if not hours:
        return sign + gettext("%(minutes)s min %(seconds)s s", minutes=minutes, seconds=seconds)
    if hours < 48:
        return sign + gettext("%(hours)s h %(minutes)s min", hours=hours, minutes=minutes)
    return sign + gettext("%(days)s d %(hours)s h", days=hours // 24, hours=hours % 24)


def number(value: float) -> str:
    """A number with the reader's separators."""
    if isinstance(value, int) and 0 <= value < 1000:
        return str(value)  # the same in all our languages, and babel takes its time
    return _decimal(value, reader().locale)


def compact(value: Decimal | int) -> str:
    """A large number in few letters: "1.2M"."""
    return format_compact_decimal(value, locale=reader().locale, fraction_digits=1)


def about(value: float) -> str:
    """A number that is an estimate: no decimals where they say nothing."""
    return number(round(value) if value >= 10 else value)


def money(value: Decimal) -> str:
    """Dollars: to the cent, and small amounts to two digits that say something."""
    decimals = 2
    if 0 < value < Decimal("0.095"):
        decimals = min(12, 1 - value.adjusted())
    return _dollars(value, decimals, reader().locale)


def percent(share: float) -> str:
    """A share between 0 and 1; one decimal, and never "100 %" or "0 %" for almost."""
    shown = round(share, 3)
    if 0 < share < 1:
        shown = min(max(shown, 0.001), 0.999)
    return _percent(shown, reader().locale)


def listed(items: Sequence[str]) -> str:
    """Several things in a row, as the reader's language does it: "a, b, and c", "a、b和c"."""
    return format_list(items, locale=reader().locale) if items else ""


def sentences(texts: Iterable[str]) -> str:
    """One after the other. Chinese has no blank between sentences."""
    return ("" if reader().locale.startswith("zh") else " ").join(map(str, texts))


def separators(count: int) -> list[str]:
    """What stands after each of `count` things in such a row, for things that are more than text."""
    marks = [chr(0xE000 + number) for number in range(count)]
    parts = re.split(f"[{''.join(marks)}]", listed(marks)) if marks else [""]
    return parts[1:]


def _skeleton(skeleton: str, value: date | datetime) -> str:
    if not isinstance(value, datetime):
        value = datetime.combine(value, time(12), UTC)
    return _written(skeleton, value.replace(tzinfo=UTC), reader().locale)


# A page has the same numbers, days and times again and again, and babel takes its time over each.


@lru_cache(maxsize=4096, typed=True)
def _decimal(value: float, locale: str) -> str:
    return format_decimal(value, locale=locale)


@lru_cache(maxsize=4096)
def _dollars(value: Decimal, decimals: int, locale: str) -> str:
    pattern = "¤#,##0." + "0" * decimals
    return format_currency(value, "USD", pattern, locale=locale, currency_digits=False)


@lru_cache(maxsize=1024)
def _percent(share: float, locale: str) -> str:
    return format_percent(share, "#,##0.#%", locale=locale)


@lru_cache(maxsize=4096)
def _written(skeleton: str, wall_clock: datetime, locale: str) -> str:
    text: str = format_skeleton(skeleton, wall_clock, tzinfo=UTC, locale=locale)
    return text


def _clock(here: datetime) -> str:
    return f"{here:%H:%M:%S}"  # the 24-hour clock looks the same in all our languages


def _join(date_text: str, time_text: str) -> str:
    # Translators: a date and the time of day on it
    return gettext("%(date)s, %(time)s", date=date_text, time=time_text)
