"""The statuses of a run, its reasons, its attempts' kinds, and the changes allowed between them."""

from __future__ import annotations

from datetime import datetime
from enum import IntEnum, StrEnum


class Status(StrEnum):
    """Where a run stands. Everything but QUEUED and RUNNING is an ending."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCESS = "success"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"
    SKIPPED = "skipped"
    MISSED = "missed"
    EXPIRED = "expired"


class Source(StrEnum):
    """Why there is a run: its schedule, a late schedule, or a person."""

    SCHEDULE = "schedule"
    CATCH_UP = "catch_up"
    MANUAL = "manual"
    RETRY = "retry"


class Reason(StrEnum):
    """Why a run did not simply succeed. The screens have a sentence for each."""

    OVERLAP = "overlap"
    PAUSED = "paused"
    DISABLED_ACCOUNT = "disabled_account"
    BLACKOUT = "blackout"
    BUDGET = "budget"
    DOWNTIME = "downtime"
    PROCESS_DIED = "process_died"
    SHUTDOWN = "shutdown"
    CANCELLED = "cancelled"
    KEY_UNREADABLE = "key_unreadable"
    BAD_TEMPLATE = "bad_template"
    NEVER_SENT = "never_sent"
    TIMEOUT = "timeout"
    DEADLINE = "deadline"
    CONNECTION_LOST = "connection_lost"
    RATE_LIMITED = "rate_limited"
    REJECTED = "rejected"
    MODEL_MISSING = "model_missing"
    AUTH = "auth"
    SERVER_ERROR = "server_error"
    REDIRECT = "redirect"
    TLS = "tls"
    DENIED_NETWORK = "denied_network"
    TOO_LARGE = "too_large"
    PROTOCOL = "protocol"
    BAD_RESPONSE = "bad_response"
    EMPTY = "empty"
    MODEL_REFUSED = "model_refused"
    FILTERED = "filtered"
    TRUNCATED = "truncated"
    TOOL_CALLS_ONLY = "tool_calls_only"
    SCHEMA_MISMATCH = "schema_mismatch"
    CHECK_FAILED = "check_failed"
    INTERNAL = "internal"


class Kind(StrEnum):
    """What one HTTP attempt came to. It decides whether sending again is allowed."""

    OK = "ok"
    NEVER_SENT = "never_sent"
    MAYBE_BILLED = "maybe_billed"
    THROTTLED = "throttled"
    SERVER_ERROR = "server_error"
    REJECTED = "rejected"
    UNUSABLE_ANSWER = "unusable_answer"


PERSON_MUST_MEND = frozenset(
    {
        Reason.AUTH,
        Reason.REJECTED,
        Reason.REDIRECT,
        Reason.TLS,
        Reason.DENIED_NETWORK,
        Reason.KEY_UNREADABLE,
        Reason.BAD_TEMPLATE,
    }
)
"""Failures that come again until somebody changes something. Network trouble is none of them."""

ACTIVE = frozenset({Status.QUEUED, Status.RUNNING})
FINISHED = frozenset({Status.SUCCESS, Status.FAILED, Status.INTERRUPTED})
"""Runs that were sent and ended: the ones a success rate is made of."""

_NEXT: dict[Status, frozenset[Status]] = {
    Status.QUEUED: frozenset(
        {Status.RUNNING, Status.CANCELLED, Status.SKIPPED, Status.MISSED, Status.EXPIRED}
    ),
    Status.RUNNING: frozenset(
        {
            Status.SUCCESS,
            Status.FAILED,
            Status.CANCELLED,
            Status.INTERRUPTED,
            Status.EXPIRED,
            Status.QUEUED,  # it has to wait for another attempt, and gives its thread back
        }
    ),
}


class Priority(IntEnum):
    """Who gets a free slot first: the smaller number."""

    HIGH = 0
    NORMAL = 1
    LOW = 2


def may_change(old: Status, new: Status) -> bool:
    """Is the step from `old` to `new` allowed? Nothing leaves an ending."""
    return new in _NEXT.get(old, frozenset())


def success_rate(counts: dict[str, int]) -> float | None:
    """success ÷ (success + failed + interrupted), between 0 and 1; None where nothing finished."""
    finished = sum(counts.get(status, 0) for status in FINISHED)
    return counts.get(Status.SUCCESS, 0) / finished if finished else None


def milliseconds(start: datetime | None, end: datetime | None) -> int | None:
    """From one instant to another, rounded; None where one of them is not known."""
    if start is None or end is None:
        return None
    return round((end - start).total_seconds() * 1000)
