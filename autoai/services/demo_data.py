"""Example tasks with a month of runs: to look at before there are own ones, and for screenshots.

Their ledgers are what their schedules would have made, with everything in them that can happen: good
answers and bad ones, failures, slow runs, what was missed, skipped, left out by a budget. All of it
asks the endpoint that it is given, by default the built-in echo, which costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from flask_babel import gettext as _
from sqlalchemy import func, insert, select, update

from ..domain.errors import Conflict
from ..domain.runs import Reason, Source, Status
from ..domain.verdicts import Verdict
from ..extensions import db
from ..models import InstanceState, Run, RunText, Task, bump_revision, write_transaction
from .ports import Ports
from .statistics import rebuild_totals
from .tasks import create_task

DAYS = 30
_CHUNK = 1_000
_OUTAGE = (timedelta(hours=31), timedelta(hours=28, minutes=20))
"""How long ago nothing looked for what was due."""

ANSWERS = (
    "Three things stand out this morning: the release went out on time, the queue is empty, and two"
    " customers asked for the same feature.",
    "Nothing unusual. All 14 checks passed; the slowest page took 1.2 seconds.",
    "## Summary\n\n- Orders are up by 4 %\n- Two refunds, both settled\n- Stock of *blue mugs* is low",
    "Guten Morgen! Heute ist es bewölkt bei 12 °C, am Nachmittag kommt die Sonne heraus.",
    '{"mood": "good", "score": 0.82, "topics": ["delivery", "price"]}',
    "今日一词：从容 (cóngróng), calm and unhurried. 他总是从容不迫。",
)
_MESSAGE = "Look at the figures of the last hours and say in three sentences what matters."


@dataclass(frozen=True)
class Example:
    """One task, and how its runs went. `bad` are (share, status, reason) by chance."""

    name: str
    model: str
    schedule: Mapping[str, Any]
    seconds: float = 2.5
    """What a run takes."""
    tokens: int = 900
    price: Decimal | None = Decimal("0.6")
    """Dollars for a million tokens; None is not known."""
    bad: Sequence[tuple[float, Status, Reason | None]] = ()
    last: Sequence[tuple[Status, Reason | None]] = ()
    """How the newest ones went, the newest first."""
    more: Mapping[str, Any] = field(default_factory=dict)


_NETWORK = (0.02, Status.FAILED, Reason.NEVER_SENT)
_SLOW = (0.02, Status.FAILED, Reason.TIMEOUT)
_CUT = (0.05, Status.SUCCESS, Reason.TRUNCATED)
_HOURS = {"schedule_type": "interval"}
_TIMES = {"schedule_type": "fixed_time"}

EXAMPLES = (
    Example("Morning briefing", "gpt-4o-mini", {**_TIMES, "fixed_time": "07:30"}, 6.5, 2600),
    Example(
        "Support inbox: what needs an answer",
        "claude-sonnet-4",
        {**_HOURS, "interval_seconds": 2 * 3600},
        4.2,
        3100,
        Decimal(6),
        (_CUT, _NETWORK),
        more={"tags": ["support"]},
    ),
    Example(
        "Is the shop's front page up to date?",
        "llama-3.3-70b",
        {**_HOURS, "interval_seconds": 15 * 60},
        0.9,
        420,
        bad=(_NETWORK, _SLOW, (0.004, Status.INTERRUPTED, Reason.SHUTDOWN)),
        more={"tags": ["shop", "watch"]},
    ),
    Example(
        "Translate the release notes",
        "deepseek-chat",
        {**_HOURS, "interval_seconds": 6 * 3600},
        11.0,
        4800,
        bad=((0.1, Status.FAILED, Reason.RATE_LIMITED),),
        last=[(Status.FAILED, Reason.RATE_LIMITED)] * 3,
    ),
    Example(
        "Mood of the reviews",
        "gpt-4o-mini",
        {**_HOURS, "interval_seconds": 3600},
        2.1,
        1200,
        bad=((0.08, Status.SUCCESS, Reason.SCHEMA_MISMATCH), _CUT, _SLOW),
        more={"tags": ["shop"], "token_budget_day": 40_000, "max_tokens": 1_000},
    ),
    Example("Nightly log digest", "qwen3:8b", {**_TIMES, "fixed_time": "02:15"}, 38.0, 7200, None),
    Example(
        "Competitor prices",
        "gpt-4.1",
        {"schedule_type": "cron", "cron": "0 8-18/2 * * mon-fri"},
        7.5,
        2200,
        Decimal(4),
        bad=((0.12, Status.SKIPPED, Reason.BUDGET), _CUT),
        more={"tags": ["watch"]},
    ),
    Example("Word of the day, 中文", "qwen3:8b", {**_TIMES, "fixed_time": "18:00"}, 3.3, 350, None),
    Example(
        "Health of the checkout",
        "gpt-4o-mini",
        {**_HOURS, "interval_seconds": 5 * 60},
        0.6,
        180,
        Decimal("0.3"),
        bad=((0.006, Status.FAILED, Reason.SERVER_ERROR), (0.01, Status.SKIPPED, Reason.OVERLAP)),
        more={"tags": ["shop", "watch"]},
    ),
    Example(
        "Weekly report",
        "gpt-4.1",
        {**_TIMES, "fixed_time": "16:00", "weekdays": ["fri"]},
        24.0,
        9800,
        Decimal(4),
    ),
)


def fill_demo(ports: Ports, endpoint: str, *, force: bool = False, seed: int = 7) -> int:
    """Make the examples; how many runs they have. The same `seed` gives the same month.

    Raises `Conflict` where there are tasks already, unless `force`: a ledger with invented runs in
    it is of no use to anybody who needs a true one.
    """
    own = select(InstanceState.demo_task_id).scalar_subquery()
    tasks = select(func.count()).select_from(Task).where(Task.id != func.coalesce(own, 0))
    if not force and db.session.scalar(tasks):
        raise Conflict(_("This instance has tasks of its own. Use an empty one, or --force."))
    chance, now, runs = Random(seed), ports.clock.now(), 0  # noqa: S311 - examples, no secrets
    for example in EXAMPLES:
        runs += _fill(ports, example, endpoint, now, chance)
    rebuild_totals(ports.zone)
    return runs


def _fill(ports: Ports, example: Example, endpoint: str, now: datetime, chance: Random) -> int:
    values = {
        "name": example.name,
        "api_endpoint": endpoint,
        "model": example.model,
        "message_content": _MESSAGE,
        "timezone": str(ports.zone),
        **example.schedule,
        **example.more,
    }
    task = create_task(ports, values)
    begin = (now - timedelta(days=DAYS)).replace(minute=0, second=0, microsecond=0)
    with write_transaction() as session:
        stored = session.get_one(Task, task.id)
        stored.created_at = stored.anchor_at = begin
        stored.next_run_at = next(stored.schedule.after(now), None)
        rows = list(_rows(stored, example, begin, now, ports.zone, chance))
        for start in range(0, len(rows), _CHUNK):
            ids = list(
                session.scalars(
                    insert(Run).returning(Run.id, sort_by_parameter_order=True),
                    [columns for columns, _texts in rows[start : start + _CHUNK]],
                )
            )
            texts = [text for _columns, text in rows[start : start + _CHUNK]]
            session.execute(
                insert(RunText),
                [{"run_id": n, **text} for n, text in zip(ids, texts, strict=True) if text],
            )
        newest = next((c for c, _t in reversed(rows) if c["finished_at"] is not None), None)
        if newest is not None:
            stored.last_run_at, stored.last_status = newest["started_at"], newest["status"]
            stored.last_verdict = newest["verdict"]
        session.execute(update(InstanceState).values(last_tick_at=now))
        bump_revision(session)
    return len(rows)


_Rows = Iterator[tuple[dict[str, Any], dict[str, Any] | None]]


def _rows(
    task: Task, example: Example, begin: datetime, now: datetime, zone: ZoneInfo, chance: Random
) -> _Rows:
    """What its schedule had from `begin` until now, as columns of the run and of its texts."""
    due = task.schedule.between(begin, now - timedelta(seconds=90), 20_000).newest
    for back, instant in zip(range(len(due) - 1, -1, -1), due, strict=True):
        if now - _OUTAGE[0] <= instant <= now - _OUTAGE[1]:
            yield _run(task, instant, Status.MISSED, Reason.DOWNTIME), None
            continue
        status, reason = _ending(example, back, chance)
        if status not in (Status.SUCCESS, Status.FAILED, Status.INTERRUPTED):
            yield _run(task, instant, status, reason), None
            continue
        yield _sent(task, example, instant, status, reason, zone, chance)


def _ending(example: Example, back: int, chance: Random) -> tuple[Status, Reason | None]:
    if back < len(example.last):
        return example.last[back]
    roll = chance.random()
    for share, status, reason in example.bad:
        roll -= share
        if roll < 0:
            return status, reason
    return Status.SUCCESS, None


def _sent(
    task: Task,
    example: Example,
    instant: datetime,
    status: Status,
    reason: Reason | None,
    zone: ZoneInfo,
    chance: Random,
) -> tuple[dict[str, Any], dict[str, Any]]:
    late = timedelta(milliseconds=chance.lognormvariate(3.2, 0.9))
    took = timedelta(seconds=example.seconds * chance.lognormvariate(0, 0.35))
    if reason in (Reason.TIMEOUT, Reason.SERVER_ERROR):
        took = timedelta(seconds=30 if reason == Reason.TIMEOUT else 1.4)
    good = status == Status.SUCCESS
    sent = round(example.tokens * chance.uniform(0.8, 1.2))
    received = round(sent * chance.uniform(0.1, 0.35))
    cost = None if example.price is None else example.price * (sent + 3 * received) / 10**6
    answer = chance.choice(ANSWERS)
    columns = (
        _run(task, instant, status, reason)
        | {
            "started_at": instant + late,
            "finished_at": instant + late + took,
            "verdict": None if not good else Verdict.DEGRADED if reason else Verdict.OK,
            "attempts": 1 if good else 2,
            "http_status": {Reason.RATE_LIMITED: 429, Reason.SERVER_ERROR: 502}.get(reason, 200)  # type: ignore[arg-type]
            if good or reason in (Reason.RATE_LIMITED, Reason.SERVER_ERROR)
            else None,
            "response_summary": answer[:200] if good else None,
            "error_summary": None if good else "The other side did not answer as it should.",
            "input_tokens": sent if good else None,
            "output_tokens": received if good else None,
            "cost": cost if good else None,
            "spending_day": (instant + late).astimezone(zone).date(),
            "prompt_version": 1,
        }
    )
    return columns, {
        "request_messages": [{"role": "user", "content": _MESSAGE}],
        "response_text": answer if good else None,
        "error_message": columns["error_summary"],
    }


def _run(task: Task, instant: datetime, status: Status, reason: Reason | None) -> dict[str, Any]:
    """The columns that every row has: a bulk insert wants the same of all."""
    nothing = dict.fromkeys(
        (
            "started_at",
            "finished_at",
            "verdict",
            "http_status",
            "response_summary",
            "error_summary",
            "input_tokens",
            "output_tokens",
            "cost",
            "spending_day",
            "prompt_version",
        )
    )
    return {
        **nothing,
        "task_id": task.id,
        "source": Source.SCHEDULE,
        "scheduled_for": instant,
        "due_at": instant,
        "queued_at": instant,
        "status": status,
        "reason": reason,
        "model": task.model,
        "attempts": 0,
    }
