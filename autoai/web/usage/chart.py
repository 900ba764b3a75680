"""The chart of what was used, day by day or month by month."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from flask_babel import gettext, ngettext

from ...queries.usage import Days, Figures, Group
from .. import formats
from ..charts import TALL, Chart, Column, bar_chart

_MOST_DAYS = 92
"""Longer stretches are drawn by the month."""
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Span:
    """What a day or a month used."""

    first: date
    last: date
    figures: Figures
    name: str

    @property
    def words(self) -> tuple[str, ...]:
        """Its figures in three lines, short enough for a phone."""
        figures = self.figures
        cost = gettext("cost unknown") if figures.cost is None else formats.money(figures.cost)
        count = formats.number(figures.runs)
        runs = ngettext("%(count)s run", "%(count)s runs", figures.runs, count=count)
        if figures.unpriced:
            # Translators: so many runs in all, and how many of them have no price
            runs = gettext(
                "%(runs)s, %(unpriced)s of them without a known price",
                runs=runs,
                unpriced=formats.number(figures.unpriced),
            )
        tokens = gettext(
            "tokens: %(sent)s sent, %(received)s received",
            sent=formats.number(figures.input_tokens),
            received=formats.number(figures.output_tokens),
        )
        return gettext("%(day)s: %(counts)s", day=self.name, counts=cost), tokens, runs


@dataclass(frozen=True)
class UsageChart:
    """The chart, and what its bars stand for."""

    chart: Chart
    spans: list[Span]
    by_month: bool


def usage_chart(
    groups: Sequence[Group], days: Days, bars: str, url: Callable[..., str]
) -> UsageChart | None:
    """What the days used → the chart; None where there is but one day to draw. `url` makes the
    address of a span from its first and last day."""
    by_day = {group.key: group.figures for group in groups}
    by_month = (days.last - days.first).days >= _MOST_DAYS
    stretches = list(_months(days) if by_month else _days(days))
    if len(stretches) < 2:
        return None
    spans = [
        Span(
            first=each.first,
            last=each.last,
            figures=_sum(groups, each) if by_month else by_day.get(each.first, Figures()),
            name=formats.month(each.first) if by_month else formats.day_of_year(each.first),
        )
        for each in stretches
    ]
    columns = [_column(span, bars, by_month, url) for span in spans]
    written: Callable[[Decimal], str] = formats.money if bars == "cost" else formats.compact
    return UsageChart(bar_chart(columns, TALL, written), spans, by_month)


def _column(span: Span, bars: str, by_month: bool, url: Callable[..., str]) -> Column:
    figures = span.figures
    parts: tuple[tuple[str, float], ...] = (("cost", float(figures.known_cost)),)
    if bars == "tokens":
        parts = (("sent", figures.input_tokens), ("received", figures.output_tokens))
    there = figures.runs or figures.reserved_tokens or any(amount for _kind, amount in parts)
    days = {"from": span.first.isoformat(), "to": span.last.isoformat()}
    return Column(
        label=formats.month(span.first) if by_month else formats.day(span.first),
        words=span.words,
        parts=parts,
        url=url(**days) if there else "",
        mark="?" if bars == "cost" and figures.unpriced else "",
    )


def _days(days: Days) -> Iterator[Days]:
    for number in range((days.last - days.first).days + 1):
        day = days.first + number * _DAY
        yield Days(day, day)


def _months(days: Days) -> Iterator[Days]:
    first = days.first
    while first <= days.last:
        last = min(_month_end(first), days.last)
        yield Days(first, last)
        if last == date.max:
            return
        first = last + _DAY


def _month_end(day: date) -> date:
    if (day.year, day.month) == (date.max.year, 12):
        return date.max
    return (day.replace(day=1) + 32 * _DAY).replace(day=1) - _DAY


def _sum(groups: Sequence[Group], span: Days) -> Figures:
    inside = (g.figures for g in groups if isinstance(g.key, date) and _in(g.key, span))
    return sum(inside, Figures())


def _in(day: date, span: Days) -> bool:
    return span.first <= day <= span.last
