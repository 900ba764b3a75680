"""The usage: what was used and spent, how far budgets go, and what the month will cost."""

from __future__ import annotations

from functools import reduce
from operator import add

from flask import Blueprint, Response, redirect, request, stream_with_context
from flask.typing import ResponseReturnValue

from ...queries.budgets import WARNED, budget_states
from ...queries.forecast import forecast
from ...queries.usage import Figures, GroupBy, usage_by, usage_rows
from ...runtime import runtime
from ..htmx import render, wants_part
from ..pace import in_turn
from .chart import usage_chart
from .export import csv_of
from .filters import BARS, PERIODS, TABLES, UsageChoice

usage = Blueprint("usage", __name__)
_LISTED = 25
_BUDGETS = 20


@usage.get("/usage")
@in_turn
def index() -> ResponseReturnValue:
    """The page; the part with the figures of the chosen days, where only that is asked for."""
    now, zone = runtime().ports.clock.now(), runtime().settings.zone
    chosen = UsageChoice.read(request.args, now.astimezone(zone).date())
    by_day = usage_by(GroupBy.DAY, chosen.days).groups
    budgets = [] if wants_part() else budget_states(now, zone)
    return render(
        "usage/index.html",
        "usage/_report.html",
        chosen=chosen,
        periods=PERIODS,
        tables=TABLES,
        kinds=BARS,
        zone=zone,
        days=by_day,
        figures=reduce(add, (day.figures for day in by_day), Figures()),
        chart=usage_chart(by_day, chosen.days, chosen.bars, chosen.url),
        table=usage_by(chosen.by, chosen.days, _LISTED),
        foretold=None if wants_part() else forecast(now, zone),
        budgets=budgets[:_BUDGETS],
        more_budgets=len(budgets[_BUDGETS:]),
        warned=WARNED,
    )


@usage.get("/usage.csv")
def export() -> ResponseReturnValue:
    """Every day × task × account × model of the chosen days."""
    zone = runtime().settings.zone
    chosen = UsageChoice.read(request.args, runtime().ports.clock.now().astimezone(zone).date())
    if chosen.errors:
        return redirect(chosen.url(), 303)
    days = chosen.days
    name = f"usage_{days.first.isoformat()}_{days.last.isoformat()}.csv"
    pieces = stream_with_context(csv_of(usage_rows(days)))
    answer = Response(pieces, content_type="text/csv; charset=utf-8")
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer
