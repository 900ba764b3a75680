"""Tasks by a part of their name, for who wants to go to one."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import case, func, select

from ..models import Task
from . import plain


@dataclass(frozen=True)
class NamedTask:
    """As much of a task as it takes to choose it."""

    id: int
    name: str
    enabled: bool


def tasks_named(text: str, most: int) -> list[NamedTask]:
    """At most `most` tasks whose names hold every word of `text`; those that begin with it first."""
    words = text.split()
    if not words:
        return []
    begins = case((Task.name.istartswith(text, autoescape=True), 0), else_=1)
    query = (
        select(Task.id, Task.name, Task.enabled)
        .where(*(Task.name.icontains(word, autoescape=True) for word in words))
        .order_by(begins, func.lower(Task.name), Task.id)
        .limit(most)
    )
    return [NamedTask(*row) for row in plain.rows(query)]
