"""What a task would send, before it is sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from ..domain.costs import estimate
from ..domain.errors import Invalid, TemplateError
from ..domain.prompts import LastRun, PromptContext
from ..extensions import db
from ..models import Task, find
from .checker import Checker
from .conversations import Turns, turns_of
from .parameter_rules import check_messages
from .ports import Ports
from .prompt_rules import check_prompt, check_secrets, explain_fault
from .prompt_secrets import masks
from .prompts import assemble, last_run
from .schedule_rules import check_timezone
from .task_rules import TEXT_LENGTH


@dataclass(frozen=True)
class PromptPreview:
    """What would be sent now. The values of secrets are not in it."""

    messages: list[dict[str, str]]
    tokens: int
    """About how many they are."""
    turns_sent: int | None = None
    turns_cut: int | None = None


def preview_prompt(ports: Ports, values: Mapping[str, Any]) -> PromptPreview:
    """What a task with these fields would send now; nothing is sent. Raises `Invalid`.

    `task_id` names the task whose last answer, secrets and conversation are taken.
    """
    session = db.session()
    task = find(session, Task, values.get("task_id"))
    stored = masks(task) if task else {}
    check = Checker(values)
    texts = {
        "system_message": check.text("system_message", TEXT_LENGTH, required=False) or None,
        "messages": check_messages(check),
        "message_content": check.text("message_content", TEXT_LENGTH),
    }
    columns = check_prompt(check, texts, stored)
    zone = ZoneInfo(check_timezone(check, ports.default_timezone))
    secrets = check.merge(lambda: {"of": check_secrets(values, stored)}).get("of")
    check.done()
    now = ports.clock.now()
    context = PromptContext(
        now=now,
        scheduled_for=task.next_run_at if task and task.next_run_at else now,
        zone=zone,
        language=columns["language"],
        task_name=str(values.get("name") or (task.name if task else "")),
        variables=columns["variables"] or {},
        # Their values are of no use here: what is shown has only their names.
        secrets=dict.fromkeys(stored if secrets is None else secrets, ""),
        last=last_run(session, task.id, texts) if task else LastRun(),
    )
    turns = Turns()
    if columns["conversation_turns"]:
        turns = turns_of(
            session,
            task.id if task else None,
            columns["conversation_turns"],
            columns["conversation_tokens"],
            task.conversation_after if task else None,
        )
    session.commit()
    try:
        made = assemble(texts, context, turns, now)
    except TemplateError as error:
        raise Invalid({error.field or "message_content": [explain_fault(error)]}) from error
    shown = list(made.stored_messages)
    tokens = estimate([message["content"] for message in shown])
    return PromptPreview(shown, tokens, turns.sent, turns.cut)
