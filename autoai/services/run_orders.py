"""What a claimed run is told to do, and what became of it: the shapes between claim, execution and
record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from ..domain.costs import Priced
from ..domain.errors import KeyUnreadable, TemplateError
from ..domain.retries import RetryRules
from ..domain.runs import Kind, Reason, Status
from ..providers.base import Completion, Parameters, Usage
from .connections import StoredConnection


@dataclass(frozen=True)
class EarlierAttempts:
    """What a run that was put off has behind it."""

    count: int = 0
    started_at: datetime | None = None
    maybe_billed: bool = False
    """Was the last attempt one that may have been billed?"""
    maybe_double_billed: bool = False


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


@dataclass(frozen=True)
class AttemptRecord:
    """One HTTP call of a run."""

    number: int
    started_at: datetime
    duration_ms: int
    http_status: int | None
    kind: Kind
    error_message: str | None


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
    usage: Usage = field(default_factory=Usage)
    """As the provider counted, or about as much (`usage_estimated`)."""
    usage_estimated: bool = False
    priced: Priced | None = None

    @property
    def http_status(self) -> int | None:
        """Of the last attempt that got one."""
        return next((a.http_status for a in reversed(self.attempts) if a.http_status), None)

    @property
    def text(self) -> str:
        """The answer, or as much of it as had arrived."""
        return self.completion.text if self.completion else self.received
