"""What can be done with a task, or with several, without opening the form."""

from __future__ import annotations

from datetime import datetime, timedelta

from flask import Blueprint, flash, redirect, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext

from ...queries.run_filter import day_start
from ...runtime import runtime
from ...services import bulk, conversations, runs
from ...services import task_switches as switches
from ...services import tasks as service
from ...services.bulk import Action
from .. import formats
from ..forms import whole_number
from ..htmx import done, hx_redirect, is_htmx, render
from ..i18n import select_timezone
from ..urls import own_path

task_actions = Blueprint("task_actions", __name__)


@task_actions.post("/tasks/<int:task_id>/toggle")
def toggle(task_id: int) -> ResponseReturnValue:
    """Switch a task on or off, as the field `enabled` says; without it, to the other side."""
    task = service.get_task(task_id)
    wanted = request.form.get("enabled")
    task = switches.set_enabled(
        runtime().ports, task_id, not task.enabled if wanted is None else bool(wanted)
    )
    if task.enabled:
        return _after(_("“%(name)s” is on.", name=task.name))
    return _after(_("“%(name)s” is off.", name=task.name))


@task_actions.post("/tasks/<int:task_id>/pause")
def pause(task_id: int) -> ResponseReturnValue:
    """Pause a task: `for` an hour, until tomorrow, or until somebody resumes it."""
    now = runtime().ports.clock.now()
    until = _pause_end(request.form.get("for"), now)
    task = switches.pause_task(runtime().ports, task_id, until)
    if until is None:
        return _after(_("“%(name)s” is paused.", name=task.name))
    shown = formats.moment(until, now)
    return _after(_("“%(name)s” is paused until %(time)s.", name=task.name, time=shown))


@task_actions.post("/tasks/<int:task_id>/resume")
def resume(task_id: int) -> ResponseReturnValue:
    """End a pause."""
    task = switches.resume_task(runtime().ports, task_id)
    return _after(_("“%(name)s” runs again.", name=task.name))


@task_actions.post("/tasks/bulk")
def several() -> ResponseReturnValue:
    """The same for several tasks: those that were chosen, or all with a tag. A pause may say in the
    same word how long it lasts: `pause:hour`."""
    now = runtime().ports.clock.now()
    tag = request.form.get("tag") or None
    ids = None if tag else [n for n in map(_id, request.form.getlist("ids")) if n]
    action, _colon, length = request.form.get("action", "").partition(":")
    until = _pause_end(length, now)
    count = bulk.act(runtime().ports, action, bulk.choose_tasks(ids, tag), until)
    return _after(_did(action, count, until, now))


@task_actions.post("/tasks/<int:task_id>/run")
def run(task_id: int) -> ResponseReturnValue:
    """Run a task once, now."""
    task = service.get_task(task_id)
    runs.run_now(runtime().ports, task_id)
    if task.account is not None and not task.account.enabled:
        return _after(_("“%(name)s” was skipped: its account is switched off.", name=task.name))
    return _after(_("A run of “%(name)s” was started.", name=task.name))


@task_actions.post("/tasks/<int:task_id>/duplicate")
def duplicate(task_id: int) -> ResponseReturnValue:
    """Copy a task, and open the copy for editing."""
    copy = service.duplicate_task(runtime().ports, task_id)
    flash(_("This is the copy. It is off until you switch it on."), "success")
    return hx_redirect(f"/tasks/{copy.id}/edit")


@task_actions.post("/tasks/<int:task_id>/conversation/reset")
def reset_conversation(task_id: int) -> ResponseReturnValue:
    """What was said so far does not go along any more."""
    task = conversations.reset_conversation(runtime().ports, task_id)
    message = _("“%(name)s” begins a new conversation.", name=task.name)
    if is_htmx():
        return done(message, "overview")
    flash(message, "success")
    return redirect(f"/tasks/{task_id}/edit", 303)


@task_actions.route("/tasks/<int:task_id>/delete", methods=["GET", "POST"])
def delete(task_id: int) -> ResponseReturnValue:
    """Ask, saying what goes with it; then delete."""
    task = service.get_task(task_id)
    if request.method == "GET":
        runs = service.count_runs(task_id)
        return render("tasks/delete.html", "tasks/_delete.html", task=task, runs=runs)
    service.delete_task(runtime().ports, task_id)
    flash(_("“%(name)s” was deleted.", name=task.name), "success")
    return hx_redirect("/tasks")


def _pause_end(length: str | None, now: datetime) -> datetime | None:
    if length == "hour":
        return now + timedelta(hours=1)
    if length == "tomorrow":
        zone = select_timezone()
        return day_start(now.astimezone(zone).date() + timedelta(days=1), zone)
    return None


def _id(text: str) -> int | None:
    number = whole_number(text)
    return number if isinstance(number, int) else None


def _did(action: str, count: int, until: datetime | None, now: datetime) -> str:
    if action == Action.PAUSE and until is not None:
        return ngettext(
            "%(num)s task is paused until %(time)s.",
            "%(num)s tasks are paused until %(time)s.",
            count,
            time=formats.moment(until, now),
        )
    if action == Action.PAUSE:
        return ngettext("%(num)s task is paused.", "%(num)s tasks are paused.", count)
    if action == Action.RESUME:
        return ngettext("%(num)s task runs again.", "%(num)s tasks run again.", count)
    if action == Action.RUN:
        return ngettext("%(num)s run was started.", "%(num)s runs were started.", count)
    return ngettext("%(num)s run is cancelled.", "%(num)s runs are cancelled.", count)


def _after(message: str) -> ResponseReturnValue:
    """Back to where the button was: that page, or only word that its live part has something new."""
    target = own_path(request.form.get("next")) or "/tasks"
    if is_htmx():
        return done(message, _live_part(target.partition("?")[0]))
    flash(message, "success")
    return redirect(target, 303)


def _live_part(path: str) -> str:
    if path == "/tasks":
        return "table"
    return "runs" if path.endswith("/logs") else "overview"
