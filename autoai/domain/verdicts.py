"""Is this answer good? Decides the ending of a run whose request was answered.

`success` needs an answer: one without any visible text is always a failure. What else can be wrong
with an answer stands in one table, `RULES`, with the levels among which a task may choose.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from .checks import failure_of
from .json_schemas import Unchecked, first_misfit
from .json_text import NotJson, inside_fence, read_json
from .runs import Reason, Status


class Verdict(StrEnum):
    """How good a success is."""

    OK = "ok"
    DEGRADED = "degraded"


class Level(StrEnum):
    """What a rule that fires makes of the run."""

    OK = "ok"
    DEGRADED = "degraded"
    FAILED = "failed"


@dataclass(frozen=True)
class Rule:
    """How bad something is, and how bad a task may call it. Harmless ones first."""

    level: Level
    choices: tuple[Level, ...]


_ANY = (Level.OK, Level.DEGRADED, Level.FAILED)

RULES: dict[Reason, Rule] = {
    Reason.MODEL_REFUSED: Rule(Level.FAILED, (Level.DEGRADED, Level.FAILED)),
    Reason.TOOL_CALLS_ONLY: Rule(Level.FAILED, (Level.FAILED,)),
    Reason.FILTERED: Rule(Level.DEGRADED, _ANY),
    Reason.EMPTY: Rule(Level.FAILED, (Level.FAILED,)),
    Reason.TRUNCATED: Rule(Level.DEGRADED, _ANY),
    Reason.SCHEMA_MISMATCH: Rule(Level.DEGRADED, _ANY),
    Reason.CHECK_FAILED: Rule(Level.DEGRADED, _ANY),
}
"""In the order in which they are looked at. A refusal and a filtered answer without text are
failures whatever a task chooses."""

CHOOSABLE = tuple(reason for reason, rule in RULES.items() if len(rule.choices) > 1)


@dataclass(frozen=True)
class Demands:
    """What a task wants of its answers."""

    response_format: str = "text"
    """text, json, or json_schema with `schema`."""
    schema: Mapping[str, Any] | None = None
    checks: Sequence[Mapping[str, Any]] = ()
    levels: Mapping[str, str] = field(default_factory=dict)
    """{reason: level}: where the task is harder or softer than the table."""

    def level(self, reason: Reason) -> Level:
        """How bad the task calls it; the table's own level where the task may not say that."""
        rule = RULES[reason]
        chosen = self.levels.get(reason)
        return Level(chosen) if chosen in rule.choices else rule.level


@dataclass(frozen=True)
class Finding:
    """A rule that fired."""

    reason: Reason
    level: Level
    check: int | None = None
    """Which of the task's checks, counted from 1."""
    detail: Mapping[str, Any] = field(default_factory=dict)
    """More, for programs; `what` says it in one word."""

    def as_dict(self) -> dict[str, Any]:
        """As it is stored and answered."""
        found: dict[str, Any] = {"reason": str(self.reason), "level": str(self.level)}
        if self.check is not None:
            found["check"] = self.check
        return {**found, "detail": dict(self.detail)} if self.detail else found


@dataclass(frozen=True)
class Judgement:
    """The ending that an answer deserves."""

    status: Status
    reason: Reason | None
    verdict: Verdict | None
    findings: tuple[Finding, ...] = ()


_NOTHING = Demands()


def judge(
    text: str,
    finish_reason: str | None,
    refused: bool,
    tool_calls: bool,
    demands: Demands = _NOTHING,
) -> Judgement:
    """The worst of what was found decides; the first of the worst is the reason."""
    findings = tuple(_findings(text, finish_reason, refused, tool_calls, demands))
    for level in (Level.FAILED, Level.DEGRADED):
        worst = next((found for found in findings if found.level is level), None)
        if worst is not None and level is Level.FAILED:
            return Judgement(Status.FAILED, worst.reason, None, findings)
        if worst is not None:
            return Judgement(Status.SUCCESS, worst.reason, Verdict.DEGRADED, findings)
    return Judgement(Status.SUCCESS, None, Verdict.OK, findings)


def _findings(
    text: str, finish_reason: str | None, refused: bool, tool_calls: bool, demands: Demands
) -> Iterator[Finding]:
    filtered = finish_reason == "content_filter" and not refused
    if not has_text(text):
        if refused:
            yield Finding(Reason.MODEL_REFUSED, Level.FAILED)
        elif tool_calls:
            yield Finding(Reason.TOOL_CALLS_ONLY, Level.FAILED)
        elif filtered:
            yield Finding(Reason.FILTERED, Level.FAILED)
        else:
            yield Finding(Reason.EMPTY, Level.FAILED)
        if finish_reason == "length":
            yield Finding(Reason.TRUNCATED, demands.level(Reason.TRUNCATED))
        return
    for reason, fires in (
        (Reason.MODEL_REFUSED, refused),
        (Reason.FILTERED, filtered),
        (Reason.TRUNCATED, finish_reason == "length"),
    ):
        if fires:
            yield Finding(reason, demands.level(reason))
    misfit = _misfit(text, demands)
    if misfit is not None:
        level = demands.level(Reason.SCHEMA_MISMATCH)
        yield Finding(Reason.SCHEMA_MISMATCH, level, detail=misfit)
    for number, check in enumerate(demands.checks, 1):
        failure = failure_of(check, text)
        if failure is not None:
            level = demands.level(Reason.CHECK_FAILED)
            yield Finding(Reason.CHECK_FAILED, level, number, failure)


_BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0\u034f")
"""Signs that count as letters, symbols or marks and show nothing."""


def has_text(text: str) -> bool:
    """Is there anything in it that a person could see?"""
    return any(
        unicodedata.category(sign) not in ("Cc", "Cf", "Zs", "Zl", "Zp")
        and sign not in _BLANK
        and not ("\ufe00" <= sign <= "\ufe0f" or "\U000e0100" <= sign <= "\U000e01ef")
        for sign in text
    )


def _misfit(text: str, demands: Demands) -> dict[str, Any] | None:
    """Why the answer is not the JSON that was asked for.

    A Markdown code block around it is a misfit too, if one of a kind: whoever asked for JSON reads
    the answer with a program, and that stumbles over the block.
    """
    if demands.response_format == "text":
        return None
    try:
        value = read_json(text, unique_keys=True)
    except NotJson as error:
        fenced = error.what == "no_json" and _fenced_json(text)
        return {"what": "fenced" if fenced else error.what}
    if demands.response_format == "json":
        return None if isinstance(value, dict) else {"what": "no_object", "found": _kind(value)}
    try:
        misfit = first_misfit(demands.schema or {}, value)
    except Unchecked:
        return {"what": "not_checked"}
    if misfit is None:
        return None
    return {
        "what": "does_not_fit",
        "path": misfit.path,
        "rule": misfit.rule,
        "wanted": misfit.wanted,
    }


def _fenced_json(text: str) -> bool:
    inside = inside_fence(text)
    if inside is None:
        return False
    try:
        read_json(inside)
    except NotJson:
        return False
    return True


def _kind(value: Any) -> str:
    kinds = {list: "array", str: "string", bool: "boolean", type(None): "null"}
    return kinds.get(type(value), "number")
