"""What comes next, held against a walk through every schedule. Now is Monday, 2 March 2026, 12:00 UTC."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import takewhile
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event, select

from autoai.domain.schedules import free_of
from autoai.extensions import db
from autoai.models import Task, make_blackouts
from autoai.queries import upcoming as module
from autoai.queries.upcoming import AHEAD, FEW, Upcoming, upcoming
from autoai.services.accounts import set_enabled
from autoai.services.ports import Ports
from autoai.services.task_switches import pause_task, resume_task

from ..factories import make_account, make_task
from ..fakes import START, FakeClock

NIGHT = [{"from": "22:00", "to": "06:30"}]
FIXED = {"schedule_type": "fixed_time", "interval_seconds": ...}
CRON = {"schedule_type": "cron", "interval_seconds": ...}
KINDS: list[dict[str, Any]] = [
    {"interval_seconds": 4 * 3600},
    {"interval_seconds": 4 * 3600, "blackouts": NIGHT, "timezone": "Asia/Shanghai"},
    {"interval_seconds": 300},
    {"interval_seconds": 20, "blackouts": NIGHT},
    {"interval_seconds": 20, "blackouts": [{"from": "11:00", "to": "10:59"}]},
    {"interval_seconds": 5 * 86_400},
    {"interval_seconds": 3600, "jitter_seconds": 3600},
    {"interval_seconds": 5 * 3600, "jitter_seconds": 4000},
    {**FIXED, "fixed_time": ["07:30", "12:00", "12:01"], "timezone": "Europe/Berlin"},
    {**FIXED, "fixed_time": "09:00", "weekdays": ["wed"]},
    {**FIXED, "fixed_time": "09:00", "weekdays": ["tue"], "blackouts": NIGHT},
    {**CRON, "cron": "*/15 8-9 * * *", "timezone": "America/New_York"},
    {**CRON, "cron": "0 */5 * * *"},
    {"schedule_type": "once", "interval_seconds": ..., "once_at": "2026-03-02T20:00:00Z"},
    {"schedule_type": "once", "interval_seconds": ..., "once_at": "2026-03-09T20:00:00Z"},
    {"schedule_type": "manual", "interval_seconds": ...},
    {"interval_seconds": 3 * 3600, "ends_at": "2026-03-02T19:00:00Z"},
    {"interval_seconds": 600, "starts_at": "2026-03-03T11:30:00Z"},
]


def walked(now: datetime) -> tuple[list[tuple[datetime, int]], dict[int, tuple[datetime, int]]]:
    """The single moments and the frequent tasks, from every instant of every schedule."""
    moments, frequent = [], {}
    for task in db.session.scalars(select(Task).where(Task.enabled)):
        if task.account is not None and not task.account.enabled:
            continue
        if task.next_run_at is None or (task.is_paused(now) and task.paused_until is None):
            continue
        start = max(task.next_run_at, task.paused_until or task.next_run_at)
        instants = task.schedule.after(start - timedelta(microseconds=1))
        blackouts = make_blackouts(task.blackouts, task.zone)
        a_day = takewhile(lambda t, start=start: t < start + AHEAD, instants)  # type: ignore[misc]
        due = list(free_of(a_day, blackouts))
        if len(due) > FEW:
            frequent[task.id] = (min(task.due_at(t) for t in due[: FEW + 1]), len(due))
        else:
            moments += [(task.due_at(t), task.id) for t in due if task.due_at(t) < now + AHEAD]
    return sorted(moments), frequent


def check(now: datetime, found: Upcoming) -> None:
    moments, frequent = walked(now)
    assert [(moment.at, moment.task_id) for moment in found.moments] == moments
    soon = {i: f for i, f in frequent.items() if f[0] < now + AHEAD + timedelta(hours=2)}
    assert {task.task_id: (task.first, task.times) for task in found.frequent} == soon


def test_nothing_is_due(in_app: Flask, ports: Ports) -> None:
    assert upcoming(START) == Upcoming([], [], False)
    make_task(ports, schedule_type="manual", interval_seconds=...)
    make_task(ports, enabled=False)
    assert upcoming(START).nothing


def test_it_is_what_the_schedules_say(in_app: Flask, ports: Ports, clock: FakeClock) -> None:
    tasks = [make_task(ports, name=str(n), **kind).id for n, kind in enumerate(KINDS)]
    check(clock.now(), upcoming(clock.now(), 500, 100))
    pause_task(ports, tasks[0])
    pause_task(ports, tasks[1], START + timedelta(hours=6))
    pause_task(ports, tasks[2], START + timedelta(hours=20))
    pause_task(ports, tasks[3], START + timedelta(days=3))
    pause_task(ports, tasks[8], START + timedelta(hours=1))
    resume_task(ports, tasks[8])
    check(clock.now(), upcoming(clock.now(), 500, 100))


def test_the_soonest_are_shown(in_app: Flask, ports: Ports) -> None:
    for n in range(3):
        make_task(ports, name=str(n), interval_seconds=4 * 3600 + n)
        make_task(ports, name=str(n), interval_seconds=60 + n)
    whole = upcoming(START)
    assert (len(whole.moments), len(whole.frequent), whole.more) == (15, 3, False)
    some = upcoming(START, most=4, most_frequent=2)
    assert some == Upcoming(whole.moments[:4], whole.frequent[:2], True)


def test_a_switched_off_account_and_one_that_is_on_again(in_app: Flask, ports: Ports) -> None:
    account = make_account(ports).id
    through = {"account_id": account, "api_endpoint": ..., "model": ...}
    make_task(ports, interval_seconds=12 * 3600, **through)
    assert len(upcoming(START).moments) == 1
    set_enabled(ports, account, False)
    assert upcoming(START).nothing
    set_enabled(ports, account, True)
    assert len(upcoming(START).moments) == 1


def test_of_very_many_only_the_first_are_looked_at(
    in_app: Flask, ports: Ports, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And it says so: what it tells is whole up to where the others begin."""
    monkeypatch.setattr(module, "_LOOKED", 5)
    for n in range(9):
        make_task(ports, name=str(n), interval_seconds=5 * 3600 + 1200 * n)
    found, moments = upcoming(START), walked(START)[0]
    assert found.more
    assert [(m.at, m.task_id) for m in found.moments] == moments[: len(found.moments)]
    assert len(found.moments) == 5
    statements: list[str] = []
    event.listen(db.engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    upcoming(START)
    assert len(statements) == 1, statements


def test_it_goes_on_while_nothing_looks(in_app: Flask, ports: Ports, clock: FakeClock) -> None:
    """A cursor that stands in the past, because the scheduler is away, hides nothing."""
    task = make_task(ports, interval_seconds=4 * 3600)
    clock.step(hours=9)
    due = [moment.at - START for moment in upcoming(clock.now()).moments]
    assert due == [timedelta(hours=hours) for hours in (12, 16, 20, 24, 28, 32)]
    assert upcoming(clock.now()).moments[0].task_id == task.id
