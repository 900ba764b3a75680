"""Prompts that a person keeps for new tasks: keep, change, delete."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import delete, func, select

from ..domain.errors import Conflict, NotFound
from ..extensions import db
from ..models import DbSession, PromptTemplate, Task, find, write_transaction
from .checker import Checker
from .parameter_rules import check_messages
from .ports import Ports
from .prompt_rules import check_variables
from .publishing import texts_of
from .task_rules import NAME_LENGTH, TEXT_LENGTH

DESCRIPTION_LENGTH = 500
MOST = 500
"""All of them are shown on one page."""


def get_own_template(template_id: int) -> PromptTemplate:
    """The row; `NotFound` where there is none."""
    return _existing(db.session(), template_id)


def create_own_template(ports: Ports, values: Mapping[str, Any]) -> PromptTemplate:
    """Validate `values` (name, description, texts, variables) and store them."""
    columns = _checked(values)
    now = ports.clock.now()
    with write_transaction() as session:
        if (session.scalar(select(func.count()).select_from(PromptTemplate)) or 0) >= MOST:
            raise Conflict(_("At most %(count)s templates of your own.", count=MOST))
        template = PromptTemplate(created_at=now, updated_at=now, **columns)
        session.add(template)
    return template


def update_own_template(
    ports: Ports, template_id: int, values: Mapping[str, Any]
) -> PromptTemplate:
    """Replace what is stored. Tasks that began with it stay as they are."""
    columns = _checked(values)
    with write_transaction() as session:
        template = _existing(session, template_id)
        for field, value in columns.items():
            setattr(template, field, value)
        template.updated_at = ports.clock.now()
    return template


def delete_own_template(template_id: int) -> None:
    """Delete it. Tasks that began with it stay as they are."""
    with write_transaction() as session:
        _existing(session, template_id)
        session.execute(delete(PromptTemplate).where(PromptTemplate.id == template_id))


def keep_task(ports: Ports, task: Task) -> PromptTemplate:
    """Keep what a task sends under the task's name."""
    return create_own_template(ports, kept_values(task))


def kept_values(task: Task) -> dict[str, Any]:
    """What is kept of a task: its name, its texts and its variables."""
    return {"name": task.name, **texts_of(task), "variables": task.variables or {}}


def template_values(template: PromptTemplate) -> dict[str, Any]:
    """A stored one as input again."""
    return {
        "name": template.name,
        "description": template.description,
        **texts_of(template),
        "variables": template.variables or {},
    }


def _checked(values: Mapping[str, Any]) -> dict[str, Any]:
    """The columns. Whether the texts are good templates is seen where a task is made of them: there
    is known which secrets it has."""
    check = Checker(values)
    columns = {
        "name": check.line("name", NAME_LENGTH),
        "description": check.text("description", DESCRIPTION_LENGTH, required=False).strip()
        or None,
        "system_message": check.text("system_message", TEXT_LENGTH, required=False) or None,
        "messages": check_messages(check),
        "message_content": check.text("message_content", TEXT_LENGTH),
        "variables": check_variables(check),
    }
    check.done()
    return columns


def _existing(session: DbSession, template_id: int) -> PromptTemplate:
    template = find(session, PromptTemplate, template_id)
    if template is None:
        raise NotFound(_("There is no template %(id)s.", id=template_id))
    return template
