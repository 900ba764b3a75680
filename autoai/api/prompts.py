"""/api/tasks/{id}/prompts: the versions of a task's texts"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from ..domain.errors import Invalid
from ..models import PromptVersion
from ..queries.prompt_versions import versions_before
from ..runtime import runtime
from ..services import prompt_versions as service
from ..services.comparing import compare
from ..services.tasks import get_task
from .errors import register_errors
from .prompt_schemas import PromptIn, comparison_out, version_out
from .requests import read_body, read_id, read_page

prompts = Blueprint("api_prompts", __name__)
register_errors(prompts)


@prompts.get("/tasks/<int:task_id>/prompts")
def index(task_id: int) -> ResponseReturnValue:
    task = get_task(task_id)
    limit, cursor = read_page()
    rows, following = versions_before(task.id, limit, cursor)
    return jsonify(
        items=[version_out(version, task.prompt_version) for version in rows],
        next_cursor=str(following) if following else None,
    )


@prompts.post("/tasks/<int:task_id>/prompts")
def draft(task_id: int) -> ResponseReturnValue:
    texts = read_body(PromptIn).model_dump(exclude_unset=True)
    there = service.find_draft(get_task(task_id).id) is not None
    made = service.save_draft(runtime().ports, task_id, texts)
    where = f"/api/tasks/{task_id}/prompts/{made.number}"
    return jsonify(_out(made)), 200 if there else 201, {"Location": where}


@prompts.get("/tasks/<int:task_id>/prompts/<int:number>")
def read(task_id: int, number: int) -> ResponseReturnValue:
    return jsonify(_out(_version(task_id, number)))


@prompts.post("/tasks/<int:task_id>/prompts/publish")
def publish(task_id: int) -> ResponseReturnValue:
    task = service.publish_draft(runtime().ports, task_id)
    return jsonify(_out(service.get_version(task_id, task.prompt_version)))


@prompts.delete("/tasks/<int:task_id>/prompts/draft")
def discard(task_id: int) -> ResponseReturnValue:
    service.discard_draft(task_id)
    return "", 204


@prompts.post("/tasks/<int:task_id>/prompts/<int:number>/restore")
def restore(task_id: int, number: int) -> ResponseReturnValue:
    task = service.restore_version(runtime().ports, task_id, number)
    return jsonify(_out(service.get_version(task_id, task.prompt_version)))


@prompts.get("/tasks/<int:task_id>/prompts/compare")
def comparison(task_id: int) -> ResponseReturnValue:
    chosen = {name: read_id(name) for name in ("a", "b")}
    missing = {name: [_("This field is needed.")] for name, value in chosen.items() if not value}
    if missing:
        raise Invalid(missing)
    a, b = (_version(task_id, number or 0) for number in chosen.values())
    return jsonify(comparison_out(compare(a, b)))


def _version(task_id: int, number: int) -> PromptVersion:
    return service.get_version(get_task(task_id).id, number)


def _out(version: PromptVersion) -> dict[str, Any]:
    return version_out(version, get_task(version.task_id).prompt_version)
