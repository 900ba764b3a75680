"""The saved views of the log."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, select

from ..extensions import db
from ..models import SavedView

_BY_NAME = select(SavedView).order_by(func.lower(SavedView.name))


def saved_views() -> Sequence[SavedView]:
    """All of them, by name."""
    return db.session.scalars(_BY_NAME).all()
