"""/api/logs and /api/tasks/{id}/logs"""

from __future__ import annotations

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from ..queries.run_filter import RunFilter
from ..queries.run_log import get_run
from ..queries.run_pages import page_of_runs
from ..runtime import runtime
from ..services import runs
from ..services.baselines import accept_answer
from ..services.tasks import get_task
from .errors import register_errors
from .requests import read_body, read_place, read_run_filter
from .run_export import RETRY_AFTER, export_response
from .schemas import RetryIn, run_details_out, run_out

logs = Blueprint("api_logs", __name__)
register_errors(logs)


@logs.get("/logs")
def index() -> ResponseReturnValue:
    return _page(None)


@logs.get("/tasks/<int:task_id>/logs")
def of_task(task_id: int) -> ResponseReturnValue:
    return _page(get_task(task_id).id)


@logs.get("/logs/export")
def export() -> ResponseReturnValue:
    return _export(None)


@logs.get("/tasks/<int:task_id>/logs/export")
def export_of_task(task_id: int) -> ResponseReturnValue:
    return _export(get_task(task_id).id)


@logs.get("/logs/<int:run_id>")
def read(run_id: int) -> ResponseReturnValue:
    growing = runtime().ports.growing_text(run_id)  # first: the run may end in between
    return jsonify(run_details_out(get_run(run_id), growing))


@logs.post("/logs/<int:run_id>/cancel")
def cancel(run_id: int) -> ResponseReturnValue:
    runs.cancel_run(runtime().ports, run_id)
    return jsonify(run_details_out(get_run(run_id))), 202


@logs.post("/logs/<int:run_id>/accept")
def accept(run_id: int) -> ResponseReturnValue:
    accept_answer(runtime().ports, run_id)
    return jsonify(run_details_out(get_run(run_id)))


@logs.post("/logs/<int:run_id>/retry")
def retry(run_id: int) -> ResponseReturnValue:
    wanted = read_body(RetryIn)
    if wanted.ignore_budget:
        new_id = runs.run_anyway(runtime().ports, run_id)
    else:
        new_id = runs.retry_run(runtime().ports, run_id, same_input=wanted.same_input)
    return jsonify(run_details_out(get_run(new_id))), 202


def _page(task_id: int | None) -> ResponseReturnValue:
    limit, cursor = read_place()
    page = page_of_runs(_wanted(task_id, "limit", "cursor"), limit, cursor)
    return jsonify(
        items=[run_out(run) for run in page.rows],
        next_cursor=page.older.text if page.older else None,
    )


def _export(task_id: int | None) -> ResponseReturnValue:
    answer = export_response(_wanted(task_id, "format", "texts", "token"))
    if answer is None:
        words = _("Two exports are under way already. Wait until one of them has ended.")
        return jsonify(detail=words), 429, {"Retry-After": str(RETRY_AFTER)}
    return answer


def _wanted(task_id: int | None, *also: str) -> RunFilter:
    rt = runtime()
    return read_run_filter(rt.ports.clock.now(), rt.settings.zone, task_id, also)
