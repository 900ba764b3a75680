"""The chart of what was used, day by day, as numbers for an SVG, and the same in words.

Lengths across are percentages, so that it fits every window and its letters stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from flask_babel import gettext, ngettext

from ...queries.usage import Days, Figures, Group
from .. import formats

TOP, FLOOR, HEIGHT = 60, 220, 242
"""Of the bars, in pixels; above are the figures of the bar that is looked at, below are the days."""
_MOST_DAYS = 92
"""Longer stretches are drawn by the month."""
_LABELS = 5
_DAY = timedelta(days=1)
_STEPS = (Decimal(1), Decimal(2), Decimal("2.5"), Decimal(5), Decimal(10))


@dataclass(frozen=True)
class Piece:
    """A stretch of a bar."""

    kind: str
    y: float
    height: float


@dataclass(frozen=True)
class Bar:
    """A day's or a month's bar. `x`, `width` and `middle` are percentages."""

    first: date
    last: date
    figures: Figures
    name: str
    x: float
    width: float
    pieces: list[Piece]
    label: bool
    """Is its day written below?"""

    @property
    def middle(self) -> float:
        return round(self.x + self.width / 2, 3)

    @property
    def unknown(self) -> bool:
        """Is something of its cost not known?"""
        return bool(self.figures.unpriced)

    @property
    def words(self) -> list[str]:
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
        return [gettext("%(day)s: %(counts)s", day=self.name, counts=cost), tokens, runs]


@dataclass(frozen=True)
class Chart:
    """All that the template draws."""

    bars: list[Bar]
    by_month: bool
    scale: list[str]
    """What the lines stand for, from the top."""
    lines: list[float]
    top: int = TOP
    floor: int = FLOOR
    height: int = HEIGHT


def usage_chart(groups: Sequence[Group], days: Days, bars: str) -> Chart | None:
    """What the days used → the chart; None where there is but one day to draw."""
    by_day = {group.key: group.figures for group in groups}
    by_month = (days.last - days.first).days >= _MOST_DAYS
    spans = list(_months(days) if by_month else _days(days))
    if len(spans) < 2:
        return None
    sums = [_sum(groups, span) if by_month else by_day.get(span.first, Figures()) for span in spans]
    value = _cost if bars == "cost" else _tokens
    most = _nice(max(value(figures) for figures in sums))
    step, every = 100 / len(spans), -(-len(spans) // _LABELS)
    found = [
        Bar(
            first=span.first,
            last=span.last,
            figures=figures,
            name=formats.month(span.first) if by_month else formats.day_of_year(span.first),
            x=round(step * (n + 0.14), 3),
            width=round(step * 0.72, 3),
            pieces=_pieces(figures, bars, most),
            label=n % every == every // 2,
        )
        for n, (span, figures) in enumerate(zip(spans, sums, strict=True))
    ]
    written: Callable[[Decimal], str] = formats.money if bars == "cost" else formats.compact
    scale = [written(most), written(most / 2), written(Decimal(0))] if most else []
    return Chart(found, by_month, scale, [TOP, (TOP + FLOOR) / 2] if most else [])


def _pieces(figures: Figures, bars: str, most: Decimal) -> list[Piece]:
    parts = [("cost", figures.known_cost)]
    if bars == "tokens":
        received = Decimal(figures.output_tokens)
        parts = [("sent", Decimal(figures.input_tokens)), ("received", received)]
    found, top = [], float(FLOOR)
    for kind, amount in parts:
        if amount > 0:
            height = max(2.0, float(amount / most) * (FLOOR - TOP))  # little is still seen
            top -= height
            found.append(Piece(kind, round(top, 1), round(height, 1)))
    return found


def _cost(figures: Figures) -> Decimal:
    return figures.known_cost


def _tokens(figures: Figures) -> Decimal:
    return Decimal(figures.tokens)


def _nice(most: Decimal) -> Decimal:
    """The next round number, for the top line."""
    if most <= 0:
        return Decimal(0)
    power = Decimal(1).scaleb(most.adjusted())
    return next(step * power for step in _STEPS if step * power >= most)


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
