"""The task form, and what can be done with one task."""

from __future__ import annotations

from datetime import datetime, timedelta

from flask import Blueprint, flash, redirect, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext

from ...domain.errors import Invalid
from ...models import Task
from ...queries.account_list import account_choices
from ...queries.run_filter import day_start
from ...runtime import runtime
from ...services import bulk, conversations, runs
from ...services import task_switches as switches
from ...services import tasks as service
from ...services.accounts import find_account
from ...services.bulk import Action
from ...services.connections import connection_of
from ...services.gallery import Template, get_template, task_of
from ...services.prompt_preview import preview_prompt
from ...services.prompt_secrets import masks
from ...services.prompt_versions import find_draft
from .. import formats
from ..accounts.asking import Offer, models_of, models_typed
from ..forms import whole_number
from ..htmx import done, hx_redirect, is_htmx, render
from ..i18n import all_zones, select_locale, select_timezone
from ..templating import zone_name
from ..urls import own_path
from .forms import TaskForm, edit_form, new_form
from .prompt_fields import Shown
from .receipt import receipt_of

tasks = Blueprint("tasks", __name__)


@tasks.get("/tasks")
def index() -> ResponseReturnValue:
    """The list of tasks is the dashboard."""
    return redirect("/")


@tasks.route("/tasks/new", methods=["GET", "POST"])
def new() -> ResponseReturnValue:
    """Make a task, from nothing or from a `template`; or, of what has been typed so far, only ask for
    the models with `fetch`, and show what would be sent with `preview`."""
    ports = runtime().ports
    if request.method == "GET":
        chosen, wanted = request.args.get("account_id"), request.args.get("template")
        template = get_template(wanted, select_locale()) if wanted else None
        begun = task_of(ports, template, zone_name()) if template else None
        form = new_form(zone_name(), ports.default_timeout, chosen, begun)
        return _form_page(form, template=template)
    form = TaskForm(request.form)
    if "fetch" in request.form:
        return _form_page(form, offer=_models(form, None))
    if "preview" in request.form:
        return _form_page(form, None, shown=_rendered(form, None))
    try:
        task = service.create_task(ports, form.values())
    except Invalid as error:
        form.show_errors(error.errors)
        return _form_page(form, status=422)
    flash(_("“%(name)s” was created.", name=task.name), "success")
    return hx_redirect("/")


@tasks.route("/tasks/<int:task_id>/edit", methods=["GET", "POST"])
def edit(task_id: int) -> ResponseReturnValue:
    """Change a task; `fetch` and `preview` as in `new`."""
    task = service.get_task(task_id)
    if request.method == "GET":
        return _form_page(edit_form(task, find_draft(task_id)), task)
    form = TaskForm(request.form)
    if "fetch" in request.form:
        return _form_page(form, task, offer=_models(form, task))
    if "preview" in request.form:
        return _form_page(form, task, shown=_rendered(form, task))
    as_draft = "draft" in request.form
    try:
        task = service.update_task(
            runtime().ports, task_id, form.values(task), partial=False, as_draft=as_draft
        )
    except Invalid as error:
        form.show_errors(error.errors)
        return _form_page(form, task, 422)
    if as_draft:
        flash(_("The draft was saved. It is not sent before you publish it."), "success")
        return hx_redirect(f"/tasks/{task_id}/prompts")
    flash(_("“%(name)s” was saved.", name=task.name), "success")
    return hx_redirect("/")


@tasks.get("/tasks/preview")
def preview() -> ResponseReturnValue:
    """The receipt of a schedule that is being typed. The key has no business here."""
    form, receipt = TaskForm(request.args), None
    task = service.find_task(whole_number(request.args.get("task_id")))
    try:
        receipt = receipt_of(form, task)
    except Invalid as error:
        form.show_errors({name: e for name, e in error.errors.items() if form.is_typed(name)})
    return render("tasks/_preview.html", "tasks/_typed.html", form=form, receipt=receipt)


@tasks.post("/tasks/<int:task_id>/toggle")
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


@tasks.post("/tasks/<int:task_id>/pause")
def pause(task_id: int) -> ResponseReturnValue:
    """Pause a task: `for` an hour, until tomorrow, or until somebody resumes it."""
    now = runtime().ports.clock.now()
    until = _pause_end(request.form.get("for"), now)
    task = switches.pause_task(runtime().ports, task_id, until)
    if until is None:
        return _after(_("“%(name)s” is paused.", name=task.name))
    shown = formats.moment(until, now)
    return _after(_("“%(name)s” is paused until %(time)s.", name=task.name, time=shown))


@tasks.post("/tasks/<int:task_id>/resume")
def resume(task_id: int) -> ResponseReturnValue:
    """End a pause."""
    task = switches.resume_task(runtime().ports, task_id)
    return _after(_("“%(name)s” runs again.", name=task.name))


@tasks.post("/tasks/bulk")
def several() -> ResponseReturnValue:
    """The same for several tasks: those that were chosen, or all with a tag."""
    tag = request.form.get("tag") or None
    ids = None if tag else [n for n in map(_id, request.form.getlist("ids")) if n]
    action = request.form.get("action", "")
    count = bulk.act(runtime().ports, action, bulk.choose_tasks(ids, tag))
    return _after(_did(action, count))


@tasks.post("/tasks/<int:task_id>/run")
def run(task_id: int) -> ResponseReturnValue:
    """Run a task once, now."""
    task = service.get_task(task_id)
    runs.run_now(runtime().ports, task_id)
    if task.account is not None and not task.account.enabled:
        return _after(_("“%(name)s” was skipped: its account is switched off.", name=task.name))
    return _after(_("A run of “%(name)s” was started.", name=task.name))


@tasks.post("/tasks/<int:task_id>/duplicate")
def duplicate(task_id: int) -> ResponseReturnValue:
    """Copy a task, and open the copy for editing."""
    copy = service.duplicate_task(runtime().ports, task_id)
    flash(_("This is the copy. It is off until you switch it on."), "success")
    return hx_redirect(f"/tasks/{copy.id}/edit")


@tasks.post("/tasks/<int:task_id>/conversation/reset")
def reset_conversation(task_id: int) -> ResponseReturnValue:
    """What was said so far does not go along any more."""
    task = conversations.reset_conversation(runtime().ports, task_id)
    message = _("“%(name)s” begins a new conversation.", name=task.name)
    if is_htmx():
        return done(message, "overview")
    flash(message, "success")
    return redirect(f"/tasks/{task_id}/edit", 303)


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


def _did(action: str, count: int) -> str:
    if action == Action.PAUSE:
        return ngettext("%(num)s task is paused.", "%(num)s tasks are paused.", count)
    if action == Action.RESUME:
        return ngettext("%(num)s task runs again.", "%(num)s tasks run again.", count)
    if action == Action.RUN:
        return ngettext("%(num)s run was started.", "%(num)s runs were started.", count)
    return ngettext("%(num)s run is cancelled.", "%(num)s runs are cancelled.", count)


def _after(message: str) -> ResponseReturnValue:
    target = own_path(request.form.get("next")) or "/"
    if is_htmx():
        return done(message, "overview" if target.partition("?")[0] == "/" else "runs")
    flash(message, "success")
    return redirect(target, 303)


def _models(form: TaskForm, task: Task | None) -> Offer:
    values = form.target_values()
    if values["account_id"] is not None:
        account = find_account(values["account_id"])
        return models_of(account) if account else Offer(error=_("There is no such account."))
    own = connection_of(task) if task is not None and task.account_id is None else None
    return models_typed(values, own)


def _rendered(form: TaskForm, task: Task | None) -> Shown:
    values = form.preview_values(task.id if task else None)
    try:
        return Shown(preview_prompt(runtime().ports, values))
    except Invalid as error:
        form.show_errors(error.errors)
        return Shown(errors=form.labelled(error.errors))


def _form_page(
    form: TaskForm,
    task: Task | None = None,
    status: int = 200,
    offer: Offer | None = None,
    template: Template | None = None,
    shown: Shown | None = None,
) -> ResponseReturnValue:
    try:
        receipt = receipt_of(form, task)
    except Invalid:
        receipt = None
    part = "tasks/_form.html"
    if offer is not None:
        part = "shared/_offer.html"
    elif shown is not None:
        part = "tasks/_rendered.html"
    wrong = (offer and offer.error) or (shown and shown.errors)
    return render(
        "tasks/edit.html",
        part,
        422 if wrong else status,
        form=form,
        task=task,
        action=request.path,
        zones=sorted(all_zones()),
        receipt=receipt,
        accounts=account_choices(),
        offer=offer,
        shown=shown,
        secret_masks=masks(task) if task else {},
        draft=find_draft(task.id) if task else None,
        template=template,
    )
