"""Every run that a filter finds, however many, for somebody who may take them slowly.

They are read page by page. Between two pages no transaction is open and nothing of the page before
is kept: an export neither holds the write-ahead log back nor grows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import func, select

from ..extensions import db
from ..models import Run, RunText
from . import plain
from .run_filter import RunFilter
from .run_pages import MOST_COUNTED, Cursor, matching, page_of_runs

_AT_ONCE = 500
_FEW = 8
_MUCH = 2_000_000
"""Characters of long texts that are held at the same time, about."""
_MOST_COUNTED = 10_000_000


@dataclass(frozen=True)
class Piece:
    """Some runs, newest first, with their long texts where those were asked for. They belong to no
    session any more."""

    runs: Sequence[Run]
    texts: dict[int, RunText]


def runs_in_pieces(wanted: RunFilter, texts: bool = False) -> Iterator[Piece]:
    """All of them, newest first. A piece may be empty: then the search goes on."""
    cursor: Cursor | None = None
    group = _FEW
    while True:
        page = page_of_runs(wanted, _AT_ONCE, cursor)
        db.session.remove()
        if not texts:
            yield Piece(page.rows, {})
        else:
            start = 0
            while start < len(page.rows):
                some = page.rows[start : start + group]
                found, length = _texts_of([run.id for run in some])
                start += group
                group = min(group * 2, _AT_ONCE) if length < _MUCH else max(group // 2, 1)
                yield Piece(some, found)
        if page.older is None:
            return
        cursor = page.older


def count_rows(wanted: RunFilter) -> int | None:
    """How many rows that will be; None where it would take long to say."""
    most = MOST_COUNTED if wanted.text else _MOST_COUNTED  # words are looked up one by one
    found = matching(wanted, most + 1)
    if found.left_out:
        return None
    count = plain.value(select(func.count()).select_from(found.ids), found.values)
    return count if count <= most else None


def ids_of(wanted: RunFilter, most: int) -> list[int]:
    """The ids of the newest `most` runs that fit."""
    found: list[int] = []
    for piece in runs_in_pieces(wanted):
        found += [run.id for run in piece.runs]
        if len(found) >= most:
            break
    return found[:most]


def _texts_of(run_ids: Sequence[int]) -> tuple[dict[int, RunText], int]:
    """Their texts, and about how many characters those are."""
    found = {
        row.run_id: row
        for row in db.session.scalars(select(RunText).where(RunText.run_id.in_(run_ids)))
    }
    db.session.remove()
    return found, sum(
        len(t.response_text or "") + len(t.error_message or "") for t in found.values()
    )
