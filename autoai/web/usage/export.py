"""The usage as a file for a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from itertools import islice

from ...domain.cells import harmless
from ...domain.costs import plain
from ...queries.usage import UsageRow

COLUMNS = (
    "day",
    "task_id",
    "task",
    "account_id",
    "account",
    "model",
    "runs",
    "input_tokens",
    "output_tokens",
    "cost",
    "unpriced_runs",
    "estimated_runs",
    "reserved_tokens",
    "reserved_cost",
)
_AT_ONCE = 500


def csv_of(rows: Iterable[UsageRow]) -> Iterator[str]:
    """In pieces. It begins with a mark by which spreadsheets see that it is UTF-8; what is not
    known is empty."""
    yield "\ufeff" + _lines([COLUMNS])
    source = iter(rows)
    while some := list(islice(source, _AT_ONCE)):
        yield _lines(_cells(row) for row in some)


def _lines(rows: Iterable[Iterable[object]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()


def _cells(row: UsageRow) -> tuple[object, ...]:
    figures = row.figures
    return (
        row.day.isoformat(),
        row.task_id,
        harmless(row.task),
        row.account_id or "",
        harmless(row.account),
        harmless(row.model),
        figures.runs,
        figures.input_tokens,
        figures.output_tokens,
        plain(figures.cost) or "",
        figures.unpriced,
        figures.estimated,
        figures.reserved_tokens,
        plain(figures.reserved_cost),
    )
