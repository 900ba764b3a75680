"""The gallery: prompts to begin a task with, and the ones that a person keeps there."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext

from ...domain.errors import Invalid
from ...domain.schedules import Manual
from ...models import PromptTemplate
from ...runtime import runtime
from ...services import own_templates as service
from ...services.gallery import list_templates, task_of
from ...services.tasks import get_task
from ..htmx import hx_redirect, render, render_bounded
from ..i18n import select_locale
from ..templating import zone_name
from ..urls import id_of
from .forms import TemplateForm, edit_form

gallery = Blueprint("gallery", __name__)

CATEGORIES = {
    "reading": lazy_gettext("Reading"),
    "work": lazy_gettext("Work"),
    "learning": lazy_gettext("Learning"),
    "ideas": lazy_gettext("Ideas"),
    "watching": lazy_gettext("Watching"),
    "life": lazy_gettext("Life"),
}


@gallery.get("/gallery")
def index() -> ResponseReturnValue:
    """All templates, one's own first."""
    found = list_templates(select_locale())
    ports, zone = runtime().ports, zone_name()
    schedules = {
        template.id: task_of(ports, template, zone).schedule
        for template in found
        if template.own is None
    }
    return render_bounded(
        "gallery/index.html",
        own=[template for template in found if template.own is not None],
        bundled=[template for template in found if template.own is None],
        categories=CATEGORIES,
        schedules={
            name: schedule
            for name, schedule in schedules.items()
            if not isinstance(schedule, Manual)
        },
    )


@gallery.post("/gallery/keep")
def keep() -> ResponseReturnValue:
    """Keep a task's prompt as a template of one's own, and open that for a better name."""
    task = get_task(id_of(request.form.get("task_id", "")) or 0)
    template = service.keep_task(runtime().ports, task)
    flash(_("The prompt is in the gallery now. Say below what it is good for."), "success")
    return redirect(f"/gallery/own-{template.id}/edit", 303)


@gallery.route("/gallery/own-<int:template_id>/edit", methods=["GET", "POST"])
def edit(template_id: int) -> ResponseReturnValue:
    """Change a template of one's own."""
    template = service.get_own_template(template_id)
    if request.method == "GET":
        return _form_page(edit_form(template), template)
    form = TemplateForm(request.form)
    try:
        service.update_own_template(runtime().ports, template_id, form.values())
    except Invalid as error:
        form.show_errors(error.errors)
        return _form_page(form, template, 422)
    flash(_("“%(name)s” was saved.", name=template.name), "success")
    return hx_redirect("/gallery")


@gallery.route("/gallery/own-<int:template_id>/delete", methods=["GET", "POST"])
def delete(template_id: int) -> ResponseReturnValue:
    """Ask; then delete a template of one's own."""
    template = service.get_own_template(template_id)
    if request.method == "GET":
        return render("gallery/delete.html", "gallery/_delete.html", template=template)
    name = template.name
    service.delete_own_template(template_id)
    flash(_("“%(name)s” was deleted.", name=name), "success")
    return hx_redirect("/gallery")


def _form_page(
    form: TemplateForm, template: PromptTemplate, status: int = 200
) -> ResponseReturnValue:
    return render(
        "gallery/edit.html",
        "gallery/_form.html",
        status,
        form=form,
        template=template,
        action=request.path,
    )
