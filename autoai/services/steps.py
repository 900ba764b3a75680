"""How much one short transaction removes: rows of the ledger weigh little, their texts much."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Select, func, select

from ..extensions import db
from ..models import RunText

STEP = 200
"""Rows in one transaction, at most."""
STEP_CHARACTERS = 60_000
"""Of their texts, which go out of the search index word by word: 50 ms."""


def first_of(ids: Select[int]) -> list[int]:
    """Of these runs, those that go in one transaction: `STEP` at most, and at least one.

    Call it before the transaction. Nobody waits while it reads, and afterwards the pages are in
    memory that the transaction needs.
    """
    chosen = ids.limit(STEP).subquery()
    length = sum((_length(column) for column in _LONG), start=func.coalesce(0, 0))
    rows = db.session.execute(
        select(chosen.c.id, length).outerjoin(RunText, RunText.run_id == chosen.c.id)
    ).all()
    found: list[int] = []
    characters = 0
    for run_id, some in rows:
        characters += some
        if found and characters > STEP_CHARACTERS:
            break
        found.append(run_id)
    return found


_LONG = (RunText.request_messages, RunText.response_text, RunText.error_message)


def _length(column: Any) -> ColumnElement[int]:
    return func.coalesce(func.length(column), 0)
