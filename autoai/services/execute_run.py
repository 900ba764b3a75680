"""One run, from the decrypted key to the outcome. Runs on a worker's thread, without a database."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from threading import Event

from tenacity import RetryCallState, Retrying, stop_after_attempt, stop_any, wait_exponential
from tenacity.stop import stop_when_event_set

from ..domain.errors import CallEnded, KeyUnreadable, ProviderError
from ..domain.retries import WAIT_MAX, WAIT_MIN, RetryRules, may_repeat
from ..domain.runs import Kind, Reason, Status
from ..domain.verdicts import Judgement, judge
from ..providers.base import Completion, Connection, Provider, Request
from ..providers.parsing import scrub
from ..providers.transport import Call
from .ports import Ports

log = logging.getLogger(__name__)

KEY_PURPOSE = "task.api_key"
_ERROR_LENGTH = 4_000
_MODEL_LENGTH, _FINISH_REASON_LENGTH = 200, 64


@dataclass(frozen=True)
class RunOrder:
    """Everything that a claimed run needs, copied out of the database. `timeout` is in seconds."""

    run_id: int
    task_id: int
    endpoint: str
    api_key_encrypted: str | None
    secret_id: str
    model: str
    system_message: str | None
    message_content: str
    timeout: float
    retry_rules: RetryRules
    due_at: datetime
    expires_at: datetime | None = None
    """No attempt begins at or after this."""
    same_messages: list[dict[str, str]] | None = None
    """What an earlier run sent, where it is to be sent again as it was."""

    @property
    def messages(self) -> list[dict[str, str]]:
        """The messages as they are sent."""
        if self.same_messages is not None:
            return self.same_messages
        system = [{"role": "system", "content": self.system_message}] if self.system_message else []
        return [*system, {"role": "user", "content": self.message_content}]


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
    """What became of a run; everything that is written about it."""

    order: RunOrder
    started_at: datetime
    finished_at: datetime | None = None
    status: Status = Status.FAILED
    reason: Reason | None = None
    verdict: str | None = None
    error_message: str | None = None
    completion: Completion | None = None
    attempts: list[AttemptRecord] = field(default_factory=list)
    maybe_double_billed: bool = False

    @property
    def http_status(self) -> int | None:
        """Of the last attempt that got one."""
        return next((a.http_status for a in reversed(self.attempts) if a.http_status), None)


class RunControl:
    """The handle by which a run under way can be ended from another thread."""

    def __init__(self) -> None:
        self.ended = Event()
        self.no_more = Event()
        """Set: the attempt under way is the last one."""
        self.reason: Reason | None = None
        self._call: Call | None = None

    def stop_repeating(self) -> None:
        """Let the attempt under way finish; a wait before another one ends the run at once."""
        self.no_more.set()

    def end(self, reason: Reason) -> None:
        """End the run's call, or its wait between two calls."""
        self.reason = self.reason or reason
        self.ended.set()
        self.no_more.set()
        if self._call is not None:
            self._call.end(reason)

    def begin(self, call: Call) -> None:
        """A new attempt speaks through `call`."""
        self._call = call
        if self.reason is not None:
            call.end(self.reason)


def execute_run(ports: Ports, provider: Provider, order: RunOrder, control: RunControl) -> Outcome:
    """Decrypt, send, repeat where the task allows it, judge. Never raises."""
    outcome = Outcome(order, started_at=ports.clock.now())
    key: str | None = None
    try:
        key = _key(ports, order)
        outcome.completion = _send(ports, provider, order, key, control, outcome)
        _judge(outcome)
    except KeyUnreadable as error:
        _fail(outcome, Reason.KEY_UNREADABLE, str(error))
    except CallEnded as error:
        _end(outcome, error.reason)
    except ProviderError as error:
        _fail(outcome, error.reason, error.message)
        if control.reason is Reason.CANCELLED:
            _end(outcome, control.reason)
    except _TooLate as error:
        _fail(outcome, error.cause.reason, error.cause.message)
        outcome.status = Status.EXPIRED
    except Exception as error:
        log.exception("a run failed for a reason of our own")
        _fail(outcome, Reason.INTERNAL, f"{type(error).__name__}: {error}")
    outcome.finished_at = max(ports.clock.now(), outcome.started_at)
    _redact(ports, outcome, key or "")
    return outcome


class _TooLate(Exception):
    """Another attempt would come too late for the run to be of use."""

    def __init__(self, cause: ProviderError) -> None:
        super().__init__(str(cause))
        self.cause = cause


def _key(ports: Ports, order: RunOrder) -> str | None:
    if order.api_key_encrypted is None:
        return None
    key = ports.keyring.decrypt(order.api_key_encrypted, order.secret_id, KEY_PURPOSE)
    ports.redactor.learn(key)
    return key


def _send(
    ports: Ports,
    provider: Provider,
    order: RunOrder,
    key: str | None,
    control: RunControl,
    outcome: Outcome,
) -> Completion:
    """Attempts until one succeeds or may not be repeated; each is noted in `outcome`."""
    rules = order.retry_rules
    request = Request(Connection(order.endpoint, key), order.model, order.messages)

    def once() -> Completion:
        if outcome.attempts and outcome.attempts[-1].kind is Kind.MAYBE_BILLED:
            outcome.maybe_double_billed = True
        call = Call(order.timeout)
        control.begin(call)
        return _attempt(
            ports, outcome, lambda: provider.complete(request, call, lambda text: None), call
        )

    failed: list[ProviderError] = []

    def repeat(state: RetryCallState) -> bool:
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, ProviderError):
            failed.append(error)
        return isinstance(error, ProviderError) and may_repeat(
            rules, error.kind, error.http_status, error.retry_after, error.final
        )

    def sleep(seconds: float) -> None:
        again_at = ports.clock.now() + timedelta(seconds=seconds)
        if order.expires_at is not None and again_at >= order.expires_at:
            raise _TooLate(failed[-1])
        if ports.clock.wait(control.no_more, seconds):
            raise CallEnded(control.reason or Reason.SHUTDOWN)

    return Retrying(
        stop=stop_any(stop_after_attempt(rules.max_attempts), stop_when_event_set(control.ended)),
        wait=_pause,
        retry=repeat,
        sleep=sleep,
        reraise=True,
    )(once)


_exponential = wait_exponential(multiplier=WAIT_MIN, min=WAIT_MIN, max=WAIT_MAX)


def _pause(state: RetryCallState) -> float:
    """Exponential, and no sooner than the server asked for."""
    error = state.outcome.exception() if state.outcome else None
    asked = error.retry_after if isinstance(error, ProviderError) else None
    return max(_exponential(state), asked or 0.0)


def _attempt(
    ports: Ports, outcome: Outcome, send: Callable[[], Completion], call: Call
) -> Completion:
    started_at, start = ports.clock.now(), ports.clock.monotonic()

    def note(kind: Kind, http_status: int | None, error: str | None) -> None:
        duration = round((ports.clock.monotonic() - start) * 1000)
        number = len(outcome.attempts) + 1
        outcome.attempts.append(
            AttemptRecord(number, started_at, duration, http_status, kind, error)
        )

    try:
        completion = send()
    except ProviderError as error:
        note(error.kind, error.http_status, error.message)
        raise
    except CallEnded as error:
        note(Kind.MAYBE_BILLED if call.sent else Kind.NEVER_SENT, None, str(error))
        raise
    except Exception as error:
        note(Kind.MAYBE_BILLED if call.sent else Kind.NEVER_SENT, None, type(error).__name__)
        raise
    note(Kind.OK, completion.http_status, None)
    return completion


def _judge(outcome: Outcome) -> None:
    completion = outcome.completion
    assert completion is not None  # noqa: S101 - told to mypy; _send answers one or raises
    found: Judgement = judge(
        completion.text, completion.finish_reason, completion.refused, completion.tool_calls
    )
    outcome.status, outcome.reason, outcome.verdict = found.status, found.reason, found.verdict


def _end(outcome: Outcome, reason: Reason) -> None:
    """It was ended from our side: by a person, or because the process stops."""
    outcome.status = Status.CANCELLED if reason is Reason.CANCELLED else Status.INTERRUPTED
    outcome.reason = reason


def _fail(outcome: Outcome, reason: Reason, text: str) -> None:
    outcome.status, outcome.reason, outcome.error_message = Status.FAILED, reason, text


def _redact(ports: Ports, outcome: Outcome, key: str) -> None:
    """Nothing that came from the other side leaves here with the key in it.

    Texts are cut only after that: half a key would not be recognised.
    """

    def clean(text: str | None, length: int | None = None) -> str | None:
        return ports.redactor.clean(text, key)[:length] if text else text

    def clean_error(text: str | None) -> str | None:
        return ports.redactor.clean_error(scrub(text), key)[:_ERROR_LENGTH] if text else text

    outcome.error_message = clean_error(outcome.error_message)
    outcome.attempts = [
        replace(attempt, error_message=clean_error(attempt.error_message))
        for attempt in outcome.attempts
    ]
    if outcome.completion is not None:
        found = outcome.completion
        outcome.completion = replace(
            found,
            text=clean(found.text) or "",
            model=clean(found.model, _MODEL_LENGTH),
            finish_reason=clean(found.finish_reason, _FINISH_REASON_LENGTH),
        )
