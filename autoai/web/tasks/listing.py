"""The list of tasks: searched, filtered, sorted, and several handled at once."""

from __future__ import annotations

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from ...queries.last_runs import last_marks
from ...queries.state import current_revision
from ...queries.task_list import all_tags, count_tasks, page_of_tasks
from ...runtime import runtime
from ...services.accounts import find_account
from ..formats import local
from ..htmx import nothing_new, render, unchanged
from ..pace import in_turn
from ..pagination import Page, page_number
from ..templating import stamp_of
from .health import SHOWN, health_of
from .list_filter import SORTS, STATES, ListFilter
from .rows import Rows

task_list = Blueprint("task_list", __name__)
PER_PAGE = 50


@task_list.get("/tasks")
@in_turn
def index() -> ResponseReturnValue:
    """The page; the part with the rows; with the filter too, where that was changed."""
    now, zone = runtime().ports.clock.now(), runtime().settings.zone
    stamp = f"{stamp_of(current_revision(), now, zone)}-{now:%H%M}"  # pauses end by themselves
    if unchanged(stamp):
        return nothing_new()
    chosen, number = ListFilter.read(request.args), page_number(request.args.get("page"))
    rows, more = page_of_tasks(chosen.rows(), now, number, PER_PAGE)
    marks = last_marks([row.task.id for row in rows], SHOWN)
    return render(
        "tasks/list.html",
        "tasks/_table.html" if "seen" in request.args else "tasks/_found.html",
        stamp=stamp,
        count=count_tasks(),
        rows=rows,
        list_rows=Rows(marks, local(now).date()),
        health_of=health_of,
        account=find_account(chosen.account_id),
        chosen=chosen,
        page=Page("/tasks", chosen.query(), number, more),
        tags=all_tags(),
        states=STATES,
        sorts=SORTS,
    )
