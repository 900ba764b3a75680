"""The dashboard's charts: how what was due in the last hours and days ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from zoneinfo import ZoneInfo

from flask_babel import gettext
from markupsafe import Markup

from ...queries.dashboard import Slot
from ...queries.run_log import Day
from .. import formats
from ..charts import MEDIUM, Chart, Column, bar_chart
from ..reader import reader
from ..status_bars import KINDS, by_kind, lines_of
from ..templating import zone_name

_HOUR = timedelta(hours=1)
_Counts = tuple[int, ...]
"""In the order of `KINDS`."""


@dataclass(frozen=True)
class StatusChart:
    """A chart, what it comes to in words, and the rows of the table behind it."""

    chart: Chart
    lines: Sequence[str]
    rows: list[Markup]
    """The newest first; a cell for each of the chart's kinds."""

    @property
    def nothing(self) -> bool:
        """Was nothing due in all that time?"""
        return not self.chart.kinds


def hours_bars(slots: Sequence[Slot], zone: ZoneInfo) -> StatusChart:
    """The last 24 hours. A bar leads to the log of its day, on the clocks of `zone`, the instance's."""
    locale, here = reader().locale, zone_name()
    entries = [
        _hour(locale, here, slot.start, slot.start.astimezone(zone).date(), _counts(slot))
        for slot in slots
    ]
    return _chart(gettext("Last 24 hours"), entries, locale)


def days_bars(days: Sequence[Day]) -> StatusChart:
    """The last 30 days, or as many as `days` are."""
    locale = reader().locale
    entries = [_day(locale, day.date, _counts(day)) for day in days]
    return _chart(gettext("Last %(num)s days", num=len(days)), entries, locale)


@dataclass(frozen=True)
class _Entry:
    name: str
    column: Column
    counts: _Counts


# What an hour or a day is told by is kept: a live page asks for the same ones again and again. Locale
# and zone are those of the person, which the words follow.


@lru_cache(maxsize=1024)
def _hour(_locale: str, _zone: str, start: datetime, day: date, counts: _Counts) -> _Entry:
    name = formats.stretch(start, start + _HOUR)
    return _entry(name, f"{formats.local(start):%H:%M}", day, counts)


@lru_cache(maxsize=1024)
def _day(_locale: str, day: date, counts: _Counts) -> _Entry:
    return _entry(formats.day_of_week(day), formats.day(day), day, counts)


def _entry(name: str, label: str, day: date, counts: _Counts) -> _Entry:
    told = dict(zip(KINDS, counts, strict=True))
    url = f"/logs?from={day}&to={day}" if any(counts) else ""
    return _Entry(name, Column(label, lines_of(name, told), tuple(told.items()), url), counts)


def _counts(found: Slot | Day) -> _Counts:
    return tuple(by_kind(found.by_status, found.degraded).values())


def _chart(whole: str, entries: Sequence[_Entry], locale: str) -> StatusChart:
    sums: Counter[str] = Counter()
    for entry in entries:
        sums.update(dict(entry.column.parts))
    chart = bar_chart([entry.column for entry in entries], MEDIUM, _compact, whole=True)
    places = tuple(n for n, kind in enumerate(KINDS) if kind in chart.kinds)
    rows = [
        _row(locale, entry.name, tuple(entry.counts[n] for n in places))
        for entry in reversed(entries)
    ]
    return StatusChart(chart, lines_of(whole, sums), rows)


_CELL = Markup('<td class="number">{0}</td>')
_ROW = Markup('<tr><th scope="row">{0}</th>{1}</tr>')


@lru_cache(maxsize=2048)
def _row(_locale: str, name: str, counts: _Counts) -> Markup:
    cells = (_CELL.format(formats.number(count)) for count in counts)
    return _ROW.format(name, Markup("").join(cells))


def _compact(value: Decimal) -> str:
    return formats.number(int(value)) if value < 10_000 else formats.compact(value)
