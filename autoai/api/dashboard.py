"""/api/dashboard"""

from __future__ import annotations

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from ..queries.dashboard import dashboard_figures, performance
from ..runtime import runtime
from .errors import register_errors
from .requests import read_count
from .schemas import dashboard_out, performance_out

dashboard = Blueprint("api_dashboard", __name__)
register_errors(dashboard)
_DAYS, _MOST_DAYS = 30, 366


@dashboard.get("/dashboard/stats")
def stats() -> ResponseReturnValue:
    rt = runtime()
    return jsonify(dashboard_out(dashboard_figures(rt.ports.clock.now(), rt.settings.zone)))


@dashboard.get("/dashboard/performance")
def by_day() -> ResponseReturnValue:
    rt = runtime()
    days = read_count("days", 1, _MOST_DAYS) or _DAYS
    found = performance(rt.ports.clock.now(), rt.settings.zone, days)
    return jsonify(days=days, items=[performance_out(day) for day in found])
