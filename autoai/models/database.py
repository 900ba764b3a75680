"""How SQLite is opened and how a write transaction begins.

WAL and synchronous FULL: what was committed before a request was sent is still there after a power
cut. Every write begins with BEGIN IMMEDIATE: a transaction that reads first and writes later fails
at once with BUSY when another one wrote meanwhile, whatever the busy timeout says.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from flask import Flask
from sqlalchemy import (
    Connection,
    CursorResult,
    Engine,
    ExceptionContext,
    Executable,
    Table,
    event,
    inspect,
    text,
    update,
)
from sqlalchemy.dialects.sqlite import Insert, insert
from sqlalchemy.orm import Session

from ..extensions import Model, db
from .state import InstanceState

DbSession = Session

LARGEST_ID = 2**63 - 1
"""A larger number is no id, and no database takes it."""
_Row = TypeVar("_Row", bound=Model)

BUSY_TIMEOUT_SECONDS = 10
_WRITE = "autoai_write"
_CONNECTION = "autoai_connection"
"""Under this name a session remembers the connection of its write transaction: to ask it for that is
an eighth of a small statement's time."""


def ensure_file(path: Path) -> None:
    """Make the database file readable by its owner only; its -wal and -shm inherit the mode."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def prepare_engine(engine: Engine) -> None:
    """Hang the pragmas and the BEGIN on an SQLite engine."""

    @event.listens_for(engine, "connect")
    def _pragmas(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # the driver begins nothing by itself
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_SECONDS * 1000}")
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.close()

    @event.listens_for(engine, "handle_error")
    def _forget_read_only(context: ExceptionContext) -> None:
        # SQLite opens a file that it may not write for reading only, and the connection stays so
        # when the file can be written again: the pool must not keep it.
        if "readonly database" in str(context.original_exception):
            context.is_disconnect = True

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        write = connection.get_execution_options().get(_WRITE)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


@contextmanager
def write_transaction() -> Iterator[DbSession]:
    """One write transaction of the current app context's session: commits, or rolls back and raises.

    Must not be nested: a service owns its transaction.
    """
    session = db.session()
    if session.in_transaction():
        if session.new or session.dirty or session.deleted:
            raise RuntimeError("a write transaction cannot begin inside another one")
        session.commit()  # ends the read snapshot; loaded objects stay usable
    try:
        session.info[_CONNECTION] = session.connection(execution_options={_WRITE: True})
        yield session
        session.commit()
    except BaseException:
        session.rollback()
        raise
    finally:
        session.info.pop(_CONNECTION, None)


@contextmanager
def uncascaded_transaction() -> Iterator[DbSession]:
    """A write transaction in which rows that point to a deleted one are left where they are.

    A cascade that takes a hundred thousand rows along holds the lock for seconds. Whoever uses this
    deletes the few that must go at once, and knows who takes away the others. The session is one of
    its own, on a connection that is thrown away: inside of a transaction SQLite can be told neither
    to leave foreign keys alone nor to look at them again.
    """
    db.session().commit()  # ends the read snapshot
    with db.engine.connect() as connection:
        raw: Any = connection.connection.dbapi_connection
        try:
            raw.execute("PRAGMA foreign_keys = OFF")
            connection.execution_options(**{_WRITE: True})
            with DbSession(connection) as session, session.begin():
                yield session
        finally:
            connection.invalidate()


def find(session: DbSession, model: type[_Row], row_id: object) -> _Row | None:
    """The row as it is in the database now, or None for what is no id of one."""
    if not isinstance(row_id, int) or isinstance(row_id, bool) or not 0 < row_id <= LARGEST_ID:
        return None
    return session.get(model, row_id, populate_existing=True)


def table(model: type[Model]) -> Table:
    """The table without its class, for statements over hundreds of rows: what the ORM keeps about
    each of them takes longer than SQLite."""
    assert isinstance(model.__table__, Table)  # noqa: S101 - told to mypy
    return model.__table__


def execute_plain(
    session: DbSession, statement: Executable, values: Any = None
) -> CursorResult[*tuple[Any, ...]]:
    """Execute a statement that asks for plain columns, or writes a table, the shortest way: on the
    session's connection, in its transaction.

    The session's own `execute` prepares for objects of the database first, which takes a small
    statement longer than all the rest. It writes changed objects before it asks: this does not, so
    whoever changed one that the statement is about flushes first.
    """
    connection: Connection = session.info.get(_CONNECTION) or session.connection()
    return connection.execute(statement, values)


def insert_adding(to: Table, keys: Sequence[str], sums: Sequence[str]) -> Insert:
    """Rows of totals: `sums` are added to those of the row that has their `keys`, if there is one.

    Built once by whoever uses it: that takes longer than SQLite needs for many of them."""
    add = insert(to)
    sets = {name: to.c[name] + add.excluded[name] for name in sums}
    return add.on_conflict_do_update(index_elements=[to.c[name] for name in keys], set_=sets)


_STATE = table(InstanceState)
_BUMP = update(_STATE).values(revision=_STATE.c.revision + 1)


def bump_revision(session: DbSession) -> None:
    """Announce, with the commit, that a task or a run changed."""
    execute_plain(session, _BUMP)


_ENCRYPTED = {
    "tasks": ("api_key_encrypted",),
    "accounts": ("api_key_encrypted", "extra_headers_encrypted", "proxy_encrypted"),
    "task_secrets": ("value_encrypted",),
}


def holds_encrypted_rows(app: Flask) -> bool:
    """Does the database hold anything that an ENCRYPTION_KEY encrypted? Also before migrations."""
    with app.app_context():
        tables = set(inspect(db.engine).get_table_names())
        with db.engine.connect() as connection:
            for table in _ENCRYPTED.keys() & tables:
                found = " OR ".join(f"{column} IS NOT NULL" for column in _ENCRYPTED[table])
                query = text(f"SELECT 1 FROM {table} WHERE {found} LIMIT 1")  # noqa: S608 - ours
                if connection.execute(query).first() is not None:
                    return True
    return False
