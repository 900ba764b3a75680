"""A schedule in the reader's words."""

from __future__ import annotations

from collections.abc import Iterable
from functools import singledispatch
from typing import Any

from babel.dates import format_skeleton, get_day_names, get_month_names
from cron_descriptor import ExpressionDescriptor, Options

from .base import Schedule, Words
from .kinds import CRON_WORDS, Cron, FixedTime, Interval, Manual, Once
from .limits import Limited

_DESCRIPTOR_LOCALES = {"en": "en_US", "zh_Hans": "zh_CN", "zh_Hant": "zh_TW"}
_WORKDAYS, _WEEKEND = frozenset(range(5)), frozenset({5, 6})


def describe(schedule: Schedule, words: Words) -> str:
    """The rule, such as "every 2 hours"; start, end and blackouts are not part of it."""
    return str(_describe(schedule, words))


@singledispatch
def _describe(schedule: Any, words: Words) -> str:
    raise TypeError(f"no words for {type(schedule).__name__}")


@_describe.register
def _(schedule: Limited, words: Words) -> str:
    return describe(schedule.schedule, words)


@_describe.register
def _(_schedule: Manual, words: Words) -> str:
    return words.gettext("only by hand")


@_describe.register
def _(schedule: Once, words: Words) -> str:
    day = format_skeleton("yMMMd", schedule.at, tzinfo=schedule.zone, locale=words.locale)
    at = format_skeleton("Hm", schedule.at, tzinfo=schedule.zone, locale=words.locale)
    return words.gettext("once, on %(day)s at %(time)s", day=day, time=at)


@_describe.register
def _(schedule: Interval, words: Words) -> str:
    seconds = schedule.seconds
    if seconds % 86_400 == 0:
        days = seconds // 86_400
        if days == 1:
            return words.gettext("every day")
        return words.ngettext("every %(num)s day", "every %(num)s days", days)
    if seconds % 3_600 == 0:
        hours = seconds // 3_600
        if hours == 1:
            return words.gettext("every hour")
        return words.ngettext("every %(num)s hour", "every %(num)s hours", hours)
    if seconds % 60 == 0:
        minutes = seconds // 60
        if minutes == 1:
            return words.gettext("every minute")
        return words.ngettext("every %(num)s minute", "every %(num)s minutes", minutes)
    if seconds == 1:
        return words.gettext("every second")
    return words.ngettext("every %(num)s second", "every %(num)s seconds", seconds)


@_describe.register
def _(schedule: FixedTime, words: Words) -> str:
    times = _listed([at.strftime("%H:%M") for at in schedule.times], words)
    if not schedule.weekdays or len(schedule.weekdays) == 7:
        return words.gettext("every day at %(time)s", time=times)
    if schedule.weekdays == _WORKDAYS:
        return words.gettext("Monday to Friday at %(time)s", time=times)
    if schedule.weekdays == _WEEKEND:
        return words.gettext("on weekends at %(time)s", time=times)
    names = get_day_names("wide", locale=words.locale)
    days = _listed([names[day] for day in sorted(schedule.weekdays)], words)
    return words.gettext("every %(days)s at %(time)s", days=days, time=times)


@_describe.register
def _(schedule: Cron, words: Words) -> str:
    text = CRON_WORDS.get(schedule.expression.strip().lower(), schedule.expression)
    *clock, day, month, weekday = text.split()
    if schedule.either_day:  # Debian: where both are given, one of them is enough
        return words.gettext(
            "%(one)s; or %(other)s",
            one=_described([*clock, day, month, "*"], words),
            other=_described([*clock, "*", month, weekday], words),
        )
    return _described([*clock, day, month, weekday], words)


def _described(parts: Iterable[str], words: Words) -> str:
    options = Options()
    options.locale_code = _DESCRIPTOR_LOCALES.get(words.locale, "en_US")
    options.use_24hour_time_format = True
    text: str = ExpressionDescriptor(" ".join(parts).upper(), options).get_description()
    if words.locale == "en":
        return text[:1].lower() + text[1:]
    return _in_chinese(text, words.locale)


def _in_chinese(text: str, locale: str) -> str:
    """The descriptor leaves names of days and months in English, and blanks between the words."""
    for own, names in (
        (get_day_names("wide", locale="en"), get_day_names("wide", locale=locale)),
        (get_month_names("wide", locale="en"), get_month_names("wide", locale=locale)),
    ):
        for number, name in own.items():
            text = text.replace(name, names[number])
    return text.replace(", ", "，").replace(" ", "")


def _listed(items: list[str], words: Words) -> str:
    if len(items) == 1:
        return items[0]
    first = items[0]
    for item in items[1:-1]:
        first = words.gettext("%(first)s, %(next)s", first=first, next=item)
    return words.gettext("%(first)s and %(last)s", first=first, last=items[-1])
