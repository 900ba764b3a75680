"""Places in the log, and what lies between two of them.

The log is in the order of due times, and where these are equal, of ids. Statements name the ends of a
stretch by parameters: one statement serves all stretches of the same shape, and is built once.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any

from sqlalchemy import BigInteger, BindParameter, ColumnElement, and_, bindparam, or_

from ..models import LARGEST_ID, Run
from ..models.types import UtcDateTime
from .run_filter import Conditions, RunFilter

_CURSOR = re.compile(r"(-?\d{1,18})\.(\d{1,19})", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, order=True)
class Cursor:
    """A place in the log: between the run that it names and the next older or newer one."""

    due_at: datetime
    run_id: int

    @property
    def text(self) -> str:
        """For addresses."""
        return f"{(self.due_at - _EPOCH) // timedelta(microseconds=1)}.{self.run_id}"

    @classmethod
    def parse(cls, text: str) -> Cursor | None:
        """From an address; None for what is none."""
        found = _CURSOR.fullmatch(text)
        if found is None or int(found[2]) > LARGEST_ID:
            return None
        try:
            return cls(_EPOCH + timedelta(microseconds=int(found[1])), int(found[2]))
        except OverflowError:
            return None


class Edge(Enum):
    """What an end of a stretch is: a due time, or a place. The low end is the older one."""

    SINCE = "due then or later"
    UNTIL = "due before then"
    OVER = "newer than the place"
    UNDER = "older than the place"
    FROM = "newer than the place, or the run there"
    TO = "older than the place, or the run there"


Shape = tuple[Edge | None, Edge | None]
_End = tuple[Edge, datetime, int]


@dataclass(frozen=True)
class Stretch:
    """A part of the log. There is one bound at each end alone: of two, SQLite may enter an index by
    the one that is further away."""

    low: _End | None = None
    high: _End | None = None

    @classmethod
    def of(cls, wanted: RunFilter) -> Stretch:
        """All that a filter's due times leave."""
        low = (Edge.SINCE, wanted.since, 0) if wanted.since is not None else None
        high = (Edge.UNTIL, wanted.until, 0) if wanted.until is not None else None
        return cls(low, high)

    def beyond(self, cursor: Cursor | None, newer: bool) -> Stretch:
        """What is left of it where one goes on reading, towards older runs or newer ones."""
        if cursor is None:
            return self
        place = (cursor.due_at, cursor.run_id)
        if newer:
            is_within = self.low is None or cursor.due_at >= self.low[1]
            return Stretch((Edge.OVER, *place), self.high) if is_within else self
        is_within = self.high is None or cursor.due_at < self.high[1]
        return Stretch(self.low, (Edge.UNDER, *place)) if is_within else self

    def up_to(self, end: Cursor | None, newer: bool) -> Stretch:
        """As far as the run that `end` names, which is in it."""
        if end is None:
            return self
        place = (end.due_at, end.run_id)
        if newer:
            return Stretch(self.low, (Edge.TO, *place))
        return Stretch((Edge.FROM, *place), self.high)

    @property
    def shape(self) -> Shape:
        """What its statements differ by."""
        return self.low[0] if self.low else None, self.high[0] if self.high else None

    @property
    def values(self) -> dict[str, Any]:
        """The parameters of its statements."""
        found: dict[str, Any] = {}
        for name, end in (("low", self.low), ("high", self.high)):
            if end is not None:
                edge, found[f"{name}_due"], run_id = end
                if edge not in (Edge.SINCE, Edge.UNTIL):
                    found[f"{name}_id"] = run_id
        return found


def between(shape: Shape) -> Conditions:
    """Runs in a stretch of this shape, as SQL with its parameters."""
    return [
        _condition(edge, bindparam(f"{name}_due", type_=UtcDateTime()), _number(f"{name}_id"))
        for name, edge in zip(("low", "high"), shape, strict=True)
        if edge is not None
    ]


def _condition(
    edge: Edge, due_at: BindParameter[datetime], run_id: BindParameter[int]
) -> ColumnElement[bool]:
    # The plain bound of a due time is what an index is entered by.
    match edge:
        case Edge.SINCE:
            return Run.due_at >= due_at
        case Edge.UNTIL:
            return Run.due_at < due_at
        case Edge.OVER:
            return and_(Run.due_at >= due_at, or_(Run.due_at > due_at, Run.id > run_id))
        case Edge.UNDER:
            return and_(Run.due_at <= due_at, or_(Run.due_at < due_at, Run.id < run_id))
        case Edge.FROM:
            return and_(Run.due_at >= due_at, or_(Run.due_at > due_at, Run.id >= run_id))
        case Edge.TO:
            return and_(Run.due_at <= due_at, or_(Run.due_at < due_at, Run.id <= run_id))


def _number(name: str) -> BindParameter[int]:
    return bindparam(name, type_=BigInteger())
