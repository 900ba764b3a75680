"""The log of all tasks, of one, and one run with everything that was recorded."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from ...queries.log_choices import tasks_like
from ...runtime import runtime
from ...services import runs
from ...services.baselines import accept_answer
from ...services.tasks import get_task
from ..htmx import done, hx_redirect, is_htmx, render, render_bounded
from ..pace import in_turn
from ..pagination import search_text
from ..urls import own_path
from .listing import log_page, waits
from .run_page import context_of
from .views_bulk import bulk
from .views_export import export
from .views_saved import saved

logs = Blueprint("logs", __name__)
_OFFERED = 50


@logs.get("/logs")
@in_turn
def index() -> ResponseReturnValue:
    """All runs, newest first."""
    return log_page(None)


@logs.get("/tasks/<int:task_id>/logs")
@in_turn
def of_task(task_id: int) -> ResponseReturnValue:
    """One task's runs."""
    return log_page(get_task(task_id))


@logs.get("/logs/tasks")
def tasks() -> ResponseReturnValue:
    """What the filter's field for a task offers where there are too many for a list."""
    found = tasks_like(search_text(request.args.get("task")).removeprefix("#"), _OFFERED)
    return render_bounded("logs/_tasks.html", tasks_found=found)


@logs.get("/logs/<int:run_id>")
@in_turn
def read(run_id: int) -> ResponseReturnValue:
    """One run: a page of its own, or the part under its row."""
    found = context_of(run_id, request.args)
    return render("logs/detail.html", "logs/_details.html", waits=waits([found["run"]]), **found)


@logs.post("/logs/<int:run_id>/cancel")
def cancel(run_id: int) -> ResponseReturnValue:
    """End a run that is queued or running."""
    runs.cancel_run(runtime().ports, run_id)
    message = _("Run %(id)s is being cancelled.", id=run_id)
    back = own_path(request.form.get("next"))
    if is_htmx():
        return done(message, "overview" if back else f"details-{run_id}")
    flash(message, "success")
    return redirect(back or f"/logs/{run_id}", 303)


@logs.post("/logs/<int:run_id>/accept")
def accept(run_id: int) -> ResponseReturnValue:
    """Make a run's answer the one that later ones are compared with."""
    accept_answer(runtime().ports, run_id)
    flash(_("Later answers are compared with this one."), "success")
    return redirect(f"/logs/{run_id}", 303)


@logs.post("/logs/<int:run_id>/retry")
def retry(run_id: int) -> ResponseReturnValue:
    """A new run in the place of one that is over; with `same_input`, it sends the same."""
    same_input = bool(request.form.get("same_input"))
    new_id = runs.retry_run(runtime().ports, run_id, same_input=same_input)
    flash(_("This is the new run. It answers run %(id)s.", id=run_id), "success")
    return hx_redirect(f"/logs/{new_id}")


@logs.post("/logs/<int:run_id>/anyway")
def anyway(run_id: int) -> ResponseReturnValue:
    """A run in place of one that a budget had no room for."""
    new_id = runs.run_anyway(runtime().ports, run_id)
    flash(_("This is the new run. It answers run %(id)s.", id=run_id), "success")
    return hx_redirect(f"/logs/{new_id}")


for part in (saved, bulk, export):
    logs.register_blueprint(part)
