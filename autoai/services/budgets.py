"""Budgets: what a claim may reserve, and what was spent and reserved so far.

Reserved inside the transaction of the claim, settled in that of the record. Both write
`usage_totals`, from which alone it is read what was spent, so no two claims see the same room.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import (
    BindParameter,
    bindparam,
    literal,
    select,
    update,
)

from ..domain.budgets import (
    Amount,
    Caps,
    Period,
    Refusal,
    Scope,
    most_input,
    most_output,
    refuse,
)
from ..domain.costs import Tokens, plain, price_tokens
from ..models import (
    BUDGET_COLUMNS,
    Attempt,
    Budgeted,
    DbSession,
    InstanceState,
    Run,
    Task,
    UsageTotal,
    execute_plain,
    month_of,
    read_spending,
    spending_by,
)
from ..providers.registry import ANSWER_LIMITS
from .run_orders import RunOrder, Spent
from .usage import Lane, Used, add_usage, reserved, used_by

INSTANCE = 1
"""The id of the instance's own row of state."""

Spending = dict[tuple[Scope, int], dict[Period, Amount]]
"""What was spent and is reserved, by scope and id, on one day and in its month."""


_NO_CAPS = Caps()


def caps_of(row: Budgeted | None) -> Caps:
    """The budgets of a task, an account, or the instance."""
    caps = [getattr(row, name) for name in BUDGET_COLUMNS] if row is not None else ()
    # Most have none, and a claim asks hundreds of them.
    return Caps(*caps) if any(cap is not None for cap in caps) else _NO_CAPS


def budget_fields(row: Budgeted) -> dict[str, Any]:
    """The budgets of a stored row as input again: dollars as decimal text."""
    found = {name: getattr(row, name) for name in BUDGET_COLUMNS}
    return {n: plain(cap) if isinstance(cap, Decimal) else cap for n, cap in found.items()}


def all_caps(task: Task, instance: Caps) -> tuple[tuple[Scope, int, Caps], ...]:
    """Every budget that a run of `task` is under, with the id of what it is for."""
    found = [(Scope.TASK, task.id, caps_of(task))]
    if task.account is not None:
        found.append((Scope.ACCOUNT, task.account.id, caps_of(task.account)))
    found.append((Scope.INSTANCE, INSTANCE, instance))
    return tuple(entry for entry in found if entry[2] is not _NO_CAPS and entry[2] != _NO_CAPS)


_INSTANCE = select(*(getattr(InstanceState, name) for name in BUDGET_COLUMNS))


def instance_caps(session: DbSession) -> Caps:
    """The budgets of the whole instance."""
    row = execute_plain(session, _INSTANCE).first()
    return Caps(*row) if row is not None else Caps()


class Desk:
    """Where claims are admitted, within one transaction: each sees what those before it reserved."""

    def __init__(self, session: DbSession, now: datetime, zone: ZoneInfo) -> None:
        self._session = session
        self._now = now
        self.today = now.astimezone(zone).date()
        self._spent: dict[date, Spending] = defaultdict(dict)
        """By the day that pays: of a run that was put off, that of its first claim."""

    def look_up(self, orders: Iterable[RunOrder]) -> None:
        """Read what `admit` is to go by, for all of `orders` at once."""
        wanted: dict[date, set[tuple[Scope, int]]] = defaultdict(set)
        for order in orders:
            day = order.spending_day or self.today
            wanted[day] |= {entry[:2] for entry in order.caps} - self._spent[day].keys()
        for day, missing in wanted.items():
            if missing:
                self._spent[day].update(spending(self._session, day, missing))

    def admit(self, order: RunOrder) -> RunOrder | Refusal:
        """Reserve its worst case, or say which budget has no room for it. It was looked up.

        What a put-off run has reserved already it need not ask for again.
        """
        if order.problem is None and not order.caps and order.held is None:
            return order
        return self._reserve(order)

    def write(self, orders: Sequence[RunOrder]) -> None:
        """Write down what `orders` reserved, after they were claimed."""
        kept = [order for order in orders if order.reserved is not None]
        if not kept:
            return
        self._session.execute(update(Run), [_columns(order) for order in kept])
        changes: list[tuple[Lane, Used]] = []
        for order in kept:
            changes.append((lane_of(order), _reserved(order.reserved)))
            if order.held is not None:
                lane, amount = order.held
                changes.append((lane, _reserved(amount, -1)))
        add_usage(self._session, changes)

    def _reserve(self, order: RunOrder) -> Refusal | RunOrder:
        held = order.held[1] if order.held else None
        if order.problem is not None or (not order.caps and held is None):
            return replace(order, reserved=held)
        each = worst_case(order, self._now)
        behind = order.earlier.spent.amount + order.earlier.kept
        total = None if each is None else each.times(order.attempts_left) + behind
        books = self._spent[order.spending_day or self.today]
        needs = {entry[:2]: _need(order, each, total, entry[0]) for entry in order.caps}
        if not order.ignore_budget:
            for scope, scope_id, caps in order.caps:
                where = scope, scope_id
                refusal = refuse(scope, caps, books[where], needs[where])
                if refusal is not None:
                    return refusal
        if total is None or each is None:
            return replace(order, reserved=held)
        for where, need in needs.items():
            for period in Period:
                books[where][period] += need or Amount()
        return replace(order, each=each, reserved=total)


def _need(
    order: RunOrder, each: Amount | None, total: Amount | None, scope: Scope
) -> Amount | None:
    """For how much there must be room: all but what it holds there. One that was put off may have
    got another account since, and what it holds of the old one is no room in the new one."""
    if total is None or each is None:
        return None
    held = Amount()
    if order.held is not None:
        lane, amount = order.held
        if scope is not Scope.ACCOUNT or lane.account_id == order.connection.account_id:
            held = amount
    need = total.less(held)
    # What earlier attempts cost says nothing about those to come.
    return need if each.cost is not None else Amount(need.tokens)


def spending(session: DbSession, today: date, wanted: Iterable[tuple[Scope, int]]) -> Spending:
    """What was spent and is reserved, today and in the month of `today`."""
    ids: dict[Scope, list[int]] = defaultdict(list)
    for scope, scope_id in wanted:
        ids[scope].append(scope_id)
    found: Spending = {
        (scope, scope_id): dict.fromkeys(Period, Amount())
        for scope, of_scope in ids.items()
        for scope_id in of_scope
    }
    for scope, of_scope in ids.items():
        for row in session.execute(_SPENT[scope], {**month_of(today), "ids": of_scope}):
            found[scope, row[0]] = {period: spent.total for period, spent in read_spending(row)}
    return found


def worst_case(order: RunOrder, now: datetime) -> Amount | None:
    """The most that one attempt may come to; None where nothing bounds it. Its dollars are None
    where no price is known."""
    wanted = order.parameters
    limits = ANSWER_LIMITS[order.connection.provider]
    output = most_output(wanted.max_tokens, wanted.extra_body, limits)
    if output is None:
        return None
    sent = most_input(order.messages, wanted.response_schema, wanted.extra_body)
    costs = [
        priced.cost
        for cached in (0, sent)  # an account's own price of what is cached may be the higher one
        if (
            priced := price_tokens(
                Tokens(sent, output, cached),
                provider=order.connection.provider,
                endpoint=order.connection.endpoint,
                models=(order.model_sent,),
                at=now,
                own=order.connection.rates,
            )
        )
    ]
    return Amount(sent + output, max(costs) if len(costs) == 2 else None)


def lane_of(order: RunOrder) -> Lane:
    """In which total of usage a claimed run is counted."""
    assert order.spending_day is not None  # noqa: S101 - told to mypy; it was claimed
    account_id = order.connection.account_id or 0
    return Lane(order.spending_day, order.task_id, account_id, order.model)


def _columns(order: RunOrder) -> dict[str, Any]:
    found = order.reserved or Amount()
    return {
        "id": order.run_id,
        "reserved_tokens": found.tokens,
        "reserved_cost": found.cost,
        "account_id": order.connection.account_id,
        "model": order.model,
    }


def _reserved(amount: Amount | None, sign: int = 1) -> Used:
    found = amount or Amount()
    return reserved(sign * found.tokens, sign * (found.cost or Decimal(0)))


_IDS: BindParameter[Any] = bindparam("ids", expanding=True)
_SPENT: Mapping[Scope, Any] = {
    Scope.TASK: spending_by(UsageTotal.task_id, UsageTotal.task_id.in_(_IDS)),
    Scope.ACCOUNT: spending_by(UsageTotal.account_id, UsageTotal.account_id.in_(_IDS)),
    Scope.INSTANCE: spending_by(literal(INSTANCE)),
}


def attempts_of(session: DbSession, run_ids: Sequence[int]) -> dict[int, list[Attempt]]:
    """The attempts of each run, in order."""
    found: dict[int, list[Attempt]] = {run_id: [] for run_id in run_ids}
    for attempt in session.scalars(
        select(Attempt).where(Attempt.run_id.in_(run_ids)).order_by(Attempt.number)
    ):
        found[attempt.run_id].append(attempt)
    return found


def spent_in(attempts: Iterable[Attempt]) -> Spent:
    """What some attempts used."""
    return sum(
        (
            Spent(a.input_tokens, a.output_tokens, a.cached_input_tokens, a.usage_estimated, a.cost)
            for a in attempts
        ),
        Spent(),
    )


def kept_of(note: Mapping[str, str] | None) -> Amount:
    """What a run that was put off keeps reserved for attempts that nobody knows the use of."""
    found = note or {}
    cost = found.get("kept_cost")
    return Amount(int(found.get("kept_tokens", 0)), Decimal(cost) if cost else None)


def settle_waiting(session: DbSession, run_ids: Sequence[int]) -> dict[int, Spent]:
    """Inside the caller's transaction: runs that were put off have ended without another attempt.

    What they had used is counted, and what was reserved for attempts to come is given back.
    """
    if not run_ids:
        return {}
    attempts = attempts_of(session, run_ids)
    begun: dict[int, Spent] = {}
    for run in session.scalars(
        select(Run).where(Run.id.in_(run_ids)).execution_options(populate_existing=True)
    ):
        spent = begun[run.id] = spent_in(attempts[run.id])
        run.input_tokens, run.output_tokens = spent.input_tokens, spent.output_tokens
        run.cached_input_tokens, run.usage_estimated = spent.cached_input_tokens, spent.estimated
        run.cost = spent.cost
        used = used_by(spent.input_tokens, spent.output_tokens, spent.cost, spent.estimated)
        if run.reserved_tokens is not None:
            kept = kept_of(run.budget_note)
            used = used.and_(_reserved(kept)).and_(
                _reserved(Amount(run.reserved_tokens, run.reserved_cost), -1)
            )
            run.reserved_tokens, run.reserved_cost = kept.tokens or None, kept.cost or None
        if run.spending_day is not None:
            lane = Lane(run.spending_day, run.task_id, run.account_id or 0, run.model or "")
            add_usage(session, [(lane, used)])
    session.flush()
    return begun
