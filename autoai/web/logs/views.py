"""The log of all tasks, of one, and one run with everything that was recorded."""

from __future__ import annotations

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from ...domain.runs import Status
from ...models import Task
from ...queries.run_log import figures, get_run, last_days, page_of_runs
from ...queries.state import current_revision
from ...queries.task_list import task_names
from ...runtime import runtime
from ...services.tasks import get_task
from ..htmx import nothing_new, render, unchanged
from ..pagination import Page, page_number
from ..templating import stamp_of
from .chart import week_chart
from .filters import LogFilter

logs = Blueprint("logs", __name__)
PER_PAGE = 20


@logs.get("/logs")
def index() -> ResponseReturnValue:
    """All runs, newest first."""
    return _list(None)


@logs.get("/tasks/<int:task_id>/logs")
def of_task(task_id: int) -> ResponseReturnValue:
    """One task's runs."""
    return _list(get_task(task_id))


@logs.get("/logs/<int:run_id>")
def read(run_id: int) -> ResponseReturnValue:
    """One run: a page of its own, or the part under its row."""
    return render("logs/detail.html", "logs/_details.html", run=get_run(run_id))


def _list(task: Task | None) -> ResponseReturnValue:
    now, zone = runtime().ports.clock.now(), runtime().settings.zone
    stamp = stamp_of(current_revision(), now, zone)
    if unchanged(stamp):
        return nothing_new()
    chosen = LogFilter.read(request.args, task.id if task else None)
    wanted, number = chosen.rows(zone), page_number(request.args.get("page"))
    runs, more = page_of_runs(wanted, number, PER_PAGE)
    return render(
        "logs/index.html",
        "logs/_runs.html" if "seen" in request.args else "logs/_found.html",
        stamp=stamp,
        task=task,
        chosen=chosen,
        filtered=chosen.active(fixed_task=task is not None),
        page=Page(request.path, chosen.query(fixed_task=task is not None), number, more),
        runs=runs,
        statuses=list(Status),
        task_choices=[] if task else task_names(),
        figures=figures(wanted, zone),
        week=week_chart(last_days(chosen.task_id, now, zone)),
    )
