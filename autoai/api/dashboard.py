"""/api/dashboard"""

from __future__ import annotations

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from ..queries.dashboard import dashboard_figures
from ..runtime import runtime
from .schemas import dashboard_out

dashboard = Blueprint("api_dashboard", __name__)


@dashboard.get("/dashboard/stats")
def stats() -> ResponseReturnValue:
    rt = runtime()
    return jsonify(dashboard_out(dashboard_figures(rt.ports.clock.now(), rt.settings.zone)))
