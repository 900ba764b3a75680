"""The versions of a task's texts, and about how many runs each was used by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select

from ..extensions import db
from ..models import PromptVersion, Run, Task

MOST_COUNTED = 1_000
_ROWS_READ = 2_000
_WAITED = timedelta(days=1)
"""A run may have been due so long before the version that it sent was published."""


@dataclass(frozen=True)
class Uses:
    """How many runs sent a version; `more`: there may be more of them."""

    count: int
    more: bool


@dataclass(frozen=True)
class VersionRow:
    """A version of a list."""

    version: PromptVersion
    live: bool
    uses: Uses | None
    """None for a draft: nothing has been sent by it."""


def page_of_versions(task: Task, page: int, per_page: int) -> tuple[list[VersionRow], bool]:
    """Page number `page` (from 1), newest first with the draft on top, and whether there is a next."""
    found = _newest_first(task.id, per_page + 1, offset=(page - 1) * per_page)
    rows = [
        VersionRow(version, version.number == task.prompt_version, uses_of(version))
        for version in found[:per_page]
    ]
    return rows, len(found) > per_page


def versions_before(
    task_id: int, limit: int, cursor: int | None
) -> tuple[Sequence[PromptVersion], int | None]:
    """At most `limit` versions older than number `cursor`, newest first, and the next cursor."""
    found = _newest_first(task_id, limit + 1, before=cursor)
    return found[:limit], found[limit - 1].number if len(found) > limit else None


def uses_of(version: PromptVersion) -> Uses | None:
    """Counted in the stretch of time in which it was live, the newest first, and never beyond
    `_ROWS_READ` rows: there may be millions, and no index knows the versions."""
    if version.published_at is None:
        return None
    wanted = [Run.task_id == version.task_id, Run.due_at >= version.published_at - _WAITED]
    until = _replaced_at(version)
    if until is not None:
        wanted.append(Run.due_at <= until)
    newest = select(Run.prompt_version).where(*wanted).order_by(Run.due_at.desc())
    read = newest.limit(_ROWS_READ).subquery()
    sent = read.c.prompt_version == version.number
    rows, count = db.session.execute(
        select(func.count(), func.count().filter(sent)).select_from(read)
    ).one()
    return Uses(min(count, MOST_COUNTED), rows == _ROWS_READ or count > MOST_COUNTED)


def _replaced_at(version: PromptVersion) -> datetime | None:
    """When the next version was published; None while this one is live."""
    return db.session.scalar(
        select(PromptVersion.published_at)
        .where(
            PromptVersion.task_id == version.task_id,
            PromptVersion.number > version.number,
            PromptVersion.published_at.is_not(None),
        )
        .order_by(PromptVersion.number)
        .limit(1)
    )


def _newest_first(
    task_id: int, limit: int, *, offset: int = 0, before: int | None = None
) -> Sequence[PromptVersion]:
    query = select(PromptVersion).where(PromptVersion.task_id == task_id)
    if before is not None:
        query = query.where(PromptVersion.number < before)
    return db.session.scalars(
        query.order_by(PromptVersion.number.desc()).limit(limit).offset(offset)
    ).all()
