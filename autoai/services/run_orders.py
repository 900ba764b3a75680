"""What a claimed run is told to do, and what became of it: the shapes between claim, execution and
record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from ..domain.budgets import NOTHING, Amount, Caps, Scope
from ..domain.changes import Watch
from ..domain.errors import KeyUnreadable, TemplateError
from ..domain.retries import RetryRules
from ..domain.runs import Kind, Reason, Status
from ..domain.verdicts import Demands
from ..providers.base import Completion, Parameters
from .connections import StoredConnection
from .usage import Lane


@dataclass(frozen=True)
class Spent:
    """What one attempt, or several, used; None is what nobody knows, also for want of a price."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_input_tokens: int | None = None
    estimated: bool = False
    cost: Decimal | None = None

    @property
    def amount(self) -> Amount:
        """What is known of it."""
        return Amount((self.input_tokens or 0) + (self.output_tokens or 0), self.cost)

    @property
    def counted(self) -> bool:
        """Is it known how many tokens it took?"""
        return self.input_tokens is not None and self.output_tokens is not None

    def __add__(self, other: Spent) -> Spent:
        """Both together. A cost is known only if that of all that was counted is."""
        if other == _NOT_COUNTED or self == _NOT_COUNTED:
            return self if other == _NOT_COUNTED else other
        return Spent(
            _sum(self.input_tokens, other.input_tokens),
            _sum(self.output_tokens, other.output_tokens),
            _sum(self.cached_input_tokens, other.cached_input_tokens),
            self.estimated or other.estimated,
            None if self.cost is None or other.cost is None else self.cost + other.cost,
        )


_NOT_COUNTED = Spent()


def _sum(mine: int | None, theirs: int | None) -> int | None:
    return None if mine is None and theirs is None else (mine or 0) + (theirs or 0)


@dataclass(frozen=True)
class EarlierAttempts:
    """What a run that was put off has behind it."""

    count: int = 0
    started_at: datetime | None = None
    maybe_billed: bool = False
    """Was the last attempt one that may have been billed?"""
    maybe_double_billed: bool = False
    spent: Spent = Spent()
    kept: Amount = NOTHING
    """What stays reserved for attempts whose use nobody knows."""


@dataclass(frozen=True)
class Prepared:
    """A run's messages, made from its task's templates."""

    task_updated_at: datetime
    """As the task was then. One that was changed since is to be looked at again."""
    messages: Sequence[dict[str, str]] = field(default=(), repr=False)
    stored_messages: Sequence[dict[str, str]] = ()
    secrets: tuple[str, ...] = ()
    """The names of those that are in the messages."""
    secret_values: tuple[str, ...] = field(default=(), repr=False)
    prompt_version: int | None = None
    turns_sent: int | None = None
    turns_cut: int | None = None
    problem: TemplateError | KeyUnreadable | None = None
    """Why there are no messages."""


@dataclass(frozen=True)
class RunOrder:
    """Everything that a claimed run needs, copied out of the database. `timeout` is in seconds."""

    run_id: int
    task_id: int
    connection: StoredConnection
    model: str
    messages: Sequence[dict[str, str]] = field(repr=False)
    """As they are sent."""
    timeout: float
    retry_rules: RetryRules
    due_at: datetime
    parameters: Parameters = field(default_factory=Parameters)
    demands: Demands = field(default_factory=Demands)
    """What the answer must be like."""
    watch: tuple[str, tuple[str, ...]] = (Watch.OFF, ())
    """How the answer is compared: the mode, and the JSON paths."""
    stream: bool = False
    expires_at: datetime | None = None
    """No attempt begins at or after this."""
    earlier: EarlierAttempts = EarlierAttempts()
    stored_messages: Sequence[dict[str, str]] | None = None
    """As they are kept, without the values of secrets; None: as they are sent."""
    secrets: tuple[str, ...] = ()
    """The names of the secrets that are in the messages."""
    secret_values: tuple[str, ...] = field(default=(), repr=False)
    prompt_version: int | None = None
    turns_sent: int | None = None
    """How many earlier turns of the conversation are among the messages; None: it has none."""
    turns_cut: int | None = None
    """How many were left out for want of room."""
    problem: TemplateError | KeyUnreadable | None = None
    """Why nothing can be sent."""
    spending_day: date | None = None
    """Whose budgets it is claimed under."""
    caps: tuple[tuple[Scope, int, Caps], ...] = ()
    """The budgets of its task, of its account and of the instance, each with the id."""
    ignore_budget: bool = False
    held: tuple[Lane, Amount] | None = None
    """What was reserved for it at an earlier claim, and in which total."""
    each: Amount | None = None
    """The most that one attempt may come to; None where nothing is reserved."""
    reserved: Amount | None = None
    """What its row holds reserved in all: for attempts to come, and for what is not settled."""

    @property
    def model_sent(self) -> str | None:
        """The model that the request asks for, and that has to be paid: `extra_body` wins. None
        where it asks for none that could be known."""
        sent = self.parameters.extra_body.get("model", self.model)
        return sent if isinstance(sent, str) else None

    @property
    def attempts_left(self) -> int:
        """How often it may be sent."""
        return max(1, self.retry_rules.max_attempts - self.earlier.count)


@dataclass(frozen=True)
class AttemptRecord:
    """One HTTP call of a run."""

    number: int
    started_at: datetime
    duration_ms: int
    http_status: int | None
    kind: Kind
    error_message: str | None
    spent: Spent = Spent()


def _is_open(attempt: AttemptRecord) -> bool:
    """May it have been billed for more than what was seen?"""
    if attempt.kind is Kind.OK:
        return not attempt.spent.counted or attempt.spent.cost is None
    return attempt.kind in (Kind.MAYBE_BILLED, Kind.UNUSABLE_ANSWER)


@dataclass
class Outcome:
    """What became of a run; everything that is written about it.

    A run that has to wait for its next attempt comes back with status `queued` and `not_before`.
    """

    order: RunOrder
    started_at: datetime
    finished_at: datetime | None = None
    status: Status = Status.FAILED
    reason: Reason | None = None
    verdict: str | None = None
    findings: list[dict[str, Any]] = field(default_factory=list)
    digest: str | None = None
    """Of an answer that is to be compared, see `domain.changes`."""
    error_message: str | None = None
    completion: Completion | None = None
    received: str = ""
    """What had arrived of an answer that was not completed."""
    first_token_at: datetime | None = None
    attempts: list[AttemptRecord] = field(default_factory=list)
    maybe_double_billed: bool = False
    not_before: datetime | None = None
    throttled_until: datetime | None = None
    """The other side asked for patience, and everything under the same limits is to wait."""
    stream_refused: bool = False
    price: dict[str, str] | None = None
    """By which the newest attempt that has a cost was priced."""

    @property
    def spent(self) -> Spent:
        """What all of its attempts used."""
        return sum((attempt.spent for attempt in self.attempts), self.order.earlier.spent)

    @property
    def kept(self) -> Amount:
        """What stays reserved: of each attempt that may have been billed, up to its worst case,
        what it was not seen to use. Where the run's cost is not known, those of its attempts that
        are known stand nowhere else."""
        each = self.order.each
        if each is None:
            return self.order.earlier.kept
        kept = sum(
            (each.less(attempt.spent.amount) for attempt in self.attempts if _is_open(attempt)),
            self.order.earlier.kept,
        )
        if self.spent.cost is None:
            known = [self.order.earlier.spent, *(attempt.spent for attempt in self.attempts)]
            kept += Amount(0, sum((s.cost for s in known if s.cost is not None), Decimal(0)))
        return kept

    @property
    def held(self) -> Amount | None:
        """What its row holds reserved from now on: while another attempt is to come, all that this
        run may still be found to have spent; when it is over, what nobody knows the use of."""
        order = self.order
        if order.reserved is None:
            return None
        if self.status is not Status.QUEUED or order.each is None:
            return self.kept
        left = max(1, order.attempts_left - len(self.attempts))
        return self.kept + self.spent.amount + order.each.times(left)

    @property
    def overshoot(self) -> Amount:
        """By how much it went over what was reserved for it."""
        if self.order.reserved is None:
            return Amount()
        return (self.spent.amount + self.kept).less(self.order.reserved)

    @property
    def http_status(self) -> int | None:
        """Of the last attempt that got one."""
        return next((a.http_status for a in reversed(self.attempts) if a.http_status), None)

    @property
    def text(self) -> str:
        """The answer, or as much of it as had arrived."""
        return self.completion.text if self.completion else self.received
