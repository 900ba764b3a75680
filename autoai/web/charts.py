"""Bar charts as parts of an SVG, and the same in words: one for the dashboard, the log, usage and the
page of a task. `templates/macros/charts.html` puts them together, `static/css/charts.css` has the
colours and `static/js/charts.js` the arrow keys.

A bar is drawn here and kept, because a live page has nearly the same bars again and again. Lengths across are percentages, so that a chart fits every window and its letters stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from markupsafe import Markup

_STEPS = (Decimal(1), Decimal(2), Decimal("2.5"), Decimal(5), Decimal(10))
_LEAST = 2.0
"""Pixels: one failure in a thousand is still seen."""
PATTERNED = frozenset({"degraded", "failed", "missed", "skipped", "active", "received"})
"""Kinds that have a pattern in the template."""
_LETTER, _CAPITAL, _WIDE_LETTER = 8, 10, 13
"""Pixels that a letter of the scale takes, a capital ("US$1.00", "2M"), and one of Chinese."""


@dataclass(frozen=True)
class Size:
    """In pixels: bars stand between `top` and `floor`. Above are the words of the bar that is looked
    at, below are the labels, about `labels` of them."""

    top: int
    floor: int
    height: int
    labels: int


TALL = Size(60, 220, 242, 5)
MEDIUM = Size(60, 156, 178, 6)
LOW = Size(57, 108, 124, 7)
SMALL = Size(40, 92, 108, 3)


@dataclass(frozen=True)
class Column:
    """What one bar stands for. `words` are its figures in lines that fit a phone."""

    label: str
    words: tuple[str, ...]
    parts: tuple[tuple[str, float], ...]
    """(kind, amount) from the floor upwards; the kinds are the style sheet's."""
    url: str = ""
    """Where the bar leads; a column without one is not drawn as a link, and cannot be focused."""
    mark: str = ""
    """A sign above the bar."""

    @property
    def total(self) -> float:
        """All of it."""
        return sum(amount for _kind, amount in self.parts)


@dataclass(frozen=True)
class Line:
    """One line of the scale."""

    y: float
    words: str


@dataclass(frozen=True)
class Chart:
    """All that the template draws."""

    size: Size
    bars: list[Markup]
    lines: list[Line]
    kinds: list[str]
    """Those that occur, in the order of the stack."""

    @property
    def scale_width(self) -> int:
        """Pixels that the longest number of the scale needs."""
        return max((sum(map(_width, line.words)) for line in self.lines), default=0)


def bar_chart(
    columns: Sequence[Column],
    size: Size,
    written: Callable[[Decimal], str] | None = None,
    *,
    whole: bool = False,
) -> Chart:
    """`columns` from left to right → the chart; the tallest fills the height. With `written` it has
    a scale, whose numbers are `whole` where it counts something."""
    most = max((column.total for column in columns), default=0)
    top_line = _nice(Decimal(most), whole) if written else Decimal(most)
    every = max(1, -(-len(columns) // size.labels))
    top = float(top_line)
    bars = [
        _bar(column, size, top, len(columns), n, n % every == every // 2)
        for n, column in enumerate(columns)
    ]
    lines = _lines(top_line, size, written, whole) if written and most else []
    found = {kind for column in columns for kind, amount in column.parts if amount > 0}
    order = dict.fromkeys(kind for column in columns for kind, _amount in column.parts)
    return Chart(size, bars, lines, [kind for kind in order if kind in found])


def piece(kind: str) -> Markup:
    """The attributes of a rectangle of that kind."""
    fill = Markup(' fill="url(#fill-{0})"').format(kind) if kind in PATTERNED else ""
    return Markup('class="piece {0}"{1}').format(kind, fill)


@lru_cache(maxsize=4096)
def _bar(column: Column, size: Size, most: float, count: int, n: int, labelled: bool) -> Markup:
    """The `n`th of `count` bars, its label if it has one below it, and its words."""
    step = 100 / count
    x, width = round(step * (n + 0.14), 3), round(step * 0.72, 3)
    middle = round(x + width / 2, 3)
    label = _LABEL.format(middle, size.height - 5, column.label) if labelled else Markup()
    if not column.url:
        return label
    pieces, top = [], float(size.floor)
    for kind, amount in column.parts:
        if amount > 0:
            height = max(_LEAST, amount / most * (size.floor - size.top))
            top -= height
            pieces.append(_PIECE.format(piece(kind), x, round(top, 1), width, round(height, 1)))
    mark = _MARK.format(middle, round(top - 4, 1), column.mark) if column.mark else ""
    lines = (_SPAN.format(13 + 17 * n, words) for n, words in enumerate(column.words))
    hit = _HIT.format(x, size.top, width, size.floor - size.top)
    return Markup("").join(
        (
            label,
            _BEGIN.format(column.url, ", ".join(column.words)),
            hit,
            *pieces,
            mark,
            Markup('<text class="tip">'),
            *lines,
            Markup("</text></a>"),
        )
    )


_LABEL = Markup('<text class="day" x="{0}%" y="{1}" text-anchor="middle">{2}</text>')
_BEGIN = Markup('<a href="{0}" aria-label="{1}">')
_HIT = Markup('<rect class="hit" x="{0}%" y="{1}" width="{2}%" height="{3}"/>')
_PIECE = Markup('<rect {0} x="{1}%" y="{2}" width="{3}%" height="{4}"/>')
_MARK = Markup('<text class="what" x="{0}%" y="{1}" text-anchor="middle">{2}</text>')
_SPAN = Markup('<tspan x="0" y="{0}">{1}</tspan>')


def _lines(most: Decimal, size: Size, written: Callable[[Decimal], str], whole: bool) -> list[Line]:
    """The top, the middle where it is a number that can be said, and the floor."""
    half = most / 2
    lines = [Line(size.top, written(most)), Line(size.floor, written(Decimal(0)))]
    if not whole or half == half.to_integral_value():
        lines.insert(1, Line((size.top + size.floor) / 2, written(half)))
    return lines


def _nice(most: Decimal, whole: bool) -> Decimal:
    """The next round number, for the top line."""
    if most <= 0:
        return Decimal(0)
    power = Decimal(1).scaleb(most.adjusted())
    steps = (step * power for step in _STEPS if step * power >= most)
    return next(step for step in steps if not whole or step == step.to_integral_value())


def _width(letter: str) -> int:
    if ord(letter) > 0x2E80:
        return _WIDE_LETTER
    return _CAPITAL if letter.isupper() else _LETTER
