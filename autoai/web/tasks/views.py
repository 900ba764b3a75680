"""The task form."""

from __future__ import annotations

from flask import Blueprint, flash, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from ...domain.errors import Invalid
from ...models import Task
from ...queries.account_list import account_choices
from ...runtime import runtime
from ...services import tasks as service
from ...services.accounts import find_account
from ...services.connections import connection_of
from ...services.gallery import Template, get_template, task_of
from ...services.prompt_preview import preview_prompt
from ...services.prompt_secrets import masks
from ...services.prompt_versions import find_draft
from ..accounts.asking import Offer, models_of, models_typed
from ..forms import SUMMARIES, whole_number
from ..htmx import hx_redirect, render
from ..i18n import all_zones, select_locale
from ..templating import zone_name
from .forms import TaskForm, edit_form, new_form
from .prompt_fields import Shown
from .receipt import receipt_of

tasks = Blueprint("tasks", __name__)


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
    if "summaries" in request.args:
        return render(SUMMARIES, SUMMARIES, folds=form.folds(), action=request.path)
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
    return hx_redirect("/tasks")


@tasks.route("/tasks/<int:task_id>/edit", methods=["GET", "POST"])
def edit(task_id: int) -> ResponseReturnValue:
    """Change a task; `fetch` and `preview` as in `new`."""
    task = service.get_task(task_id)
    if request.method == "GET":
        return _form_page(edit_form(task, find_draft(task_id)), task)
    form = TaskForm(request.form)
    if "summaries" in request.args:
        return render(SUMMARIES, SUMMARIES, folds=form.folds(), action=request.path)
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
    return hx_redirect("/tasks")


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
        folds=form.folds(),
        zones=sorted(all_zones()),
        receipt=receipt,
        accounts=account_choices(),
        offer=offer,
        shown=shown,
        secret_masks=masks(task) if task else {},
        draft=find_draft(task.id) if task else None,
        template=template,
    )
