"""The page of one task: what it is, how it has been doing, and what comes next."""

from __future__ import annotations

from flask import Blueprint
from flask.typing import ResponseReturnValue

from ...domain.budgets import Scope
from ...domain.runs import ACTIVE, Status
from ...queries.budgets import BudgetState, budget_states
from ...queries.last_runs import answer_of, last_runs
from ...queries.state import current_revision
from ...queries.upcoming import next_fires
from ...runtime import runtime
from ...services.tasks import get_task
from ..htmx import nothing_new, render, unchanged
from ..pace import in_turn
from ..templating import stamp_of
from .rules import rules_of
from .trends import trends

task_page = Blueprint("task_page", __name__)
_RUNS, _FIRES, _LETTERS = 50, 5, 1200


@task_page.get("/tasks/<int:task_id>")
@in_turn
def read(task_id: int) -> ResponseReturnValue:
    """The page, or what of it changes by itself."""
    now, zone = runtime().ports.clock.now(), runtime().settings.zone
    stamp = f"{stamp_of(current_revision(), now, zone)}-{now:%H%M}"  # pauses end by themselves
    if unchanged(stamp):
        return nothing_new()
    task = get_task(task_id)
    runs = last_runs(task_id, _RUNS)
    answered = next((run for run in runs if run.status == Status.SUCCESS), None)
    concerned = {(Scope.TASK, task.id), (Scope.ACCOUNT, task.account_id), (Scope.INSTANCE, 1)}

    def concerns(state: BudgetState) -> bool:
        return (state.scope, state.id) in concerned

    return render(
        "tasks/page.html",
        "tasks/_overview.html",
        stamp=stamp,
        task=task,
        paused=task.is_paused(now),
        active=sum(run.status in ACTIVE for run in runs),
        trend=trends(runs, now),
        answered=answered,
        answer=answer_of(answered.id, _LETTERS + 1) if answered else None,
        letters=_LETTERS,
        fires=next_fires(task, now, _FIRES) if task.enabled else [],
        rules=rules_of(task),
        budgets=list(filter(concerns, budget_states(now, zone))),
    )
