"""The task form, and what can be done with one task."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from flask import Blueprint, flash, redirect, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from ...domain.errors import Invalid
from ...domain.schedules import Schedule, upcoming
from ...models import Task
from ...runtime import runtime
from ...services import runs
from ...services import tasks as service
from ..htmx import done, hx_redirect, is_htmx, render
from ..i18n import all_zones
from ..urls import own_path
from .forms import TaskForm, edit_form, new_form

tasks = Blueprint("tasks", __name__)
_SHOWN = 5


@dataclass(frozen=True)
class Preview:
    """A schedule's next instants, and the zone whose clocks they are shown on."""

    schedule: Schedule
    zone: ZoneInfo
    next: list[datetime]


@tasks.get("/tasks")
def index() -> ResponseReturnValue:
    """The list of tasks is the dashboard."""
    return redirect("/")


@tasks.route("/tasks/new", methods=["GET", "POST"])
def new() -> ResponseReturnValue:
    """Make a task."""
    ports = runtime().ports
    if request.method == "GET":
        return _form_page(new_form(ports.default_timezone, ports.default_timeout))
    form = TaskForm(request.form)
    try:
        task = service.create_task(ports, form.values())
    except Invalid as error:
        form.show_errors(error.errors)
        return _form_page(form, status=422)
    flash(_("“%(name)s” was created.", name=task.name), "success")
    return hx_redirect("/")


@tasks.route("/tasks/<int:task_id>/edit", methods=["GET", "POST"])
def edit(task_id: int) -> ResponseReturnValue:
    """Change a task."""
    task = service.get_task(task_id)
    if request.method == "GET":
        return _form_page(edit_form(task), task)
    form = TaskForm(request.form)
    try:
        task = service.update_task(runtime().ports, task_id, form.values(), partial=False)
    except Invalid as error:
        form.show_errors(error.errors)
        return _form_page(form, task, 422)
    flash(_("“%(name)s” was saved.", name=task.name), "success")
    return hx_redirect("/")


@tasks.get("/tasks/preview")
def preview() -> ResponseReturnValue:
    """The next times of a schedule that is being typed. The key has no business here."""
    found = _preview(TaskForm(request.args))
    return render("tasks/_preview.html", "tasks/_preview.html", preview=found)


@tasks.post("/tasks/<int:task_id>/toggle")
def toggle(task_id: int) -> ResponseReturnValue:
    """Switch a task on or off, as the field `enabled` says; without it, to the other side."""
    task = service.get_task(task_id)
    wanted = request.form.get("enabled")
    task = service.set_enabled(
        runtime().ports, task_id, not task.enabled if wanted is None else bool(wanted)
    )
    if task.enabled:
        return _after(_("“%(name)s” is on.", name=task.name))
    return _after(_("“%(name)s” is off.", name=task.name))


@tasks.post("/tasks/<int:task_id>/run")
def run(task_id: int) -> ResponseReturnValue:
    """Run a task once, now."""
    task = service.get_task(task_id)
    runs.run_now(runtime().ports, task_id)
    return _after(_("A run of “%(name)s” was started.", name=task.name))


@tasks.post("/tasks/<int:task_id>/duplicate")
def duplicate(task_id: int) -> ResponseReturnValue:
    """Copy a task, and open the copy for editing."""
    copy = service.duplicate_task(runtime().ports, task_id)
    flash(_("This is the copy. It is off until you switch it on."), "success")
    return hx_redirect(f"/tasks/{copy.id}/edit")


@tasks.route("/tasks/<int:task_id>/delete", methods=["GET", "POST"])
def delete(task_id: int) -> ResponseReturnValue:
    """Ask, saying what goes with it; then delete."""
    task = service.get_task(task_id)
    if request.method == "GET":
        runs = service.count_runs(task_id)
        return render("tasks/delete.html", "tasks/_delete.html", task=task, runs=runs)
    service.delete_task(runtime().ports, task_id)
    flash(_("“%(name)s” was deleted.", name=task.name), "success")
    return hx_redirect("/")


def _after(message: str) -> ResponseReturnValue:
    target = own_path(request.form.get("next")) or "/"
    if is_htmx():
        return done(message, "pulse" if target == "/" else "runs")
    flash(message, "success")
    return redirect(target, 303)


def _form_page(form: TaskForm, task: Task | None = None, status: int = 200) -> ResponseReturnValue:
    stored = task is not None and task.enabled and request.method == "GET"
    return render(
        "tasks/edit.html",
        "tasks/_form.html",
        status,
        form=form,
        task=task,
        action=request.path,
        zones=sorted(all_zones()),
        preview=_stored_preview(task) if stored and task else _preview(form),
    )


def _stored_preview(task: Task) -> Preview:
    times = upcoming(task.schedule, runtime().ports.clock.now(), _SHOWN)
    return Preview(task.schedule, ZoneInfo(task.timezone), times)


def _preview(form: TaskForm) -> Preview | None:
    ports, values = runtime().ports, form.schedule_values()
    try:
        draft = service.draft_schedule(ports, values)
    except Invalid:
        return None
    times = upcoming(draft.schedule, draft.now, _SHOWN)
    return Preview(draft.schedule, ZoneInfo(draft.timezone), times)
