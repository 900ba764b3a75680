"""While you were away: what was missed while nothing looked, and what is to be done about it."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext

from ...domain.errors import NotFound
from ...queries.outages import MissedByTask, get_outage, missed_by_task
from ...queries.receipt import Usage, measured_usage
from ...runtime import runtime
from ...services import outages as service
from ...services.outages import MOST_RUNS, Choice
from ..htmx import hx_redirect, render

away = Blueprint("away", __name__)


@away.get("/away/<int:outage_id>")
def read(outage_id: int) -> ResponseReturnValue:
    """One outage, by task."""
    outage = get_outage(outage_id)
    rows = missed_by_task(outage)
    return render(
        "away/detail.html",
        "away/_tasks.html",
        outage=outage,
        rows=rows,
        usage=_usage(rows),
        most=MOST_RUNS,
        undecided=any(row.decision is None for row in rows),
    )


@away.post("/away/<int:outage_id>")
def decide(outage_id: int) -> ResponseReturnValue:
    """One task's missed occurrences: run the latest, run all, or leave them."""
    task_id, choice = request.form.get("task_id", ""), request.form.get("choice", "")
    if not (task_id.isascii() and task_id.isdigit() and len(task_id) <= 18):
        raise NotFound
    count = service.decide(runtime().ports, outage_id, int(task_id), choice)
    if choice == Choice.LEAVE:
        flash(_("Left as missed."), "success")
    else:
        text = ngettext("%(num)s run was started.", "%(num)s runs were started.", count)
        flash(text, "success")
    return hx_redirect(f"/away/{outage_id}")


@away.post("/away/<int:outage_id>/dismiss")
def dismiss(outage_id: int) -> ResponseReturnValue:
    """What is not decided yet stays missed, and nothing asks about it any more."""
    service.dismiss(outage_id)
    flash(_("What was missed stays in the log as missed."), "success")
    return redirect("/", 303)


def _usage(rows: list[MissedByTask]) -> dict[int, Usage]:
    """Task id → what a run of it uses, where that has been measured."""
    found = {row.task.id: measured_usage(row.task.id) for row in rows if row.decision is None}
    return {task_id: usage for task_id, usage in found.items() if usage is not None}
