"""The log of all tasks, of one, and one run with everything that was recorded."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from flask import Blueprint, flash, redirect, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from ...domain.runs import Status
from ...models import Run, Task
from ...queries.account_list import account_names
from ...queries.run_filter import RunFilter
from ...queries.run_log import figures, last_days
from ...queries.run_pages import Cursor, RunPage, page_of_runs
from ...queries.state import current_revision
from ...queries.task_list import task_names
from ...queries.waiting import Wait, waits_of
from ...runtime import runtime
from ...services import runs
from ...services.baselines import accept_answer
from ...services.limits import in_the_way
from ...services.tasks import get_task
from ..htmx import done, hx_redirect, is_htmx, nothing_new, render, unchanged
from ..pagination import Stretch
from ..templating import stamp_of
from ..urls import own_path
from .chart import week_chart
from .filters import LogFilter
from .run_page import context_of

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
    found = context_of(run_id, request.args)
    return render("logs/detail.html", "logs/_details.html", waits=_waits([found["run"]]), **found)


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


def _waits(shown: Sequence[Run]) -> dict[int, Wait]:
    here = runtime()
    slots = here.settings.max_concurrent_runs
    return waits_of(shown, here.ports.clock.now(), slots, partial(in_the_way, here.ports))


def _list(task: Task | None) -> ResponseReturnValue:
    now, zone = runtime().ports.clock.now(), runtime().settings.zone
    stamp = stamp_of(current_revision(), now, zone)
    if unchanged(stamp):
        return nothing_new()
    chosen = LogFilter.read(request.args, task.id if task else None)
    wanted = chosen.rows(zone)
    found, here = _page(wanted)
    place = (here[0], here[1].text) if here else None
    return render(
        "logs/index.html",
        "logs/_runs.html" if "seen" in request.args else "logs/_found.html",
        stamp=stamp,
        task=task,
        chosen=chosen,
        filtered=chosen.active(fixed_task=task is not None),
        page=Stretch(
            request.path,
            chosen.query(fixed_task=task is not None),
            place,
            found.older.text if found.older else None,
            found.newer.text if found.newer else None,
        ),
        runs=found.rows,
        exhausted=found.exhausted,
        waits=_waits(found.rows),
        statuses=list(Status),
        task_choices=[] if task else task_names(),
        account_choices=account_names(),
        figures=figures(wanted, zone),
        week=week_chart(last_days(chosen.task_id, now, zone), request.path),
    )


def _page(wanted: RunFilter) -> tuple[RunPage, tuple[str, Cursor] | None]:
    """The rows that the address asks for, and where it says that they are."""
    after = Cursor.parse(request.args.get("after", ""))
    if after is not None:
        found = page_of_runs(wanted, PER_PAGE, after, newer=True)
        if found.newer is not None:
            return found, ("after", after)
    before = None if after else Cursor.parse(request.args.get("before", ""))
    return page_of_runs(wanted, PER_PAGE, before), ("before", before) if before else None
