"""The versions of a task's texts: the list, one of them, two beside each other."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from ...domain.errors import Invalid
from ...queries.prompt_versions import page_of_versions
from ...runtime import runtime
from ...services import prompt_versions as service
from ...services.comparing import compare
from ...services.tasks import get_task
from ..formats import sentences
from ..forms import whole_number
from ..htmx import render_bounded
from ..pagination import Page, page_number
from ..urls import own_path

prompts = Blueprint("prompts", __name__)
PER_PAGE = 20


@prompts.get("/tasks/<int:task_id>/prompts")
def index(task_id: int) -> ResponseReturnValue:
    """All versions, newest first."""
    task, number = get_task(task_id), page_number(request.args.get("page"))
    rows, more = page_of_versions(task, number, PER_PAGE)
    page = Page(request.path, [], number, more)
    return render_bounded("prompts/index.html", task=task, rows=rows, page=page)


@prompts.get("/tasks/<int:task_id>/prompts/<int:number>")
def read(task_id: int, number: int) -> ResponseReturnValue:
    """One version whole."""
    task = get_task(task_id)
    version = service.get_version(task_id, number)
    return render_bounded("prompts/version.html", task=task, version=version)


@prompts.get("/tasks/<int:task_id>/prompts/compare")
def comparison(task_id: int) -> ResponseReturnValue:
    """Two versions beside each other, the older one on the left."""
    task = get_task(task_id)
    chosen = [whole_number(request.args.get(name)) for name in ("a", "b")]
    numbers = sorted(number for number in chosen if isinstance(number, int))
    if len(numbers) != 2:
        flash(_("Choose two versions to compare."), "error")
        return redirect(f"/tasks/{task_id}/prompts", 303)
    old, new = (service.get_version(task_id, number) for number in numbers)
    return render_bounded("prompts/compare.html", task=task, found=compare(old, new))


@prompts.post("/tasks/<int:task_id>/prompts/publish")
def publish(task_id: int) -> ResponseReturnValue:
    """The draft goes live."""
    try:
        task = service.publish_draft(runtime().ports, task_id)
    except Invalid as error:
        return _refused(task_id, error)
    return _after(task_id, _("Version %(number)s is live now.", number=task.prompt_version))


@prompts.post("/tasks/<int:task_id>/prompts/discard")
def discard(task_id: int) -> ResponseReturnValue:
    """The draft goes away."""
    service.discard_draft(task_id)
    return _after(task_id, _("The draft is gone. What is live stays as it is."))


@prompts.post("/tasks/<int:task_id>/prompts/<int:number>/restore")
def restore(task_id: int, number: int) -> ResponseReturnValue:
    """An older version goes live again."""
    before = get_task(task_id).prompt_version
    try:
        task = service.restore_version(runtime().ports, task_id, number)
    except Invalid as error:
        return _refused(task_id, error)
    if task.prompt_version == before:
        return _after(task_id, _("Its texts are what is live already."))
    message = _(
        "Version %(old)s is live again, as version %(new)s.", old=number, new=task.prompt_version
    )
    return _after(task_id, message)


def _refused(task_id: int, error: Invalid) -> ResponseReturnValue:
    """Such as texts that name a variable which the task does not have any more."""
    flash(sentences(text for texts in error.errors.values() for text in texts), "error")
    return redirect(f"/tasks/{task_id}/prompts", 303)


def _after(task_id: int, message: str) -> ResponseReturnValue:
    flash(message, "success")
    return redirect(own_path(request.form.get("next")) or f"/tasks/{task_id}/prompts", 303)
