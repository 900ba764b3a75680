"""Is this answer good? Decides the ending of a run whose request was answered."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from .runs import Reason, Status


class Verdict(StrEnum):
    """How good a success is."""

    OK = "ok"
    DEGRADED = "degraded"


@dataclass(frozen=True)
class Judgement:
    """The ending that an answer deserves."""

    status: Status
    reason: Reason | None
    verdict: Verdict | None


_GOOD = Judgement(Status.SUCCESS, None, Verdict.OK)


def judge(text: str, finish_reason: str | None, refused: bool, tool_calls: bool) -> Judgement:
    """An answer without text is a failure that says why; one that was cut short is degraded."""
    if refused:
        return Judgement(Status.FAILED, Reason.MODEL_REFUSED, None)
    if not text.strip():
        if tool_calls:
            return Judgement(Status.FAILED, Reason.TOOL_CALLS_ONLY, None)
        if finish_reason == "content_filter":
            return Judgement(Status.FAILED, Reason.FILTERED, None)
        return Judgement(Status.FAILED, Reason.EMPTY, None)
    if finish_reason == "length":
        return Judgement(Status.SUCCESS, Reason.TRUNCATED, Verdict.DEGRADED)
    if finish_reason == "content_filter":
        return Judgement(Status.SUCCESS, Reason.FILTERED, Verdict.DEGRADED)
    return _GOOD
