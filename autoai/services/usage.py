"""What was used and spent, by the day of the claim: the totals that budgets and the usage page go by."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import func, select

from ..domain.runs import ACTIVE
from ..domain.tallies import differences
from ..models import DbSession, Run, Task, UsageTotal, execute_plain, insert_adding, table


class Lane(NamedTuple):
    """Which total something is counted in."""

    day: date
    task_id: int
    account_id: int
    """0 where there is none."""
    model: str


class Used(NamedTuple):
    """What is added to a total; negative where a reservation is given back."""

    runs: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost: Decimal = Decimal(0)
    unpriced: int = 0
    estimated: int = 0
    reserved_tokens: int = 0
    reserved_cost: Decimal = Decimal(0)

    def and_(self, other: Used) -> Used:
        """Both together."""
        return Used(
            self.runs + other.runs,
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.cost + other.cost,
            self.unpriced + other.unpriced,
            self.estimated + other.estimated,
            self.reserved_tokens + other.reserved_tokens,
            self.reserved_cost + other.reserved_cost,
        )


NO_USE = Used()
_FIGURES = Used._fields
_TABLE = table(UsageTotal)
_ADD = insert_adding(_TABLE, Lane._fields, _FIGURES)


def add_usage(session: DbSession, used: Iterable[tuple[Lane, Used]]) -> None:
    """Inside the caller's transaction: add what was used to its totals."""
    sums: dict[Lane, Used] = defaultdict(Used)
    for lane, more in used:
        sums[lane] = sums[lane].and_(more)
    rows = [_columns(lane, total) for lane, total in sums.items() if total != NO_USE]
    if rows:
        execute_plain(session, _ADD, rows)


def used_by(
    input_tokens: int | None,
    output_tokens: int | None,
    cost: Decimal | None,
    estimated: bool,
) -> Used:
    """What one run that ended adds."""
    counted = input_tokens is not None
    return Used(
        1,
        input_tokens or 0,
        output_tokens or 0,
        cost or Decimal(0),
        int(counted and cost is None),
        int(estimated),
    )


def reserved(tokens: int | None, cost: Decimal | None) -> Used:
    """What a reservation adds."""
    return Used(reserved_tokens=tokens or 0, reserved_cost=cost or Decimal(0))


def find_wrong_usage(session: DbSession, zone: ZoneInfo) -> dict[Lane, Used]:
    """Count the runs of the ledger anew, in the caller's transaction: what `add_usage` must add to
    make the totals right.

    Only what the ledger still has is looked at: days from its oldest run on, and tasks that exist.
    """
    oldest = session.scalar(select(func.min(Run.started_at)))
    if oldest is None:
        return {}
    first_day = oldest.astimezone(zone).date()
    columns = [_TABLE.c[name] for name in (*Lane._fields, *_FIGURES)]
    mine = (_TABLE.c.day > first_day) & _TABLE.c.task_id.in_(select(Task.id))
    lane = len(Lane._fields)
    known = {
        Lane(*row[:lane]): Used(*row[lane:])
        for row in session.execute(select(*columns).where(mine))
    }
    counted = {lane: used for lane, used in _counted(session, zone).items() if lane.day > first_day}
    wrong = differences(counted, known, len(_FIGURES))
    return {key: Used(*more) for key, more in wrong.items()}


def _counted(session: DbSession, zone: ZoneInfo) -> dict[Lane, Used]:
    sums: dict[Lane, Used] = defaultdict(Used)
    rows = session.execute(
        select(
            Run.spending_day,
            Run.started_at,
            Run.task_id,
            Run.account_id,
            Run.model,
            Run.status,
            Run.input_tokens,
            Run.output_tokens,
            Run.cost,
            Run.usage_estimated,
            Run.reserved_tokens,
            Run.reserved_cost,
        )
        .where(Run.started_at.is_not(None), Run.task_id.in_(select(Task.id)))
        .execution_options(yield_per=5_000)
    )
    for row in rows:
        day = row.spending_day or row.started_at.astimezone(zone).date()
        lane = Lane(day, row.task_id, row.account_id or 0, row.model or "")
        if row.status not in ACTIVE:
            used = used_by(row.input_tokens, row.output_tokens, row.cost, row.usage_estimated)
            sums[lane] = sums[lane].and_(used)
        sums[lane] = sums[lane].and_(reserved(row.reserved_tokens, row.reserved_cost))
    return sums


def _columns(lane: Lane, total: Used) -> dict[str, Any]:
    return {**lane._asdict(), **total._asdict()}
