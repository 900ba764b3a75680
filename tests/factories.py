"""Rows, made as the services make them. Every value has a default; a test names what it is about.

Call these inside an app context (the fixture `in_app`, or `with app.app_context()`).
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import insert

from autoai.domain.retries import RetryRules
from autoai.domain.runs import ACTIVE
from autoai.extensions import db
from autoai.models import Account, Attempt, Run, RunText, Task, UsageTotal, write_transaction
from autoai.runtime import runtime
from autoai.services import runs
from autoai.services.accounts import create_account
from autoai.services.connections import TASK_KEY, StoredConnection
from autoai.services.ports import Ports
from autoai.services.run_orders import RunOrder
from autoai.services.statistics import Ending, count_endings
from autoai.services.tasks import create_task

from .fakes import START

KEY = "sk-test-0123456789abcdef"
MASK = "sk-…cdef"


def task_values(**changes: Any) -> dict[str, Any]:
    """A valid task as the API takes it: every minute, no key."""
    values: dict[str, Any] = {
        "name": "Morning news",
        "api_endpoint": "http://127.0.0.1:9/v1",
        "model": "m-1",
        "message_content": "What is new?",
        "schedule_type": "interval",
        "interval_seconds": 60,
        "timezone": "UTC",
    }
    return {name: value for name, value in {**values, **changes}.items() if value is not ...}


def make_task(ports: Ports, **changes: Any) -> Task:
    """A stored task; `field=...` (an ellipsis) leaves a field out."""
    return create_task(ports, task_values(**changes))


def account_values(**changes: Any) -> dict[str, Any]:
    """A valid account as the API takes it."""
    values: dict[str, Any] = {
        "name": "Work",
        "api_endpoint": "http://127.0.0.1:9/v1",
        "api_key": KEY,
        "default_model": "m-1",
    }
    return {name: value for name, value in {**values, **changes}.items() if value is not ...}


def make_account(ports: Ports, **changes: Any) -> Account:
    """A stored account; `field=...` (an ellipsis) leaves a field out."""
    return create_account(ports, account_values(**changes))


def make_run(task: Task, due_at: datetime, **changes: Any) -> int:
    """A row of the ledger, by default a success of the schedule; its id.

    `texts` and `attempt_list` (lists of columns) go into the tables beside it.
    """
    texts = changes.pop("texts", None)
    attempts = changes.pop("attempt_list", [])
    values = {
        "task_id": task.id,
        "source": "schedule",
        "scheduled_for": due_at,
        "due_at": due_at,
        "queued_at": due_at,
        "started_at": due_at,
        "finished_at": due_at,
        "status": "success",
        "verdict": "ok" if changes.get("status", "success") == "success" else None,
        "model": task.model,
        **changes,
    }
    with write_transaction() as session:
        run_id = session.execute(insert(Run).values(values).returning(Run.id)).scalar_one()
        if texts is not None:
            session.execute(insert(RunText).values(run_id=run_id, **texts))
        for columns in attempts:
            session.execute(insert(Attempt).values(run_id=run_id, **columns))
        if values["status"] not in ACTIVE:
            zone = ZoneInfo(runtime().settings.timezone)
            count_endings(session, zone, [_ending(values)])
    return run_id


def _ending(values: dict[str, Any]) -> Ending:
    degraded = values["verdict"] == "degraded"
    names = ("task_id", "due_at", "status", "started_at", "finished_at")
    more = {
        n: values[n]
        for n in ("occurrences", "input_tokens", "output_tokens", "cost")
        if n in values
    }
    return Ending(**{name: values[name] for name in names}, **more, degraded=degraded)


def make_used(
    day: date, task_id: int, account_id: int = 0, model: str = "m-1", **figures: Any
) -> None:
    """A day's total of what was used; money may be text."""
    known = {n: Decimal(v) if isinstance(v, str) else v for n, v in figures.items()}
    lane = {"day": day, "task_id": task_id, "account_id": account_id, "model": model}
    with write_transaction() as session:
        session.execute(insert(UsageTotal).values(**lane, **known))


def make_order(run_id: int = 1, **changes: Any) -> RunOrder:
    """What a claimed run is told to do. `connection` takes the columns of a `StoredConnection`."""
    connection = {
        "provider": "openai",
        "endpoint": "http://127.0.0.1:9/v1",
        "secret_id": "row",
        "key_purpose": TASK_KEY,
        "limit_key": "http://127.0.0.1:9/v1",
        **changes.pop("connection", {}),
    }
    values = {
        "run_id": run_id,
        "task_id": 1,
        "connection": StoredConnection(**connection),
        "model": "m-1",
        "messages": [{"role": "user", "content": "Hello"}],
        "timeout": 30,
        "retry_rules": RetryRules(),
        "due_at": START,
        **changes,
    }
    return RunOrder(**values)


def run_now(ports: Ports, task_id: int) -> Run:
    """A run by hand, as its row; no transaction is left open."""
    run = db.session.get_one(Run, runs.run_now(ports, task_id), populate_existing=True)
    db.session.commit()
    return run
