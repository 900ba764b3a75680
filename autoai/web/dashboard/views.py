"""The dashboard: how things stand, and the tasks."""

from __future__ import annotations

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from ...queries.budgets import nearly_used
from ...queries.dashboard import dashboard_figures
from ...queries.state import current_revision
from ...queries.task_list import all_tags, count_flagged, page_of_tasks
from ...runtime import runtime
from ...services.accounts import find_account
from ..htmx import nothing_new, render, unchanged
from ..pagination import Page, page_number
from ..templating import stamp_of
from .filters import SORTS, STATES, ListFilter

dashboard = Blueprint("dashboard", __name__)
PER_PAGE = 50


@dashboard.get("/")
def index() -> ResponseReturnValue:
    """The page; the part with figures and rows; with the filter too, where that was changed."""
    now, zone = runtime().ports.clock.now(), runtime().settings.zone
    stamp = f"{stamp_of(current_revision(), now, zone)}-{now:%H%M}"  # pauses end by themselves
    if unchanged(stamp):
        return nothing_new()
    chosen, number = ListFilter.read(request.args), page_number(request.args.get("page"))
    rows, more = page_of_tasks(chosen.rows(), now, number, PER_PAGE)
    return render(
        "dashboard/index.html",
        "dashboard/_overview.html" if "seen" in request.args else "dashboard/_found.html",
        stamp=stamp,
        figures=dashboard_figures(now, zone),
        rows=rows,
        flagged=count_flagged(),
        budgets=nearly_used(now, zone),
        account=find_account(chosen.account_id),
        chosen=chosen,
        page=Page("/", chosen.query(), number, more),
        tags=all_tags(),
        states=STATES,
        sorts=SORTS,
    )
