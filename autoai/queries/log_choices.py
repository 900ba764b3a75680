"""What the log's filter offers. Every list is bounded, and none is found by reading the ledger."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import Select, bindparam, func, select
from sqlalchemy.orm import InstrumentedAttribute

from ..extensions import db
from ..models import Account, Run, Task, TaskTag

MOST = 100
Choices = list[tuple[int, str]]
"""(id, name)"""

_some_tasks = select(Task.id).limit(bindparam("most") + 1).subquery()
_FEW_TASKS = (
    select(Task.id, Task.name)
    .where(select(func.count()).select_from(_some_tasks).scalar_subquery() <= bindparam("most"))
    .order_by(func.lower(Task.name), Task.id)
)
_ANY_TASK = select(Task.id).limit(1)
_ACCOUNTS = select(Account.id, Account.name).order_by(func.lower(Account.name)).limit(MOST)


def few_tasks(most: int = MOST) -> Choices | None:
    """All tasks by name; None where there are more than `most`."""
    rows = db.session.execute(_FEW_TASKS, {"most": most})
    found = [(task_id, name) for task_id, name in rows]
    if not found and db.session.scalar(_ANY_TASK) is not None:
        return None
    return found


def tasks_like(text: str, most: int) -> Choices:
    """At most `most` tasks with `text` in their names, by name; those that are called so first."""
    query = select(Task.id, Task.name).where(Task.name.icontains(text, autoescape=True))
    order = (func.lower(Task.name) != func.lower(text), func.lower(Task.name), Task.id)
    return list(db.session.execute(query.order_by(*order).limit(most)).all())


def task_name(task_id: int | None) -> str | None:
    """The name of a task; None where there is none."""
    return db.session.scalar(select(Task.name).where(Task.id == task_id)) if task_id else None


def account_names(ids: Collection[int] | None = None) -> dict[int, str]:
    """Id → name, by name: of these accounts, else of the first hundred."""
    query = _ACCOUNTS if ids is None else _ACCOUNTS.where(Account.id.in_(ids))
    return dict(db.session.execute(query).all())


def models_used() -> Sequence[str]:
    """The models that runs were sent to, the first hundred by name."""
    return _values(_MODELS)


def tags_used() -> Sequence[str]:
    """The tags of tasks, the first hundred by name."""
    return _values(_TAGS)


def _values(query: Select[str | None]) -> list[str]:
    return [value for value in db.session.scalars(query) if value is not None]


def _distinct(
    column: InstrumentedAttribute[str] | InstrumentedAttribute[str | None],
) -> Select[str | None]:
    """By one look into the column's index for each value. DISTINCT would read the whole index."""
    # Its index may have only what is not null: that must be said, or it is not seen to fit.
    first = select(func.min(column).label("value")).where(column.is_not(None))
    found = first.cte("found", recursive=True)
    following = select(func.min(column)).where(column > found.c.value).scalar_subquery()
    step = select(following).where(found.c.value.is_not(None))
    chain = found.union_all(step)
    return select(chain.c.value).limit(MOST)


_MODELS = _distinct(Run.model)
_TAGS = _distinct(TaskTag.tag)
