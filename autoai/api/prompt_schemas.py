"""The shapes of versions of texts, and of prompts that are kept for new tasks."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict

from ..domain.changes import Row, Side
from ..models import PromptVersion
from ..services.comparing import Comparison
from ..services.gallery import Template
from ..services.publishing import TEXTS, texts_of
from .schemas import instant


class PromptIn(BaseModel):
    """A task's texts. Types only: what is valid, the service decides."""

    model_config = ConfigDict(strict=True, extra="forbid")

    system_message: str | None = None
    messages: list[dict[str, Any]] | None = None
    message_content: str | None = None


class TemplateIn(PromptIn):
    """A prompt that is kept; with `task_id`, what is absent is the task's."""

    name: str | None = None
    description: str | None = None
    variables: dict[str, Any] | None = None
    task_id: int | None = None


TEMPLATE_ANSWERED_ONLY = frozenset(
    {"id", "own", "category", "icon", "task", "created_at", "updated_at"}
)
"""Fields of a template that are answered; sent back, they are ignored."""


def template_out(template: Template) -> dict[str, Any]:
    """A prompt of the gallery. `task` is what a new task is sent with, beside where to ask."""
    row = template.own
    return {
        "id": template.id,
        "own": row is not None,
        "name": template.name,
        "description": template.description,
        "category": template.category,
        "icon": template.icon,
        **{field: template.fields.get(field) for field in TEXTS},
        "variables": dict(template.variables),
        "task": dict(template.fields),
        "created_at": instant(row.created_at) if row else None,
        "updated_at": instant(row.updated_at) if row else None,
    }


def version_out(version: PromptVersion, live: int) -> dict[str, Any]:
    """A version; `live` is the number of the one that is sent now."""
    return {
        "number": version.number,
        **texts_of(version),
        "created_at": instant(version.created_at),
        "published_at": instant(version.published_at),
        "restored_from": version.restored_from,
        "live": version.number == live,
        "draft": version.published_at is None,
    }


def comparison_out(found: Comparison) -> dict[str, Any]:
    """Two versions side by side, text by text."""
    return {
        "a": found.old.number,
        "b": found.new.number,
        "same": not found.parts,
        "parts": [
            {
                "field": part.field,
                "cut": part.difference.cut,
                "rows": [_row_out(row) for row in part.difference.rows],
            }
            for part in found.parts
        ],
    }


def _row_out(row: Row) -> dict[str, Any]:
    if row.kind == "gap":
        return {"kind": row.kind, "skipped": row.skipped}
    return {"kind": row.kind, "old": _side_out(row.old), "new": _side_out(row.new)}


def _side_out(side: Side | None) -> dict[str, Any] | None:
    """A line; its `pieces` joined are the text, the marked ones differ."""
    if side is None:
        return None
    pieces = [{"text": text, "marked": marked} for text, marked in side.pieces]
    return {"number": side.number, "pieces": pieces}
