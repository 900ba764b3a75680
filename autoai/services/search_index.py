"""The index that full-text search looks into, written in the transaction of the texts themselves.

It holds what is stored of a run, in which values of secrets are masked, never what was sent. A trigger
takes a run's words out when its texts go (see the migration). `instance_state.unindexed_below` says
which texts are older than the index: `index_older_texts` works them off.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import bindparam, func, select, text, update
from sqlalchemy.exc import DatabaseError

from ..domain.search import index_words
from ..extensions import db
from ..models import DbSession, InstanceState, Run, RunText, write_transaction

STEP = 100
"""Texts of runs in one transaction, at most."""
STEP_CHARACTERS = 40_000
"""Of their words: no transaction takes much longer than 50 ms, whatever the texts."""

_WRITE = text("INSERT OR REPLACE INTO run_search (rowid, words) VALUES (:id, :words)")
_TEXTS = select(
    RunText.run_id,
    Run.task_id,
    RunText.request_messages,
    RunText.response_text,
    RunText.error_message,
).join(Run, Run.id == RunText.run_id)
_OLDER = _TEXTS.where(RunText.run_id < bindparam("below")).order_by(RunText.run_id.desc())
_INDEXED_FROM = (
    update(InstanceState)
    .where(InstanceState.unindexed_below > bindparam("first"))
    .values(unindexed_below=bindparam("first"))
)
_CHECK = text("INSERT INTO run_search (run_search) VALUES ('integrity-check')")
_ANEW = text("INSERT INTO run_search (run_search) VALUES ('rebuild')")
_HOW_MANY = text("SELECT count(*) FROM run_search")
_KNOWN = text("SELECT rowid, words FROM run_search WHERE rowid >= :first AND rowid < :below")
_WITHOUT_TEXTS = text(
    "SELECT rowid FROM run_search WHERE rowid NOT IN (SELECT run_id FROM run_texts)"
)
_DROP = text("DELETE FROM run_search WHERE rowid = :id")
_MESSAGES = select(RunText.run_id, RunText.request_messages)


def index_texts(
    session: DbSession, rows: Sequence[Mapping[str, Any]], task_of: Mapping[int, int]
) -> None:
    """Inside the caller's transaction: the words of `rows` of texts (by the names of their columns)
    take the place of what the index had of these runs. `task_of` a run is its task's id.

    Call it when the rows are written: a row without messages keeps those that it had.
    """
    without = [row["run_id"] for row in rows if row.get("request_messages") is None]
    kept: dict[int, Any] = {}
    if without:
        kept = dict(session.execute(_MESSAGES.where(RunText.run_id.in_(without))).all())
    session.execute(
        _WRITE,
        [
            {
                "id": row["run_id"],
                "words": _words(
                    task_of[row["run_id"]],
                    row.get("request_messages") or kept.get(row["run_id"]),
                    row.get("response_text"),
                    row.get("error_message"),
                ),
            }
            for row in rows
        ],
    )


def index_older_texts() -> int:
    """Index the newest of the texts that are older than the index, a few; how many there were."""
    with write_transaction() as session:
        below = session.scalar(select(InstanceState.unindexed_below)) or 0
        if not below:
            return 0
        words = _fresh(session, below)
        if words:
            session.execute(_WRITE, [{"id": i, "words": found} for i, found in words.items()])
        session.execute(_INDEXED_FROM, {"first": min(words, default=0)})
        return len(words)


def rebuild_search() -> int:
    """Compare the index with the texts, all of it, and mend it; how many runs were wrong.

    First SQLite compares what it looks words up in with what that was made of: others wait with
    writing meanwhile. The texts are then read in small steps, between which others write.
    """
    wrong = 0
    with write_transaction() as session:
        if not _is_sound(session):
            session.execute(_ANEW)
            wrong = session.scalar(_HOW_MANY) or 0
    with write_transaction() as session:
        gone = [{"id": run_id} for run_id in session.scalars(_WITHOUT_TEXTS)]
        if gone:
            session.execute(_DROP, gone)
        wrong += len(gone)
    below = 1 + (db.session.scalar(select(func.max(RunText.run_id))) or 0)
    while below:
        with write_transaction() as session:
            words = _fresh(session, below)
            first = min(words, default=0)
            rows = session.execute(_KNOWN, {"first": first, "below": below})
            known: dict[int, str] = {row.rowid: row.words for row in rows}
            bad = [{"id": i, "words": w} for i, w in words.items() if known.get(i) != w]
            if bad:
                session.execute(_WRITE, bad)
            session.execute(_INDEXED_FROM, {"first": first})
        wrong += len(bad)
        below = first
    return wrong


def _is_sound(session: DbSession) -> bool:
    try:
        with session.begin_nested():
            session.execute(_CHECK)
    except DatabaseError:
        return False
    return True


def _fresh(session: DbSession, below: int) -> dict[int, str]:
    """What the index should hold of the newest runs with smaller numbers than `below`."""
    found: dict[int, str] = {}
    characters = 0
    for row in session.execute(_OLDER.limit(STEP), {"below": below}):
        run_id, task_id, *texts = row
        found[run_id] = _words(task_id, *texts)
        characters += len(found[run_id])
        if characters > STEP_CHARACTERS:
            break
    return found


def _words(task_id: int, messages: Any, answer: str | None, error: str | None) -> str:
    """The last message first: those before it are what it was told before, again and again."""
    said = [m.get("content") for m in reversed(messages or []) if isinstance(m, dict)]
    return index_words(task_id, [error, answer, *(s for s in said if isinstance(s, str))])
