"""Create, change, switch, copy, delete and run tasks. Any change reaches the scheduler at once."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import delete, func, select

from ..domain.errors import Conflict, Invalid, KeyUnreadable, NotFound
from ..domain.schedules import Schedule
from ..extensions import db
from ..models import DbSession, Run, Task, bump_revision, make_schedule, write_transaction
from ..security.encryption import mask
from .execute_run import KEY_PURPOSE
from .occurrences import queue_manual_run, settle_task
from .ports import Ports
from .task_rules import INTERVAL_UNITS, check_key, check_schedule, check_task

_LARGEST_ID = 2**63 - 1
_RULE = ("schedule_type", "interval_seconds", "fixed_time", "timezone")
_COPIED = (
    "name",
    "api_endpoint",
    "model",
    "system_message",
    "message_content",
    *_RULE,
    "timeout_seconds",
    "max_attempts",
    "retry_network",
    "retry_statuses",
    "enabled",
)
"""The fields that a person sets, apart from the key."""


def get_task(task_id: int) -> Task:
    """The task; `NotFound` where there is none."""
    task = db.session.get(Task, task_id) if 0 < task_id <= _LARGEST_ID else None
    if task is None:
        raise NotFound(_("There is no task %(id)s.", id=task_id))
    return task


def task_fields(task: Task) -> dict[str, Any]:
    """The fields of a stored task as input again, without its key."""
    return {field: getattr(task, field) for field in _COPIED}


def create_task(ports: Ports, values: Mapping[str, Any]) -> Task:
    """Validate `values` (fields of the API's task) and store a new task."""
    columns, key = _checked(ports, values)
    now = _whole_second(ports)
    task = Task(
        **columns, secret_id=secrets.token_hex(16), anchor_at=now, created_at=now, updated_at=now
    )
    _store_key(ports, task, key)
    _set_cursor(task, now)
    with write_transaction() as session:
        session.add(task)
        bump_revision(session)
    ports.wake()
    return task


def update_task(ports: Ports, task_id: int, values: Mapping[str, Any], *, partial: bool) -> Task:
    """Change a task. With `partial`, fields that are absent keep their value; else they get their
    default. The key is kept where it is absent, empty, or the mask itself.

    What was due up to now is written by the old rule before the new one counts.
    """
    current = get_task(task_id)
    if partial:
        values = {**_without_replaced_interval(task_fields(current), values), **values}
    key_given = values.get("api_key")
    if key_given is not None and str(key_given).strip() in ("", current.api_key_mask):
        values = {**values, "api_key": None}
    columns, key = _checked(ports, values)
    with write_transaction() as session:
        task = _reload(session, task_id)
        now = ports.clock.now()
        settle_task(session, task, now)
        session.refresh(task)
        renewed = any(columns[field] != getattr(task, field) for field in (*_RULE, "enabled"))
        for field, value in columns.items():
            setattr(task, field, value)
        if key is not None:
            _store_key(ports, task, key)
        if renewed:
            task.anchor_at = _whole_second(ports)
            _set_cursor(task, now)
        task.updated_at = now
        bump_revision(session)
    ports.wake()
    return task


def set_enabled(ports: Ports, task_id: int, enabled: bool) -> Task:
    """Switch a task on or off."""
    return update_task(ports, task_id, {"enabled": enabled}, partial=True)


def duplicate_task(ports: Ports, task_id: int) -> Task:
    """A switched-off copy with the same key, so that it can be looked over before it runs."""
    original = get_task(task_id)
    now = _whole_second(ports)
    name = _("%(name)s (copy)", name=original.name[:180])
    copy = Task(
        **{**task_fields(original), "name": name, "enabled": False},
        secret_id=secrets.token_hex(16),
        anchor_at=now,
        created_at=now,
        updated_at=now,
    )
    if original.api_key_encrypted is not None:
        try:
            key = ports.keyring.decrypt(original.api_key_encrypted, original.secret_id, KEY_PURPOSE)
        except KeyUnreadable as error:
            raise Conflict(_key_unreadable()) from error
        _store_key(ports, copy, key)
    with write_transaction() as session:
        session.add(copy)
        bump_revision(session)
    return copy


def count_runs(task_id: int) -> int:
    """How many rows of the ledger would go with the task."""
    return db.session.scalar(select(func.count()).where(Run.task_id == task_id)) or 0


def delete_task(ports: Ports, task_id: int) -> None:
    """Delete a task and its runs. An answer that is still under way is not recorded any more."""
    get_task(task_id)
    with write_transaction() as session:
        session.execute(delete(Task).where(Task.id == task_id))
        bump_revision(session)
    ports.wake()


def run_now(ports: Ports, task_id: int) -> Run:
    """Queue a run by hand, also of a task that is switched off."""
    with write_transaction() as session:
        task = _reload(session, task_id)
        run = session.get_one(Run, queue_manual_run(session, task, ports.clock.now()))
        bump_revision(session)
    ports.wake()
    return run


def preview_schedule(ports: Ports, values: Mapping[str, Any]) -> tuple[Schedule, datetime]:
    """A schedule that is not stored yet, as if it were created now, and that moment."""
    columns = check_schedule(values, ports.default_timezone)
    now = _whole_second(ports)
    return make_schedule(**columns, anchor=now), now


def _checked(ports: Ports, values: Mapping[str, Any]) -> tuple[dict[str, Any], str | None]:
    """Columns and the new key, None where the present one is kept. All errors at once."""
    errors: dict[str, list[str]] = {}
    columns: dict[str, Any] = {}
    key = None
    try:
        columns = check_task(values, ports.default_timezone, ports.default_timeout)
    except Invalid as error:
        errors.update(error.errors)
    try:
        key = check_key(str(values["api_key"])) if values.get("api_key") else None
        if key and not ports.keyring.readable:
            raise Invalid({"api_key": [_key_unreadable()]})
    except Invalid as error:
        errors.update(error.errors)
    if errors:
        raise Invalid(errors)
    return columns, key


def _key_unreadable() -> str:
    return _(
        "The stored keys were encrypted with another ENCRYPTION_KEY."
        " Bring that one back before you store or copy keys."
    )


def _store_key(ports: Ports, task: Task, key: str | None) -> None:
    if key:
        ports.redactor.learn(key)
        task.api_key_encrypted = ports.keyring.encrypt(key, task.secret_id, KEY_PURPOSE)
        task.api_key_mask = mask(key)


def _set_cursor(task: Task, now: datetime) -> None:
    task.next_run_at = next(task.schedule.after(now)) if task.enabled else None


def _reload(session: DbSession, task_id: int) -> Task:
    task = None
    if 0 < task_id <= _LARGEST_ID:
        task = session.get(Task, task_id, populate_existing=True)
    if task is None:
        raise NotFound(_("There is no task %(id)s.", id=task_id))
    return task


def _without_replaced_interval(stored: dict[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """A new interval in any unit replaces the stored one, which is in seconds."""
    if any(values.get(unit) is not None for unit in INTERVAL_UNITS):
        return {**stored, "interval_seconds": None}
    return stored


def _whole_second(ports: Ports) -> datetime:
    """Now, on the second: so that intervals are due on whole seconds."""
    return ports.clock.now().replace(microsecond=0)
