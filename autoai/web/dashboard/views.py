"""The dashboard: how things stand."""

from __future__ import annotations

from flask import Blueprint
from flask.typing import ResponseReturnValue

from ...queries.budgets import nearly_used
from ...queries.dashboard import dashboard_figures
from ...queries.state import current_revision
from ...queries.task_list import count_flagged
from ...runtime import runtime
from ..htmx import nothing_new, render, unchanged
from ..templating import stamp_of

dashboard = Blueprint("dashboard", __name__)


@dashboard.get("/")
def index() -> ResponseReturnValue:
    """The page, or what of it changes by itself."""
    now, zone = runtime().ports.clock.now(), runtime().settings.zone
    stamp = f"{stamp_of(current_revision(), now, zone)}-{now:%H%M}"
    if unchanged(stamp):
        return nothing_new()
    return render(
        "dashboard/index.html",
        "dashboard/_overview.html",
        stamp=stamp,
        figures=dashboard_figures(now, zone),
        flagged=count_flagged(),
        budgets=nearly_used(now, zone),
    )
