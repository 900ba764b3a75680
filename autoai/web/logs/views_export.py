"""The log as a file: everything that the filter finds."""

from __future__ import annotations

from flask import Blueprint, jsonify, redirect, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from ...api.run_export import RETRY_AFTER, export_response, exports
from ...runtime import runtime
from ...services.tasks import get_task
from ..errors import problem
from .filters import LogFilter
from .listing import address

export = Blueprint("export", __name__)


@export.get("/logs/export")
def of_all() -> ResponseReturnValue:
    """All runs that fit."""
    return _file(None)


@export.get("/tasks/<int:task_id>/logs/export")
def of_task(task_id: int) -> ResponseReturnValue:
    """Those of one task."""
    return _file(get_task(task_id).id)


@export.get("/logs/export/progress")
def progress() -> ResponseReturnValue:
    """How many rows an export has read; 204 for one that is not under way."""
    found = exports.find(request.args.get("token", ""))
    if found is None:
        return "", 204
    return jsonify(rows=found.rows, total=found.total)


def _file(task_id: int | None) -> ResponseReturnValue:
    rt = runtime()
    chosen = LogFilter.read(request.args, rt.ports.clock.now(), rt.settings.zone, task_id)
    if chosen.errors:  # the page says which
        base = f"/tasks/{task_id}/logs" if task_id else "/logs"
        kept = [(name, text) for name, text in request.args.items(multi=True) if name != "format"]
        return redirect(address(base, kept), 303)
    answer = export_response(chosen.wanted)
    if answer is None:
        text = _("Two exports are under way already. Wait until one of them has ended.")
        return problem(429, text, retry_after=RETRY_AFTER)
    return answer
