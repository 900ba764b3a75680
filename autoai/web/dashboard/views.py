"""The dashboard: how things stand, and the tasks."""

from __future__ import annotations

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from ...queries.dashboard import dashboard_figures
from ...queries.state import current_revision
from ...queries.task_list import task_rows
from ...runtime import runtime
from ..htmx import nothing_new, render, unchanged
from ..templating import stamp_of
from .live import memory

dashboard = Blueprint("dashboard", __name__)


@dashboard.get("/")
def index() -> ResponseReturnValue:
    """The page, and what has changed of it since the browser was sent `seen`."""
    now, zone = runtime().ports.clock.now(), runtime().settings.zone
    stamp = stamp_of(current_revision(), now, zone)
    if unchanged(stamp):
        return nothing_new()
    rows = task_rows(now)
    return render(
        "dashboard/index.html",
        "dashboard/_changes.html",
        stamp=stamp,
        figures=dashboard_figures(now, zone),
        rows=rows,
        changed=memory().changed(request.args.get("seen", ""), stamp, rows),
    )
