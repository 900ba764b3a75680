"""May a failed attempt be sent again, and after how long?

*Never sent* and *maybe billed* are network errors: repeated unless the task switched that off.
*Throttled* and *server error* are repeated only for the statuses that the task asked for, no sooner
than the server's Retry-After. Everything else is never repeated.
"""

from __future__ import annotations

from dataclasses import dataclass

from .runs import Kind

WAIT_MIN, WAIT_MAX = 2.0, 10.0
"""Seconds: the exponential wait between attempts starts and ends here."""
LONGEST_RETRY_AFTER = 900.0
"""Seconds: a server that asks for a longer pause has its run fail rather than hold a slot."""
RETRYABLE_STATUSES = (429, 500, 502, 503, 504)
_OVERLOADED = 529
"""Anthropic's name for what others call 503: who repeats the one repeats the other."""


@dataclass(frozen=True)
class RetryRules:
    """A task's choices. `statuses` are HTTP codes out of `RETRYABLE_STATUSES`."""

    max_attempts: int = 3
    network: bool = True
    statuses: frozenset[int] = frozenset()


def may_repeat(
    rules: RetryRules,
    kind: Kind,
    http_status: int | None,
    retry_after: float | None,
    final: bool,
) -> bool:
    """May an attempt that ended as `kind` be followed by another one?

    `final` marks an error that the other side calls hopeless (`insufficient_quota`).
    """
    if final:
        return False
    if kind in (Kind.NEVER_SENT, Kind.MAYBE_BILLED):
        return rules.network
    if kind in (Kind.THROTTLED, Kind.SERVER_ERROR):
        patient = retry_after is None or retry_after <= LONGEST_RETRY_AFTER
        status = 503 if http_status == _OVERLOADED else http_status
        return status in rules.statuses and patient
    return False
