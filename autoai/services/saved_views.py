"""Filters of the log under names. What a query means is read anew each time that it is used."""

from __future__ import annotations

from flask_babel import gettext as _
from sqlalchemy import func, select

from ..domain.errors import Invalid, NotFound
from ..models import DbSession, SavedView, find, write_transaction
from .ports import Ports

MOST = 100
LONGEST_NAME, LONGEST_QUERY = 100, 4_000


def save_view(ports: Ports, name: str, query: str) -> int:
    """Keep `query` under `name`; the view's id."""
    with write_transaction() as session:
        name = _checked_name(session, name)
        if (session.scalar(select(func.count(SavedView.id))) or 0) >= MOST:
            raise Invalid({"name": [_("At most %(count)s views. Delete one first.", count=MOST)]})
        view = SavedView(name=name, query=_checked_query(query), created_at=ports.clock.now())
        session.add(view)
        session.flush()
        return view.id


def rename_view(view_id: int, name: str) -> str:
    """Give a view another name; the name as it is kept."""
    with write_transaction() as session:
        view = _existing(session, view_id)
        view.name = _checked_name(session, name, view_id)
        return view.name


def change_view(view_id: int, query: str) -> str:
    """Let a view stand for another filter; its name."""
    with write_transaction() as session:
        view = _existing(session, view_id)
        view.query = _checked_query(query)
        return view.name


def delete_view(view_id: int) -> str:
    """Forget a view; the name that it had."""
    with write_transaction() as session:
        view = _existing(session, view_id)
        session.delete(view)
        return view.name


def _existing(session: DbSession, view_id: int) -> SavedView:
    view = find(session, SavedView, view_id)
    if view is None:
        raise NotFound(_("There is no view %(id)s.", id=view_id))
    return view


def _checked_name(session: DbSession, name: str, own_id: int | None = None) -> str:
    name = " ".join(name.split())
    if not name:
        raise Invalid({"name": [_("Give the view a name.")]})
    if len(name) > LONGEST_NAME:
        raise Invalid({"name": [_("At most %(count)s characters.", count=LONGEST_NAME)]})
    if not name.isprintable():
        raise Invalid({"name": [_("This holds a character that cannot be shown.")]})
    other = session.scalar(select(SavedView.id).where(SavedView.name == name))
    if other not in (None, own_id):
        raise Invalid({"name": [_("There is a view of this name already.")]})
    return name


def _checked_query(query: str) -> str:
    if len(query) > LONGEST_QUERY:
        raise Invalid({"name": [_("This filter is too long to be saved.")]})
    return query
