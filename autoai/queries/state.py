"""Facts about the instance."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from alembic.script import ScriptDirectory
from sqlalchemy import select, text
from sqlalchemy.exc import SQLAlchemyError

from ..extensions import db
from ..models import InstanceState
from . import plain

_REVISION = select(InstanceState.revision)
_MIGRATIONS = Path(__file__).resolve().parent.parent / "migrations"


def current_revision() -> int:
    """The counter that every change of a task or a run moves: is there something new to show?"""
    return plain.value(_REVISION) or 0


@dataclass(frozen=True)
class Readiness:
    """Can this instance do its work?"""

    database: bool
    """Does the database answer?"""
    migrations: bool
    """Is its schema the one that this code knows?"""
    keys: bool
    """Can the stored keys be read?"""

    @property
    def ready(self) -> bool:
        return self.database and self.migrations and self.keys


def readiness(keys: bool) -> Readiness:
    """Look at the database; `keys` is what the keyring found at the start."""
    try:
        revision = db.session.scalar(text("SELECT version_num FROM alembic_version"))
    except SQLAlchemyError:
        db.session.rollback()
        return Readiness(database=_answers(), migrations=False, keys=keys)
    return Readiness(database=True, migrations=revision == newest_revision(), keys=keys)


@cache
def newest_revision() -> str | None:
    """The revision that this code's migrations lead to."""
    return ScriptDirectory(str(_MIGRATIONS)).get_current_head()


def _answers() -> bool:
    try:
        db.session.execute(text("SELECT 1"))
    except SQLAlchemyError:
        db.session.rollback()
        return False
    return True
