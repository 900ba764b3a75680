"""The dashboard's charts: how what was due in the last hours and days ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from flask_babel import gettext

from ...queries.dashboard import Slot
from ...queries.run_log import Day
from .. import formats
from ..charts import MEDIUM, Chart, Column, bar_chart
from ..status_bars import by_kind, lines_of

_HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class StatusChart:
    """A chart, what it comes to in words, and its figures for the table behind it."""

    chart: Chart
    lines: list[str]
    rows: list[tuple[str, dict[str, int]]]
    """(name, by kind), the newest first."""

    @property
    def nothing(self) -> bool:
        """Was nothing due in all that time?"""
        return not self.chart.kinds


def hours_bars(slots: Sequence[Slot], zone: ZoneInfo) -> StatusChart:
    """The last 24 hours. A bar leads to the log of its day, on the clocks of `zone`, the instance's."""
    entries = [
        _Entry(
            label=f"{formats.local(slot.start):%H:%M}",
            name=formats.stretch(slot.start, slot.start + _HOUR),
            day=slot.start.astimezone(zone).date(),
            counts=by_kind(slot.by_status, slot.degraded),
        )
        for slot in slots
    ]
    return _chart(gettext("Last 24 hours"), entries)


def days_bars(days: Sequence[Day]) -> StatusChart:
    """The last 30 days, or as many as `days` are."""
    entries = [
        _Entry(
            label=formats.day(day.date),
            name=formats.day_of_week(day.date),
            day=day.date,
            counts=by_kind(day.by_status, day.degraded),
        )
        for day in days
    ]
    return _chart(gettext("Last %(num)s days", num=len(days)), entries)


@dataclass(frozen=True)
class _Entry:
    label: str
    name: str
    day: date
    counts: dict[str, int]


def _chart(whole: str, entries: Sequence[_Entry]) -> StatusChart:
    sums: Counter[str] = Counter()
    for entry in entries:
        sums.update(entry.counts)
    columns = [
        Column(
            label=entry.label,
            words=lines_of(entry.name, entry.counts),
            parts=list(entry.counts.items()),
            url=f"/logs?from={entry.day}&to={entry.day}" if any(entry.counts.values()) else "",
        )
        for entry in entries
    ]
    return StatusChart(
        bar_chart(columns, MEDIUM, _compact, whole=True),
        lines_of(whole, sums),
        [(entry.name, entry.counts) for entry in reversed(entries)],
    )


def _compact(value: Decimal) -> str:
    return formats.number(int(value)) if value < 10_000 else formats.compact(value)
