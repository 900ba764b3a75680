"""A task goes on and off, pauses and resumes. What was due until then is written by how it was."""

from __future__ import annotations

from datetime import datetime

from flask_babel import gettext as _

from ..domain.errors import Invalid
from ..models import Task, bump_revision, write_transaction
from .endings import skip_waiting
from .lookup import existing_task
from .occurrences import settle_task
from .ports import Ports


def set_enabled(ports: Ports, task_id: int, enabled: bool) -> Task:
    """Switch a task on or off. Nothing else of it is looked at: one that could not be saved as it is,
    because a rule has become stricter since, can still be stopped."""
    with write_transaction() as session:
        task = existing_task(session, task_id)
        now = ports.clock.now()
        settle_task(session, task, now, ports.zone)
        task.preflight_at = task.preflight_reason = task.preflight_message = None
        if task.enabled != enabled:
            task.enabled = enabled
            begin_schedule(ports, task)
        task.updated_at = now
        bump_revision(session)
    ports.wake()
    return task


def pause_task(ports: Ports, task_id: int, until: datetime | None = None) -> Task:
    """Let nothing run on schedule from now on, until `until` or until it is resumed.

    What comes due meanwhile is skipped, in one row that says how many. A longer or shorter pause
    replaces one that is under way.
    """
    with write_transaction() as session:
        task = existing_task(session, task_id)
        now = ports.clock.now()
        if until is not None and until <= now:
            raise Invalid({"until": [_("This must be in the future.")]})
        settle_task(session, task, now, ports.zone)
        if not task.is_paused(now):
            task.paused_at = now
        task.paused_until, task.paused_reason = until, None
        skip_waiting(session, task.id, now, ports.zone)
        task.updated_at = now
        bump_revision(session)
    ports.wake()
    return task


def resume_task(ports: Ports, task_id: int) -> Task:
    """End a pause. What came due meanwhile stays skipped."""
    with write_transaction() as session:
        task = existing_task(session, task_id)
        now = ports.clock.now()
        settle_task(session, task, now, ports.zone)
        task.paused_at = task.paused_until = task.paused_reason = None
        task.failures_in_a_row = 0
        task.updated_at = now
        bump_revision(session)
    ports.wake()
    return task


def begin_schedule(ports: Ports, task: Task) -> None:
    """Inside the caller's transaction: a schedule that is new, or on again, counts from now. On the
    second, so that intervals are due on whole ones."""
    task.anchor_at = whole_second(ports)
    set_cursor(task, ports.clock.now())


def set_cursor(task: Task, now: datetime) -> None:
    """What is due next, strictly after `now`."""
    task.next_run_at = next(task.schedule.after(now), None) if task.enabled else None


def whole_second(ports: Ports) -> datetime:
    """Now, on the second: so that intervals are due on whole seconds."""
    return ports.clock.now().replace(microsecond=0)
