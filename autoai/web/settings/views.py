"""What holds for the whole instance, and how it is doing."""

from __future__ import annotations

from flask import Blueprint, flash, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from ...domain.errors import Invalid
from ...queries.state import newest_revision, readiness
from ...queries.task_list import count_unbounded
from ...runtime import runtime
from ...services import instance
from ..htmx import hx_redirect, render
from .forms import SettingsForm

settings = Blueprint("settings", __name__)


@settings.get("/health")
def health() -> ResponseReturnValue:
    """Schedule, keys, database: what works, and what to do about what does not."""
    here = runtime()
    return render(
        "settings/health.html",
        "settings/_health.html",
        role=str(here.scheduler.role),
        trouble=here.scheduler.trouble,
        tick_age_ms=round(here.scheduler.tick_age * 1000),
        state_of=readiness(here.ports.keyring.readable),
        revision=newest_revision(),
        slots=here.settings.max_concurrent_runs,
        instance_zone=here.settings.timezone,
    )


@settings.route("/settings", methods=["GET", "POST"])
def index() -> ResponseReturnValue:
    """What holds for the whole instance."""
    if request.method == "GET":
        return _page(SettingsForm(data=instance.instance_fields()))
    form = SettingsForm(request.form)
    try:
        instance.update_instance(runtime().ports, form.values(), partial=False)
    except Invalid as error:
        form.show_errors(error.errors)
        return _page(form, 422)
    flash(_("Saved."), "success")
    return hx_redirect("/settings")


def _page(form: SettingsForm, status: int = 200) -> ResponseReturnValue:
    found = render(
        "settings/index.html",
        "settings/_form.html",
        form=form,
        unbounded=count_unbounded() if form.budgets_open else 0,
        instance_zone=runtime().settings.timezone,
    )
    found.status_code = status
    return found
