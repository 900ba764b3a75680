"""Create, change, copy and delete tasks. Any change reaches the scheduler at once."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from flask_babel import gettext as _
from sqlalchemy import Select, func, select

from ..domain.errors import Conflict, Invalid, KeyUnreadable
from ..domain.runs import Status
from ..domain.schedules import Blackout, Schedule
from ..extensions import db
from ..models import (
    RULE_COLUMNS,
    Run,
    Task,
    TaskTag,
    bump_revision,
    find,
    make_blackouts,
    make_schedule,
    of_tasks,
    uncascaded_transaction,
    write_transaction,
)
from ..security.encryption import mask
from .baselines import watch_anew, watch_of
from .budgets import settle_waiting
from .checker import Checker
from .connection_rules import key_unreadable
from .connections import TASK_KEY
from .leftovers import detach_task, remove_leftovers
from .lookup import existing_task
from .occurrences import settle_task
from .ports import Ports
from .prompt_rules import check_secrets
from .prompt_secrets import masks, open_secrets, store_secrets
from .publishing import TEXTS, publish, publish_first, put_draft, texts_of
from .schedule_rules import check_schedule
from .stored_keys import KeyChange, Stored, check_key_change
from .task_fields import changed_fields, task_fields
from .task_rules import check_task
from .task_switches import begin_schedule, set_cursor, set_enabled, whole_second


@dataclass(frozen=True)
class DraftSchedule:
    """A schedule that is not stored yet, as if its task were created at `now`."""

    schedule: Schedule
    blackouts: list[Blackout]
    timezone: str
    jitter_seconds: int
    now: datetime


def get_task(task_id: int) -> Task:
    """The task; `NotFound` where there is none."""
    return existing_task(db.session(), task_id)


def find_task(task_id: object) -> Task | None:
    """The task, or None for what is no id of one."""
    return find(db.session(), Task, task_id)


def create_task(ports: Ports, values: Mapping[str, Any]) -> Task:
    """Validate `values` (fields of the API's task) and store a new task."""
    columns, key, wanted = _checked(ports, values)
    now = whole_second(ports)
    task = _new_task(columns, now)
    _refuse_if_over(task, now)
    _store_key(ports, task, key.new)
    store_secrets(ports, task, wanted)
    set_cursor(task, now)
    with write_transaction() as session:
        session.add(task)
        publish_first(session, task, now)
        bump_revision(session)
    ports.wake()
    return task


def update_task(
    ports: Ports,
    task_id: int,
    values: Mapping[str, Any],
    *,
    partial: bool,
    as_draft: bool = False,
    restored_from: int | None = None,
    replaces_draft: bool = True,
) -> Task:
    """Change a task. With `partial`, fields that are absent keep their value; else they get their
    default. What becomes of the key is said in `stored_keys`. A secret that is named without a value
    is kept, and all of them where none is named.

    What was due up to now is written by the old rule before the new one counts. Other texts are a
    new version, in the place of any draft; `restored_from` is the older one that they come from,
    which leaves the draft alone; so do the live texts themselves where they only came along, and
    not `replaces_draft`. `as_draft`: the texts wait in the draft, all else counts at once.
    """
    if partial and set(values) == {"enabled"}:
        return set_enabled(ports, task_id, _enabled(values))
    with write_transaction() as session:
        task = existing_task(session, task_id)
        texts = texts_of(task)
        keep_draft = restored_from is not None or not any(field in values for field in TEXTS)
        if partial:
            values = changed_fields(task, values)
        if str(values.get("api_key") or "").strip() == (task.api_key_mask or ""):
            values = {**values, "api_key": None}
        columns, key, wanted = _checked(ports, values, task)
        drafted = {field: columns[field] for field in TEXTS}
        keep_draft = keep_draft or (drafted == texts and not replaces_draft)
        if as_draft:
            columns, key, wanted = _checked_live(ports, {**values, **texts}, task)
        now = ports.clock.now()
        settle_task(session, task, now, ports.zone)
        renewed = any(
            columns[field] != getattr(task, field) for field in (*RULE_COLUMNS, "enabled")
        )
        watched = watch_of(task)
        _set_columns(task, columns)
        watch_anew(session, task, watched)
        if as_draft:
            put_draft(session, task, drafted, now)
        else:
            publish(session, task, texts, now, keep_draft=keep_draft, restored_from=restored_from)
        store_secrets(ports, task, wanted)
        _store_key(ports, task, key.new)
        if key.removes or task.account_id is not None:
            task.api_key_encrypted = task.api_key_mask = None
        task.preflight_at = task.preflight_reason = task.preflight_message = None
        if renewed:
            begin_schedule(ports, task)
        task.updated_at = now
        bump_revision(session)
    ports.wake()
    return task


def _enabled(values: Mapping[str, Any]) -> bool:
    check = Checker(values)
    enabled = check.flag("enabled", True)
    check.done()
    return enabled


def duplicate_task(ports: Ports, task_id: int) -> Task:
    """A switched-off copy with the same key and secrets, so that it can be looked over before it runs."""
    original = get_task(task_id)
    name = _("%(name)s (copy)", name=original.name[:180])
    values = {**task_fields(original), "name": name, "enabled": False}
    columns = check_task(values, ports.default_timezone, ports.default_timeout, masks(original))
    copy = _new_task(columns, whole_second(ports))
    try:
        if original.api_key_encrypted is not None:
            key = ports.keyring.decrypt(original.api_key_encrypted, original.secret_id, TASK_KEY)
            _store_key(ports, copy, key)
        store_secrets(ports, copy, open_secrets(ports, original))
    except KeyUnreadable as error:
        raise Conflict(key_unreadable()) from error
    with write_transaction() as session:
        session.add(copy)
        publish_first(session, copy, copy.created_at)
        bump_revision(session)
    return copy


def count_runs(task_id: int) -> int:
    """How many rows of the ledger would go with the task."""
    return db.session.scalar(select(func.count()).where(Run.task_id == task_id)) or 0


def delete_task(ports: Ports, task_id: int) -> None:
    """Delete a task. Its runs go with it, hundreds at once and more of them soon afterwards. Calls that
    are under way are ended: nobody would read the answers."""
    with uncascaded_transaction() as session:
        task = existing_task(session, task_id)
        under_way = session.scalars(_of_task(task, Status.RUNNING)).all()
        # What they hold of a budget is for attempts that will never be.
        settle_waiting(session, session.scalars(_of_task(task, Status.QUEUED)).all())
        session.flush()
        detach_task(session, task.id)
        bump_revision(session)
    remove_leftovers(ports.zone)
    for run_id in under_way:
        ports.cancel(run_id)
    ports.wake()


def _of_task(task: Task, status: Status) -> Select[int]:
    """Its runs under way: those that have begun."""
    return select(Run.id).where(
        of_tasks(task.id), Run.status == status, Run.started_at.is_not(None)
    )


def unsaved_task(ports: Ports, values: Mapping[str, Any]) -> Task:
    """A task of these fields that is not stored. Raises `Invalid`."""
    columns = check_task(values, ports.default_timezone, ports.default_timeout)
    return _new_task(columns, whole_second(ports))


def draft_schedule(
    ports: Ports, values: Mapping[str, Any], task: Task | None = None
) -> DraftSchedule:
    """A schedule that is being typed, as saving it would make it. Raises `Invalid`.

    `task` is the one being edited: while its rule stays the same, its instants do too.
    """
    columns = check_schedule(values, ports.default_timezone)
    now = whole_second(ports)
    kept = task is not None and task.enabled
    kept = kept and all(columns[name] == getattr(task, name) for name in RULE_COLUMNS)
    return DraftSchedule(
        task.schedule if task is not None and kept else make_schedule(columns, now),
        make_blackouts(columns["blackouts"], ZoneInfo(columns["timezone"])),
        columns["timezone"],
        columns["jitter_seconds"],
        now,
    )


def _new_task(columns: dict[str, Any], now: datetime) -> Task:
    task = Task(secret_id=secrets.token_hex(16), anchor_at=now, created_at=now, updated_at=now)
    _set_columns(task, columns)
    return task


def _set_columns(task: Task, columns: dict[str, Any]) -> None:
    for field, value in columns.items():
        if field == "tags":
            task.tag_rows = [row for row in task.tag_rows if row.tag in value] + [
                TaskTag(tag=tag) for tag in value if tag not in task.tags
            ]
        else:
            setattr(task, field, value)


def _refuse_if_over(task: Task, now: datetime) -> None:
    """A new task whose only time, or whose end, has passed is a mistake."""
    if task.once_at is not None and task.once_at <= now:
        raise Invalid({"once_at": [_("This must be in the future.")]})
    if task.ends_at is not None and task.ends_at <= now:
        raise Invalid({"ends_at": [_("This must be in the future.")]})


def _checked(
    ports: Ports, values: Mapping[str, Any], task: Task | None = None
) -> tuple[dict[str, Any], KeyChange, dict[str, str | None] | None]:
    """Columns, what becomes of the key, and the new secrets, None where they are kept. All errors at
    once. `task` is the one being changed."""
    stored = masks(task) if task else {}
    errors: dict[str, list[str]] = {}
    columns: dict[str, Any] = {}
    key, wanted = KeyChange(), None
    try:
        columns = check_task(values, ports.default_timezone, ports.default_timeout, stored)
    except Invalid as error:
        errors.update(error.errors)
    try:
        key = check_key_change(ports, values, stored_of(task) if task else None)
    except Invalid as error:
        errors.update(error.errors)
    try:
        wanted = check_secrets(values, stored)
        if wanted and any(wanted.values()) and not ports.keyring.readable:
            raise Invalid({"secrets": [key_unreadable()]})
    except Invalid as error:
        errors.update(error.errors)
    if errors:
        raise Invalid(errors)
    return columns, key, wanted


def stored_of(task: Task) -> Stored:
    """What its endpoint has been entrusted with."""
    return Stored(task.api_endpoint or "", task.api_key_mask)


def _checked_live(
    ports: Ports, values: Mapping[str, Any], task: Task
) -> tuple[dict[str, Any], KeyChange, dict[str, str | None] | None]:
    """The same with the texts that are live while others are drafted: the form does not show them,
    so what is wrong with them is said of the variables that they miss."""
    try:
        return _checked(ports, values, task)
    except Invalid as error:
        missing = " ".join(text for texts in error.errors.values() for text in texts)
        raise Invalid(
            {"variables": [_("The version that is live needs it: %(what)s", what=missing)]}
        ) from error


def _store_key(ports: Ports, task: Task, key: str | None) -> None:
    if key:
        ports.redactor.learn(key)
        task.api_key_encrypted = ports.keyring.encrypt(key, task.secret_id, TASK_KEY)
        task.api_key_mask = mask(key)
