"""/api/gallery: prompts to begin a task with"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from ..language import ReaderWords
from ..models import PromptTemplate
from ..runtime import runtime
from ..services import own_templates as service
from ..services.gallery import get_template, list_templates, own_template
from ..services.tasks import get_task
from .errors import register_errors
from .prompt_schemas import TEMPLATE_ANSWERED_ONLY, TemplateIn, template_out
from .requests import read_body

gallery = Blueprint("api_gallery", __name__)
register_errors(gallery)


@gallery.get("/gallery")
def index() -> ResponseReturnValue:
    found = list_templates(ReaderWords().locale)
    return jsonify(items=[template_out(template) for template in found], next_cursor=None)


@gallery.get("/gallery/<template_key>")
def read(template_key: str) -> ResponseReturnValue:
    return jsonify(template_out(get_template(template_key, ReaderWords().locale)))


@gallery.post("/gallery")
def create() -> ResponseReturnValue:
    body = read_body(TemplateIn, TEMPLATE_ANSWERED_ONLY)
    ports, values = runtime().ports, body.model_dump(exclude_unset=True)
    task_id = values.pop("task_id", None)
    if task_id is not None:
        values = {**service.kept_values(get_task(task_id)), **values}
    row = service.create_own_template(ports, values)
    return jsonify(_out(row)), 201, {"Location": f"/api/gallery/own-{row.id}"}


@gallery.put("/gallery/own-<int:template_id>")
def replace(template_id: int) -> ResponseReturnValue:
    body = read_body(TemplateIn, TEMPLATE_ANSWERED_ONLY | {"task_id"})
    values = body.model_dump(exclude_unset=True)
    return jsonify(_out(service.update_own_template(runtime().ports, template_id, values)))


@gallery.delete("/gallery/own-<int:template_id>")
def delete(template_id: int) -> ResponseReturnValue:
    service.delete_own_template(template_id)
    return "", 204


def _out(row: PromptTemplate) -> dict[str, Any]:
    return template_out(own_template(row, ReaderWords().locale))
