"""/api/tasks and /api/schedules"""

from __future__ import annotations

from datetime import UTC
from zoneinfo import ZoneInfo

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue

from ..language import ReaderWords
from ..models import Task
from ..queries.receipt import preview as receipt
from ..queries.run_log import get_run
from ..queries.task_list import tasks_after
from ..runtime import runtime
from ..services import bulk, conversations, prompt_preview, runs
from ..services import task_switches as switches
from ..services import tasks as service
from .errors import register_errors
from .requests import read_body, read_instant, read_number, read_page
from .schemas import (
    ANSWERED_ONLY,
    BulkIn,
    PauseIn,
    PreviewIn,
    PromptPreviewIn,
    TaskIn,
    preview_out,
    prompt_preview_out,
    run_details_out,
    task_out,
)

tasks = Blueprint("api_tasks", __name__)
register_errors(tasks)

_MOST_PREVIEWED = 1_000


@tasks.get("/tasks")
def index() -> ResponseReturnValue:
    limit, cursor = read_page()
    rows, following = tasks_after(limit, cursor, request.args.get("tag") or None)
    return jsonify(
        items=[_out(task) for task in rows],
        next_cursor=str(following) if following else None,
    )


@tasks.post("/tasks")
def create() -> ResponseReturnValue:
    values = read_body(TaskIn, ANSWERED_ONLY).model_dump(exclude_unset=True)
    task = service.create_task(runtime().ports, values)
    return jsonify(_out(task)), 201, {"Location": f"/api/tasks/{task.id}"}


@tasks.get("/tasks/<int:task_id>")
def read(task_id: int) -> ResponseReturnValue:
    return jsonify(_out(service.get_task(task_id)))


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
    run_id = runs.run_now(runtime().ports, task_id, request.headers.get("Idempotency-Key"))
    return jsonify(run_details_out(get_run(run_id))), 202


@tasks.post("/tasks/<int:task_id>/duplicate")
def duplicate(task_id: int) -> ResponseReturnValue:
    copy = service.duplicate_task(runtime().ports, task_id)
    return jsonify(_out(copy)), 201, {"Location": f"/api/tasks/{copy.id}"}


@tasks.post("/tasks/<int:task_id>/pause")
def pause(task_id: int) -> ResponseReturnValue:
    until = read_instant("until", read_body(PauseIn).until, runtime().settings.zone)
    return jsonify(_out(switches.pause_task(runtime().ports, task_id, until)))


@tasks.post("/tasks/<int:task_id>/resume")
def resume(task_id: int) -> ResponseReturnValue:
    return jsonify(_out(switches.resume_task(runtime().ports, task_id)))


@tasks.post("/tasks/bulk")
def several() -> ResponseReturnValue:
    body = read_body(BulkIn)
    until = read_instant("until", body.until, runtime().settings.zone)
    chosen = bulk.choose_tasks(body.ids, body.tag)
    return jsonify(count=bulk.act(runtime().ports, body.action, chosen, until))


@tasks.post("/schedules/preview")
def preview() -> ResponseReturnValue:
    body = read_body(PreviewIn)
    draft = service.draft_schedule(runtime().ports, body.model_dump(exclude_unset=True))
    zone = ZoneInfo(draft.timezone)
    after = read_instant("after", body.after, zone) or draft.now.astimezone(UTC)
    count = read_number("count", body.count, 1, _MOST_PREVIEWED, default=10)
    found = receipt(draft.schedule, draft.blackouts, zone, after, count)
    return jsonify(preview_out(found, ReaderWords()))


@tasks.post("/prompts/preview")
def preview_prompt() -> ResponseReturnValue:
    values = read_body(PromptPreviewIn).model_dump(exclude_unset=True)
    return jsonify(prompt_preview_out(prompt_preview.preview_prompt(runtime().ports, values)))


@tasks.post("/tasks/<int:task_id>/conversation/reset")
def reset_conversation(task_id: int) -> ResponseReturnValue:
    return jsonify(_out(conversations.reset_conversation(runtime().ports, task_id)))


def _update(task_id: int, *, partial: bool) -> ResponseReturnValue:
    values = read_body(TaskIn, ANSWERED_ONLY).model_dump(exclude_unset=True)
    # Whoever replaces a task sends its texts along: that says nothing of a draft.
    task = service.update_task(
        runtime().ports, task_id, values, partial=partial, replaces_draft=partial
    )
    return jsonify(_out(task))


def _out(task: Task) -> dict[str, object]:
    return task_out(task, ReaderWords(), runtime().ports.clock.now())
