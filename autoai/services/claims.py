"""Queued → running: who gets a free slot, and what the claimed runs need."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import BindParameter, ColumnElement, Select, bindparam, func, select, update

from ..domain.budgets import Refusal
from ..domain.limits import Blocked, Limits, estimate_tokens
from ..domain.runs import Reason, Source, Status
from ..domain.schedules import blackout_period
from ..models import (
    NOW,
    Account,
    DbSession,
    Run,
    RunText,
    Task,
    account_key,
    execute_plain,
    make_blackouts,
    table,
)
from .budgets import (
    Desk,
    settle_waiting,
)
from .limits import give_back, limits_at
from .orders import make_orders, task_messages
from .ports import Ports
from .run_orders import Prepared, RunOrder
from .statistics import count_endings, waiting_ending

Ask = Callable[[int, Mapping[str, Limits], int], Blocked | None]
"""May this run, under these limits, make a call of so many tokens? What is in its way if not."""


def ready_at() -> ColumnElement[datetime]:
    """From when on a queued run may be sent."""
    return func.coalesce(Run.not_before, Run.due_at)


def ready() -> Select[Any]:
    """The queued runs whose time has come at `NOW`."""
    return select(Run.id).where(Run.status == Status.QUEUED, ready_at() <= NOW)


def next_ready() -> Select[Any]:
    """When the next queued run, put off or shifted by its jitter, is to start."""
    return select(func.min(ready_at())).where(Run.status == Status.QUEUED, ready_at() > NOW)


_WINDOW = 100
_ROUNDS = 10
"""Runs that are looked at together once a budget has refused one, and how often in one transaction:
a thousand that no budget has room for must not keep the others waiting."""

# The statements of a look, built once: see `NOW`. None of them makes an object of a row: there may be
# hundreds of them.
_RUNS = table(Run)
_IDS: BindParameter[Any] = bindparam("ids", expanding=True)
_OLD = select(Run.id).where(Run.status == Status.QUEUED, Run.expires_at <= NOW).limit(1)
_EXPIRE = (
    update(_RUNS)
    .where(_RUNS.c.status == Status.QUEUED, _RUNS.c.expires_at <= NOW)
    .values(status=Status.EXPIRED, finished_at=NOW)
    .returning(_RUNS.c.id, _RUNS.c.task_id, _RUNS.c.due_at, _RUNS.c.started_at, _RUNS.c.attempts)
)
_WAITING = (
    select(Run.id, Task.blackouts, Task.timezone)
    .join(Task, Task.id == Run.task_id)
    .where(
        Run.status == Status.QUEUED,
        Run.attempts == 0,
        ready_at() <= NOW,
        Run.source.in_((Source.SCHEDULE, Source.CATCH_UP)),
        Task.blackouts.is_not(None),
    )
)
_BUSY = select(Run.task_id).where(Run.status == Status.RUNNING)
_QUEUED = (
    select(
        Run.id,
        Run.task_id,
        Run.serial,
        Task.dynamic,
        Task.updated_at,
        Task.api_endpoint,
        Account.id,
        Account.api_endpoint,
        Account.max_concurrent_calls,
        Account.requests_per_minute,
        Account.tokens_per_minute,
    )
    .join(Task, Task.id == Run.task_id)
    .outerjoin(Account, Account.id == Task.account_id)
    .where(Run.status == Status.QUEUED, ready_at() <= NOW, Account.disabled_at.is_(None))
    .order_by(Run.priority, Run.due_at, Run.id)
    .execution_options(yield_per=200)
)
_CLAIM = (
    update(_RUNS)
    .where(_RUNS.c.id.in_(_IDS), _RUNS.c.status == Status.QUEUED)
    .values(
        status=Status.RUNNING,
        owner=bindparam("by"),
        started_at=func.coalesce(_RUNS.c.started_at, NOW),
        not_before=None,
        spending_day=func.coalesce(_RUNS.c.spending_day, bindparam("today")),
    )
    .returning(_RUNS.c.id)
)
# What was sent holds no values of secrets, so with those it is made anew.
_SAID = select(RunText.run_id).where(
    RunText.run_id == bindparam("run"),
    RunText.request_messages.is_not(None),
    RunText.secrets.is_(None),
)


@dataclass
class Claims:
    """What a claim got: the orders, and the runs whose messages must be made first."""

    orders: list[RunOrder] = field(default_factory=list)
    unprepared: list[int] = field(default_factory=list)
    """Ids of queued runs. Each holds a permit of the limits, so that nobody overtakes it."""
    more: bool = False
    """Has it stopped, after many runs that budgets have no room for, before it saw all?"""

    @property
    def holders(self) -> list[int]:
        """All that hold a permit."""
        return [*(order.run_id for order in self.orders), *self.unprepared]


def can_claim(session: DbSession, now: datetime, slots: int, ports: Ports) -> bool:
    """Would `claim` change anything? A run that waits for another one is no reason to write."""
    if execute_plain(session, _OLD, {"now": now}).scalar() is not None:
        return True
    with closing(
        _choose(session, now, slots, ports, lambda _, *how: ports.limits.blocked(*how))
    ) as could:
        return next(could, None) is not None


def claim(
    session: DbSession,
    owner: str,
    now: datetime,
    slots: int,
    ports: Ports,
    prepared: Mapping[int, Prepared] | None = None,
) -> Claims:
    """Inside the tick's transaction: claim at most `slots` runs; what those that it got need.

    By priority, then by when they were due. A serial run waits for the others of its task, and a
    run whose account or endpoint is at a limit for its turn there; what is too old has expired.
    Each claimed run holds a permit of the limits, which the caller gives back if nothing comes of
    the transaction.

    A run whose messages are made from templates is claimed only with what was `prepared` for it,
    outside any transaction; with `prepared`, only the runs in it are claimed.

    All is copied here, within the transaction: after the commit nothing may fail any more that
    would leave a claimed run to nobody.
    """
    _expire(session, now, ports)
    if slots <= 0:
        return Claims()
    _skip_blacked_out(session, now, ports)
    claims, desk = Claims(), Desk(session, now, ports.zone)
    taken: list[int] = []
    try:
        window = slots
        for _ in range(_ROUNDS):
            chosen: dict[int, bool] = {}
            seen = frozenset(claims.unprepared)
            for run_id, is_known in _choose(
                session, now, window, ports, ports.limits.take, prepared, seen
            ):
                taken.append(run_id)
                chosen[run_id] = is_known
            room = slots - len(claims.holders)
            admitted, refused = _admit(session, ports, desk, claims, chosen, room, prepared or {})
            claims.orders += _claimed(session, owner, now, desk, admitted)
            if refused:
                _leave_out(session, ports, now, refused)  # whose slots go to others
            if not refused or len(claims.holders) >= slots:
                return claims
            # Others may be as hopeless: no look for each of them alone.
            window = max(slots - len(claims.holders), _WINDOW)
        claims.more = True
        return claims
    except BaseException:
        give_back(ports, taken)
        raise


def _admit(
    session: DbSession,
    ports: Ports,
    desk: Desk,
    claims: Claims,
    chosen: Mapping[int, bool],
    room: int,
    prepared: Mapping[int, Prepared],
) -> tuple[list[RunOrder], list[tuple[RunOrder, Refusal]]]:
    """Of those `chosen`, the first ones that budgets let through, and those that they do not. What
    there is no `room` for gives its permit back; what is not known yet is noted in `claims`."""
    known = [run_id for run_id, is_known in chosen.items() if is_known]
    found = make_orders(session, known, prepared, desk.today)
    orders = {order.run_id: order for order in found}
    desk.look_up(found)
    admitted: list[RunOrder] = []
    refused: list[tuple[RunOrder, Refusal]] = []
    for run_id in chosen:
        if room <= 0:
            give_back(ports, [run_id])
        elif run_id not in orders:
            claims.unprepared.append(run_id)
            room -= 1
        elif isinstance(answer := desk.admit(orders[run_id]), Refusal):
            refused.append((orders[run_id], answer))
        else:
            admitted.append(answer)
            room -= 1
    return admitted, refused


def _claimed(
    session: DbSession, owner: str, now: datetime, desk: Desk, orders: Sequence[RunOrder]
) -> list[RunOrder]:
    """Those of `orders` that were still queued: they are running now, and what they may come to at
    most is reserved."""
    if not orders:
        return []
    ids = [order.run_id for order in orders]
    values = {"ids": ids, "by": owner, "now": now, "today": desk.today}
    mine = set(execute_plain(session, _CLAIM, values).scalars())
    claimed = [order for order in orders if order.run_id in mine]
    desk.write(claimed)
    return claimed


def _leave_out(
    session: DbSession, ports: Ports, now: datetime, refused: Sequence[tuple[RunOrder, Refusal]]
) -> None:
    """A budget has no room for them."""
    begun = settle_waiting(session, [o.run_id for o, _ in refused if o.earlier.count])
    left_out = {"status": Status.SKIPPED, "reason": Reason.BUDGET, "finished_at": now}
    session.execute(
        update(Run),
        [
            {"id": order.run_id, "budget_note": refusal.note(), **left_out}
            for order, refusal in refused
        ],
    )
    ids = [order.run_id for order, _ in refused]
    started = dict(session.execute(select(Run.id, Run.started_at).where(Run.id.in_(ids))).all())
    count_endings(
        session,
        ports.zone,
        [
            waiting_ending(
                o.task_id, o.due_at, Status.SKIPPED, started.get(o.run_id), begun.get(o.run_id)
            )
            for o, _ in refused
        ],
    )
    give_back(ports, ids)


def _choose(
    session: DbSession,
    now: datetime,
    slots: int,
    ports: Ports,
    ask: Ask,
    prepared: Mapping[int, Prepared] | None = None,
    seen: Collection[int] = (),
) -> Generator[tuple[int, bool], None, None]:
    """The ids of at most `slots` queued runs that nothing is in the way of, most urgent first, and
    none that was `seen`; and whether it is known what each of them sends."""
    busy = set(execute_plain(session, _BUSY).scalars())
    queued = execute_plain(session, _QUEUED, {"now": now})
    full: set[str] = set()
    for run_id, task_id, serial, dynamic, changed_at, *under in queued:
        if slots <= 0:
            break
        if run_id in seen or (serial and task_id in busy):
            continue
        made = prepared.get(run_id) if prepared else None
        if prepared and (made is None or made.task_updated_at != changed_at):
            continue
        limits = _limits(under, ports.max_per_endpoint)
        if not full.isdisjoint(limits):
            continue  # whoever is at the head of a line goes first, also if a smaller one would fit
        blocked = ask(run_id, limits, _tokens(session, task_id, limits, made))
        if blocked is not None:
            full.add(blocked.key)
            continue
        busy.add(task_id)
        slots -= 1
        yield run_id, made is not None or not dynamic or _has_said(session, run_id)


def _has_said(session: DbSession, run_id: int) -> bool:
    """Is what it sends kept from an earlier attempt, or from the run that it repeats?"""
    return execute_plain(session, _SAID, {"run": run_id}).scalar() is not None


def _limits(under: Sequence[Any], per_endpoint: int) -> dict[str, Limits]:
    """`under` are the last six columns of `_QUEUED`."""
    endpoint, account_id, account_endpoint, *numbers = under
    if account_id is None:
        return limits_at(endpoint or "", per_endpoint)
    return limits_at(account_endpoint, per_endpoint, (account_key(account_id), Limits(*numbers)))


def _tokens(
    session: DbSession, task_id: int, limits: Mapping[str, Limits], made: Prepared | None
) -> int:
    """About what a call comes to; the texts are read only where somebody counts."""
    if all(limit.tokens is None for limit in limits.values()):
        return 0
    task = session.get_one(Task, task_id)
    messages = made.messages if made else task_messages(task)
    return estimate_tokens([message["content"] for message in messages], task.max_tokens)


def _expire(session: DbSession, now: datetime, ports: Ports) -> None:
    expired = execute_plain(session, _EXPIRE, {"now": now}).all()
    begun = settle_waiting(session, [run.id for run in expired if run.attempts])
    count_endings(
        session,
        ports.zone,
        [
            waiting_ending(r.task_id, r.due_at, Status.EXPIRED, r.started_at, begun.get(r.id))
            for r in expired
        ],
    )


def _skip_blacked_out(session: DbSession, now: datetime, ports: Ports) -> None:
    """What waited for a slot until a window began in which it may not run is skipped, like what
    comes due inside. A run that a person asked for stays, and so does one that has begun."""
    waiting = execute_plain(session, _WAITING, {"now": now}).all()
    blocked = [
        run_id
        for run_id, blackouts, zone in waiting
        if blackout_period(now, make_blackouts(blackouts, ZoneInfo(zone)))
    ]
    if not blocked:
        return
    skipped = session.execute(
        update(Run)
        .where(Run.id.in_(blocked))
        .values(status=Status.SKIPPED, reason=Reason.BLACKOUT, finished_at=now)
        .returning(Run.task_id, Run.due_at, Run.started_at)
        .execution_options(synchronize_session=False)
    ).all()
    count_endings(
        session,
        ports.zone,
        [waiting_ending(*row[:2], Status.SKIPPED, row.started_at, None) for row in skipped],
    )
