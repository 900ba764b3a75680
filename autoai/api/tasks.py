"""/api/tasks"""

from __future__ import annotations

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue
from flask_babel import get_domain

from ..queries.run_log import get_run
from ..queries.task_list import tasks_after
from ..runtime import runtime
from ..services import tasks as service
from .errors import register_errors
from .requests import read_body, read_page
from .schemas import ANSWERED_ONLY, TaskIn, run_details_out, task_out

tasks = Blueprint("api_tasks", __name__)
register_errors(tasks)


@tasks.get("/tasks")
def index() -> ResponseReturnValue:
    limit, cursor = read_page()
    rows, following = tasks_after(limit, cursor)
    return jsonify(
        items=[task_out(task, get_domain()) for task in rows],
        next_cursor=str(following) if following else None,
    )


@tasks.post("/tasks")
def create() -> ResponseReturnValue:
    values = read_body(TaskIn, ANSWERED_ONLY).model_dump(exclude_unset=True)
    task = service.create_task(runtime().ports, values)
    return jsonify(task_out(task, get_domain())), 201, {"Location": f"/api/tasks/{task.id}"}


@tasks.get("/tasks/<int:task_id>")
def read(task_id: int) -> ResponseReturnValue:
    return jsonify(task_out(service.get_task(task_id), get_domain()))


@tasks.put("/tasks/<int:task_id>")
def replace(task_id: int) -> ResponseReturnValue:
    return _update(task_id, partial=False)


@tasks.patch("/tasks/<int:task_id>")
def change(task_id: int) -> ResponseReturnValue:
    return _update(task_id, partial=True)


@tasks.delete("/tasks/<int:task_id>")
def delete(task_id: int) -> ResponseReturnValue:
    service.delete_task(runtime().ports, task_id)
    return "", 204


@tasks.post("/tasks/<int:task_id>/run")
def run(task_id: int) -> ResponseReturnValue:
    queued = service.run_now(runtime().ports, task_id)
    return jsonify(run_details_out(get_run(queued.id))), 202


@tasks.post("/tasks/<int:task_id>/duplicate")
def duplicate(task_id: int) -> ResponseReturnValue:
    copy = service.duplicate_task(runtime().ports, task_id)
    return jsonify(task_out(copy, get_domain())), 201, {"Location": f"/api/tasks/{copy.id}"}


def _update(task_id: int, *, partial: bool) -> ResponseReturnValue:
    values = read_body(TaskIn, ANSWERED_ONLY).model_dump(exclude_unset=True)
    task = service.update_task(runtime().ports, task_id, values, partial=partial)
    return jsonify(task_out(task, get_domain()))
