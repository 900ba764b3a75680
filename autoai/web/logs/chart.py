"""The small chart of the last seven days, and the same in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from flask_babel import gettext

from ...queries.run_log import Day
from .. import formats
from ..charts import LOW, Chart, Column, bar_chart
from ..status_bars import KINDS, by_kind, lines_of, summed


@dataclass(frozen=True)
class Week:
    """The chart, and what it comes to: as a sentence, and in lines that fit a phone."""

    words: str
    lines: Sequence[str]
    chart: Chart


def week_chart(days: Sequence[Day], base: str = "/logs") -> Week:
    """`days` ascending → the chart; a bar leads to its day in the log at `base`."""
    sums: Counter[str] = Counter(dict.fromkeys(KINDS, 0))
    for day in days:
        sums.update(by_kind(day.by_status, day.degraded))
    chart = bar_chart([_column(day, base) for day in days], LOW)
    if not sums.total():
        nothing = gettext("Nothing ran in the last seven days.")
        return Week(nothing, [nothing], chart)
    words = gettext("Last seven days: %(counts)s.", counts=summed(sums))
    return Week(words, lines_of(gettext("Last seven days"), sums), chart)


def _column(day: Day, base: str) -> Column:
    counts = by_kind(day.by_status, day.degraded)
    return Column(
        label=formats.weekday(day.date),
        words=lines_of(formats.day(day.date), counts),
        parts=tuple(counts.items()),
        url=f"{base}?from={day.date}&to={day.date}" if any(counts.values()) else "",
    )
