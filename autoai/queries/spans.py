"""Several stretches of hours added up by one statement."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import TextClause, bindparam, text

from ..models import HourlyTiming, HourlyTotal
from ..models.types import UtcDateTime
from . import plain
from .run_filter import day_start


def totals_of_days(dates: Sequence[date], zone: ZoneInfo) -> Sequence[Any]:
    """Rows of (number of the day in `dates`, status, due, due and degraded); `dates` follow each
    other."""
    return _sums(HourlyTotal.__tablename__, "status", ("due", "due_degraded"), dates, zone)


def timings_of_days(dates: Sequence[date], zone: ZoneInfo) -> Sequence[Any]:
    """Rows of (number of the day in `dates`, measure, bucket, runs)."""
    return _sums(HourlyTiming.__tablename__, "measure, bucket", ("runs",), dates, zone)


def _sums(
    table: str, by: str, columns: tuple[str, ...], dates: Sequence[date], zone: ZoneInfo
) -> Sequence[Any]:
    bounds = [day_start(day, zone) for day in (*dates, dates[-1] + timedelta(days=1))]
    values: dict[str, datetime] = {f"at{n}": bound for n, bound in enumerate(bounds)}
    return plain.rows(_statement(table, by, columns, len(dates)), values)


@lru_cache(maxsize=16)
def _statement(table: str, by: str, columns: tuple[str, ...], count: int) -> TextClause:
    """Sums of `count` stretches, from :at0 to before :at1 and so on. Written out, because to build
    it takes SQLAlchemy longer than to run it."""
    spans = ", ".join(f"({n}, :at{n}, :at{n + 1})" for n in range(count))
    sums = ", ".join(f"sum({column})" for column in columns)
    statement = text(
        f"WITH spans(number, first, until) AS (VALUES {spans})"  # noqa: S608 - names of ours
        f" SELECT number, {by}, {sums} FROM spans"
        f" JOIN {table} ON hour >= first AND hour < until GROUP BY number, {by}"
    )
    return statement.bindparams(*(bindparam(f"at{n}", type_=UtcDateTime) for n in range(count + 1)))
