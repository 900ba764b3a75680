"""The dashboard: how things stand, and the tasks."""

from __future__ import annotations

from flask import Blueprint
from flask.typing import ResponseReturnValue

from ...queries.dashboard import dashboard_figures
from ...queries.state import current_revision
from ...queries.task_list import task_rows
from ...runtime import runtime
from ..htmx import nothing_new, render, unchanged
from ..templating import stamp_of

dashboard = Blueprint("dashboard", __name__)


@dashboard.get("/")
def index() -> ResponseReturnValue:
    """The page, and the part of it that keeps itself up to date."""
    now, zone = runtime().ports.clock.now(), runtime().settings.zone
    stamp = stamp_of(current_revision(), now.astimezone(zone).date())
    if unchanged(stamp):
        return nothing_new()
    return render(
        "dashboard/index.html",
        "dashboard/_overview.html",
        stamp=stamp,
        figures=dashboard_figures(now, zone),
        rows=task_rows(),
    )
