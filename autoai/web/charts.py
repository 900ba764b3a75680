"""Bar charts as numbers for an SVG, and the same in words: one for the dashboard, the log, usage
and the page of a task. `templates/macros/charts.html` draws them, `static/css/charts.css` has the
colours and `static/js/charts.js` the arrow keys.

Lengths across are percentages, so that a chart fits every window and its letters stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

_STEPS = (Decimal(1), Decimal(2), Decimal("2.5"), Decimal(5), Decimal(10))
_LEAST = 2.0
"""Pixels: one failure in a thousand is still seen."""
_LETTER, _WIDE_LETTER = 7, 13
"""Pixels that a letter of the scale takes, and one of Chinese."""


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
    words: list[str]
    parts: Sequence[tuple[str, int | Decimal]]
    """(kind, amount) from the floor upwards; the kinds are the style sheet's."""
    url: str = ""
    """Where the bar leads; a column without one is not drawn as a link, and cannot be focused."""
    mark: str = ""
    """A sign above the bar."""

    @property
    def total(self) -> Decimal:
        """All of it."""
        return sum((Decimal(amount) for _kind, amount in self.parts), Decimal(0))


@dataclass(frozen=True)
class Piece:
    """A stretch of a bar."""

    kind: str
    y: float
    height: float


@dataclass(frozen=True)
class Bar:
    """`x`, `width` and `middle` are percentages."""

    column: Column
    x: float
    width: float
    pieces: list[Piece]
    labelled: bool
    """Is its label written below?"""

    @property
    def middle(self) -> float:
        return round(self.x + self.width / 2, 3)


@dataclass(frozen=True)
class Line:
    """One line of the scale."""

    y: float
    words: str


@dataclass(frozen=True)
class Chart:
    """All that the template draws."""

    size: Size
    bars: list[Bar]
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
    most = max((column.total for column in columns), default=Decimal(0))
    top_line = _nice(most, whole) if written else most
    step = 100 / max(len(columns), 1)
    every = max(1, -(-len(columns) // size.labels))
    bars = [
        Bar(
            column=column,
            x=round(step * (n + 0.14), 3),
            width=round(step * 0.72, 3),
            pieces=_pieces(column, top_line, size),
            labelled=n % every == every // 2,
        )
        for n, column in enumerate(columns)
    ]
    lines = _lines(top_line, size, written, whole) if written and most else []
    found = dict.fromkeys(kind for column in columns for kind, amount in column.parts if amount > 0)
    order = list(dict.fromkeys(kind for column in columns for kind, _amount in column.parts))
    return Chart(size, bars, lines, [kind for kind in order if kind in found])


def _pieces(column: Column, most: Decimal, size: Size) -> list[Piece]:
    found, top = [], float(size.floor)
    for kind, amount in column.parts:
        if amount > 0:
            height = max(_LEAST, float(Decimal(amount) / most) * (size.floor - size.top))
            top -= height
            found.append(Piece(kind, round(top, 1), round(height, 1)))
    return found


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
    return _WIDE_LETTER if ord(letter) > 0x2E80 else _LETTER
