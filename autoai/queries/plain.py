"""Statements that ask for plain columns, the shortest way.

The session's own `execute` prepares for objects of the database first, which takes a small statement
twice as long as the statement itself. This is the same connection, in the same transaction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Executable

from ..extensions import db


def rows(statement: Executable, values: Mapping[str, Any] | None = None) -> Sequence[Any]:
    """Its rows, each a tuple with the columns' names."""
    return db.session.connection().execute(statement, values).all()


def column(statement: Executable, values: Mapping[str, Any] | None = None) -> list[Any]:
    """The first column of its rows."""
    return list(db.session.connection().execute(statement, values).scalars().all())


def value(statement: Executable, values: Mapping[str, Any] | None = None) -> Any:
    """The first column of its first row; None where there is no row."""
    return db.session.connection().execute(statement, values).scalar()
