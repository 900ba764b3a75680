"""A row of the list of tasks as one value, so that it is written once for the same values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from operator import attrgetter

from ...models import RULE_COLUMNS
from ...queries.last_runs import Mark
from ...queries.task_list import TaskRow
from ..templating import other_clock

SHOWN = (
    "id",
    "name",
    "enabled",
    "model_asked",
    "api_endpoint",
    "tags",
    "paused_reason",
    "paused_until",
    "failures_in_a_row",
    "preflight_reason",
    "last_status",
    "last_verdict",
    "last_run_at",
    "anchor_at",
    *RULE_COLUMNS,
)
"""What `templates/tasks/_row.html` reads of a task, …"""
OF_ACCOUNT = ("id", "name", "api_endpoint", "enabled")
"""… and of its account."""
_shown, _of_account = attrgetter(*SHOWN), attrgetter(*OF_ACCOUNT)


@dataclass(frozen=True)
class Rows:
    """What the rows of one page have in common."""

    marks: Mapping[int, Sequence[Mark]]
    """Task id → how its last runs ended, the newest first."""
    today: date
    """On the person's clocks: times of other days are written with their date."""

    def key(self, row: TaskRow) -> tuple[object, ...]:
        """All that a task's row shows."""
        task = row.task
        marks = [(mark.status, mark.shown) for mark in self.marks.get(task.id, ())]
        account = _of_account(task.account) if task.account else None
        other = other_clock(task.timezone)
        shown = (bool(row.active_runs), row.paused, row.next_run)
        return (*_shown(task), account, other, marks, self.today, *shown)
