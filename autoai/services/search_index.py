"""The index that full-text search looks into, written in the transaction of the texts themselves.

It holds what is stored of a run, in which values of secrets are masked, never what was sent. A trigger
takes a run's words out when its texts go (see the migration). `instance_state.unindexed_below` says
which texts are older than the index: `index_older_texts` works them off.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import bindparam, func, select, text, update

from ..domain.search import index_words
from ..extensions import db
from ..models import DbSession, InstanceState, Run, RunText, execute_plain, write_transaction

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
_DROP = text(
    "DELETE FROM run_search WHERE rowid = :id"
    " AND NOT EXISTS (SELECT 1 FROM run_texts WHERE run_id = :id)"
)
_MADE = "SELECT sql FROM main.sqlite_master WHERE name = 'run_search'"
_PARTS = ("data", "idx", "content", "config")
"""The tables that SQLite keeps the index in."""
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
    execute_plain(
        session,
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

    SQLite compares what it looks words up in with what that was made of in a copy of the index, and
    texts are compared in small steps outside of any transaction that others wait for: only what is
    wrong is looked at again in one.
    """
    wrong = 0
    if not _is_sound():
        with write_transaction() as session:
            session.execute(_ANEW)
            wrong = session.scalar(_HOW_MANY) or 0
    gone = list(db.session.scalars(_WITHOUT_TEXTS))
    for start in range(0, len(gone), STEP):
        with write_transaction() as session:
            session.execute(_DROP, [{"id": run_id} for run_id in gone[start : start + STEP]])
    wrong += len(gone)
    session = db.session()
    unindexed = session.scalar(select(InstanceState.unindexed_below)) or 0
    below = 1 + (session.scalar(select(func.max(RunText.run_id))) or 0)
    while below:
        bad, first = _compared(session, below)
        session.commit()  # the next step reads anew
        if bad or first < unindexed:
            with write_transaction() as writing:
                bad, first = _compared(writing, below)
                if bad:
                    writing.execute(_WRITE, [{"id": i, "words": words} for i, words in bad.items()])
                writing.execute(_INDEXED_FROM, {"first": first})
            wrong += len(bad)
        below = first
    return wrong


def _compared(session: DbSession, below: int) -> tuple[dict[int, str], int]:
    """Of the newest runs with smaller numbers than `below`, a few: the words of those that the index
    has wrong, and the smallest number that was looked at."""
    words = _fresh(session, below)
    first = min(words, default=0)
    rows = session.execute(_KNOWN, {"first": first, "below": below})
    known: dict[int, str] = {row.rowid: row.words for row in rows}
    return {i: w for i, w in words.items() if known.get(i) != w}, first


def _is_sound() -> bool:
    """Does SQLite find what the index was made of in it? It can only ask so where it may write, and
    for minutes where there are millions of words: so it asks a copy, beside the database, that is
    made from what there was at one moment."""
    folder = Path(db.engine.url.database or "").parent
    with TemporaryDirectory(prefix="search-index-", dir=folder) as place:
        copy = str(Path(place) / "copy.db")
        _copy_index(copy)
        with closing(sqlite3.connect(copy)) as connection:
            try:
                connection.execute(str(_CHECK))
            except sqlite3.DatabaseError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_CORRUPT:
                    raise  # no room, for example
                return False
    return True


def _copy_index(file: str) -> None:
    with db.engine.connect() as connection:
        raw: Any = connection.connection.dbapi_connection
        raw.execute("ATTACH ? AS copy", (file,))
        try:
            raw.execute("PRAGMA copy.journal_mode = OFF")
            raw.execute("PRAGMA copy.synchronous = OFF")
            (made,) = raw.execute(_MADE).fetchone()
            raw.execute(made.replace("run_search", "copy.run_search", 1))
            raw.execute("BEGIN")
            for part in _PARTS:
                raw.execute(f"DELETE FROM copy.run_search_{part}")  # noqa: S608 - names of ours
                raw.execute(
                    f"INSERT INTO copy.run_search_{part}"  # noqa: S608 - names of ours
                    f" SELECT * FROM main.run_search_{part}"
                )
            raw.execute("COMMIT")
        finally:
            connection.invalidate()


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
