"""What the log's filter offers. Every list is bounded, and none is found by reading the ledger."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, func, literal, null, select, union_all
from sqlalchemy.orm import InstrumentedAttribute

from ..models import Account, Run, SavedView, Task, TaskTag
from . import plain

MOST = 100
Choices = list[tuple[int, str]]
"""(id, name)"""


@dataclass(frozen=True)
class View:
    """A saved view of the log."""

    id: int
    name: str
    query: str


@dataclass(frozen=True)
class Offers:
    """All that there is to choose from. Each list is by name and has the first hundred."""

    tasks: Choices | None
    """None where there are more."""
    accounts: dict[int, str]
    models: list[str]
    """That runs were sent to."""
    tags: list[str]
    """Of tasks."""
    views: list[View]
    """All of them."""


def offers() -> Offers:
    """One statement: each of them would take SQLAlchemy longer than SQLite needs for the answer."""
    found: dict[str, list[Any]] = defaultdict(list)
    for kind, row_id, name, query in plain.rows(_OFFERS):
        found[kind].append((row_id, name, query))
    too_many = len(found["task"]) > MOST
    return Offers(
        tasks=None if too_many else _by_name(found["task"]),
        accounts=dict(_by_name(found["account"])),
        models=sorted(name for _, name, _ in found["model"]),
        tags=sorted(name for _, name, _ in found["tag"]),
        views=sorted((View(*row) for row in found["view"]), key=lambda view: view.name.lower()),
    )


def _by_name(rows: Iterable[tuple[int, str, None]]) -> Choices:
    return sorted(((row_id, name) for row_id, name, _ in rows), key=lambda row: row[1].lower())


def tasks_like(text: str, most: int) -> Choices:
    """At most `most` tasks with `text` in their names, by name; those that are called so first."""
    query = select(Task.id, Task.name).where(Task.name.icontains(text, autoescape=True))
    order = (func.lower(Task.name) != func.lower(text), func.lower(Task.name), Task.id)
    return list(plain.rows(query.order_by(*order).limit(most)))


def task_name(task_id: int | None) -> str | None:
    """The name of a task; None where there is none."""
    return plain.value(select(Task.name).where(Task.id == task_id)) if task_id else None


def account_names(ids: Collection[int]) -> dict[int, str]:
    """Id → name of these accounts."""
    query = select(Account.id, Account.name).where(Account.id.in_(ids))
    return dict(plain.rows(query))


def _distinct(
    kind: str, column: InstrumentedAttribute[str] | InstrumentedAttribute[str | None]
) -> Select[Any]:
    """By one look into the column's index for each value. DISTINCT would read the whole index."""
    # Its index may have only what is not null: that must be said, or it is not seen to fit.
    first = select(func.min(column).label("value")).where(column.is_not(None))
    found = first.cte(f"{kind}s_found", recursive=True)
    following = select(func.min(column)).where(column > found.c.value).scalar_subquery()
    step = select(following).where(found.c.value.is_not(None))
    chain = found.union_all(step)
    value = chain.c.value
    return _offered(kind, null(), value, null(), value.is_not(None)).limit(MOST)


def _offered(kind: str, row_id: Any, name: Any, query: Any, *which: Any) -> Select[Any]:
    return select(literal(kind, literal_execute=True).label("kind"), row_id, name, query).where(
        *which
    )


_PARTS = (
    _offered("task", Task.id, Task.name, null()).limit(MOST + 1),
    _offered("account", Account.id, Account.name, null())
    .order_by(func.lower(Account.name))
    .limit(MOST),
    _offered("view", SavedView.id, SavedView.name, SavedView.query),
    _distinct("model", Run.model),
    _distinct("tag", TaskTag.tag),
)
# Within parts of a union SQLite takes neither an order nor a limit: they stand in queries of their own.
_OFFERS = union_all(*(select(part.subquery()) for part in _PARTS))
