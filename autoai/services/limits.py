"""The limits that a call is under, and what they remember over a restart."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import delete, or_, select

from ..domain.endpoints import base_url, endpoint_host
from ..domain.limits import MINUTE, Blocked, Limits
from ..domain.runs import Status
from ..models import Account, DbSession, Run, Task, Throttle, account_key, write_transaction
from .ports import Ports

_LONGEST_CALL = timedelta(hours=1)
"""No attempt may last longer (the longest time-out)."""


def limits_at(
    endpoint: str, per_endpoint: int, own: tuple[str, Limits] | None = None
) -> dict[str, Limits]:
    """All limits that a call to `endpoint` is under, by what they are counted under: its account's
    `own`, or those of the endpoint's base URL, and what the instance allows at one host."""
    key, limits = own or (base_url(endpoint), Limits())
    found = {key: limits}
    if per_endpoint:
        found[f"host:{endpoint_host(endpoint)}"] = Limits(concurrent=per_endpoint)
    return found


def in_the_way(ports: Ports, account: Account | None, endpoint: str | None) -> Blocked | None:
    """Which limit a call through `account`, or to `endpoint`, would meet now."""
    own = None
    if account is not None:
        endpoint, own = account.api_endpoint, (account.limit_key, account.limits)
    return ports.limits.blocked(limits_at(endpoint or "", ports.max_per_endpoint, own), 0)


def give_back(ports: Ports, run_ids: Sequence[int]) -> None:
    """The claim of these runs came to nothing."""
    for run_id in run_ids:
        ports.limits.finish(run_id)


def restore_limits(ports: Ports, now: datetime) -> None:
    """At the start: what was sent within the last minute still counts, and so does a server's wish
    for patience."""
    with write_transaction() as session:
        session.execute(delete(Throttle).where(Throttle.until <= now))
        for throttle in session.scalars(select(Throttle)):
            ports.limits.slow(throttle.key, (throttle.until - now).total_seconds())
        for account_id, requests in _sent_lately(session, now).items():
            ports.limits.remember(account_key(account_id), requests)


def _sent_lately(session: DbSession, now: datetime) -> dict[int, list[tuple[float, int]]]:
    """Account id → its requests, as seconds ago and tokens. Rather too late than too early: of a
    run with several attempts the time of each is not looked up, all count as its last."""
    since = now - timedelta(seconds=MINUTE)
    limited = or_(Account.requests_per_minute.is_not(None), Account.tokens_per_minute.is_not(None))
    rows = session.execute(
        select(Run, Task.max_attempts)
        .join(Task, Task.id == Run.task_id)
        .join(Account, Account.id == Run.account_id)
        .where(Run.started_at > since - _LONGEST_CALL, Run.started_at <= now, limited)
    )
    found: dict[int, list[tuple[float, int]]] = defaultdict(list)
    for run, max_attempts in rows:
        last = min(run.finished_at or now, now)
        if last > since and run.account_id is not None:
            # How often a run that died had tried is not known: as often as it might.
            times = max_attempts if run.status == Status.INTERRUPTED else run.attempts
            tokens = (run.input_tokens or 0) + (run.output_tokens or 0)
            found[run.account_id] += [((now - last).total_seconds(), tokens)] * times
    return found
