"""One run, from the decrypted key to the outcome. Runs on a worker's thread, without a database."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from threading import Event

from tenacity import RetryCallState, Retrying, stop_after_attempt, stop_any
from tenacity.stop import stop_when_event_set

from ..domain.changes import Watch, fingerprint
from ..domain.costs import Tokens, estimate, price_tokens
from ..domain.errors import CallEnded, KeyUnreadable, ProviderError, TemplateError
from ..domain.retries import LONGEST_RETRY_AFTER, WAIT_MAX, WAIT_MIN, may_repeat
from ..domain.runs import Kind, Reason, Status
from ..domain.verdicts import judge
from ..providers.base import Completion, Connection, Provider, Request, Usage
from ..providers.parsing import scrub
from ..providers.transport import Call
from .connections import open_connection, secrets_of
from .ports import Ports
from .run_orders import AttemptRecord, Outcome, RunOrder, Spent

log = logging.getLogger(__name__)

_ERROR_LENGTH = 4_000
_MODEL_LENGTH, _FINISH_REASON_LENGTH = 200, 64


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


def execute_run(
    ports: Ports, providers: Mapping[str, Provider], order: RunOrder, control: RunControl
) -> Outcome:
    """Decrypt, send, repeat where the task allows it, judge. Never raises."""
    outcome = Outcome(order, started_at=order.earlier.started_at or ports.clock.now())
    outcome.maybe_double_billed = order.earlier.maybe_double_billed
    secrets = list(order.secret_values)
    try:
        if order.problem is not None:
            raise order.problem
        connection = open_connection(ports, order.connection)
        secrets += secrets_of(connection)
        sending = _Sending(ports, providers[order.connection.provider], order, control, outcome)
        outcome.completion = sending.repeated(connection)
    except KeyUnreadable as error:
        _fail(outcome, Reason.KEY_UNREADABLE, str(error))
    except TemplateError as error:
        _fail(outcome, Reason.BAD_TEMPLATE, str(error))
    except CallEnded as error:
        _end(outcome, error.reason)
    except ProviderError as error:
        _fail(outcome, error.reason, error.message)
        if control.reason is Reason.CANCELLED:
            _end(outcome, control.reason)
    except _TooLate as error:
        _fail(outcome, error.cause.reason, error.cause.message)
        outcome.status = Status.EXPIRED
    except _PutOff as error:
        outcome.status, outcome.not_before = Status.QUEUED, error.until
    except Exception as error:
        log.exception("a run failed for a reason of our own")
        _fail(outcome, Reason.INTERNAL, f"{type(error).__name__}: {error}")
    received = ports.live.text(order.run_id)
    outcome.received = "" if outcome.completion else received
    ports.limits.finish(order.run_id)
    outcome.finished_at = max(ports.clock.now(), outcome.started_at)
    _redact(ports, outcome, secrets)
    if outcome.completion is not None:
        _judge(outcome, outcome.completion)
    return outcome


class _TooLate(Exception):
    """Another attempt would come too late for the run to be of use."""

    def __init__(self, cause: ProviderError) -> None:
        super().__init__(str(cause))
        self.cause = cause


class _PutOff(Exception):
    """Another attempt has to wait, and no thread waits for it: the run goes back into the queue."""

    def __init__(self, until: datetime) -> None:
        super().__init__(f"put off until {until}")
        self.until = until


class _Sending:
    """The attempts of one run, each noted in its outcome."""

    def __init__(
        self,
        ports: Ports,
        provider: Provider,
        order: RunOrder,
        control: RunControl,
        outcome: Outcome,
    ) -> None:
        self._ports = ports
        self._provider = provider
        self._order = order
        self._control = control
        self._outcome = outcome
        self._failed: ProviderError | None = None

    def repeated(self, connection: Connection) -> Completion:
        """Attempts until one succeeds or may not be repeated."""
        order = self._order
        request = Request(
            connection, order.model, list(order.messages), order.parameters, order.stream
        )
        return Retrying(
            stop=stop_any(
                stop_after_attempt(order.attempts_left), stop_when_event_set(self._control.ended)
            ),
            wait=self._pause,
            retry=self._may_repeat,
            sleep=self._sleep,
            reraise=True,
        )(self._once, request)

    def _once(self, request: Request) -> Completion:
        if self._may_have_been_billed():
            self._outcome.maybe_double_billed = True
        if self._outcome.stream_refused:
            request = replace(request, stream=False)
        try:
            return self._attempt(request)
        except ProviderError as error:
            if not (error.stream_refused and request.stream):
                raise
            # Nothing was answered, so nothing billed: asked again without, whatever may be repeated.
            self._outcome.stream_refused = True
            self._ask_again()
            return self._attempt(replace(request, stream=False))

    def _attempt(self, request: Request) -> Completion:
        ports, run_id = self._ports, self._order.run_id
        call = Call(self._order.timeout)
        call.on_sent = lambda: ports.limits.sent(run_id)
        self._control.begin(call)
        ports.live.begin(run_id)
        self._outcome.first_token_at = None
        started_at, start = ports.clock.now(), ports.clock.monotonic()

        def note(
            kind: Kind, http_status: int | None, error: str | None, found: Completion | None = None
        ) -> None:
            if kind is not Kind.NEVER_SENT:
                ports.limits.sent(run_id)
            duration = round((ports.clock.monotonic() - start) * 1000)
            number = self._order.earlier.count + len(self._outcome.attempts) + 1
            text = found.text if found else ports.live.text(run_id)
            spent, price = _spent(self._order, found, text, started_at)
            self._outcome.price = price or self._outcome.price
            self._outcome.attempts.append(
                AttemptRecord(number, started_at, duration, http_status, kind, error, spent)
            )

        try:
            completion = self._provider.complete(request, call, self._arrived)
        except ProviderError as error:
            note(error.kind, error.http_status, error.message)
            self._heed(error)
            raise
        except CallEnded as error:
            note(Kind.MAYBE_BILLED if call.sent else Kind.NEVER_SENT, None, str(error))
            raise
        except Exception as error:
            note(Kind.MAYBE_BILLED if call.sent else Kind.NEVER_SENT, None, type(error).__name__)
            raise
        note(Kind.OK, completion.http_status, None, completion)
        usage = completion.usage
        if usage.input_tokens is not None or usage.output_tokens is not None:
            ports.limits.used(run_id, (usage.input_tokens or 0) + (usage.output_tokens or 0))
        return completion

    def _arrived(self, text: str) -> None:
        if self._outcome.first_token_at is None and text:
            self._outcome.first_token_at = self._ports.clock.now()
        self._ports.live.add(self._order.run_id, text)

    def _may_have_been_billed(self) -> bool:
        if self._outcome.attempts:
            return self._outcome.attempts[-1].kind is Kind.MAYBE_BILLED
        return self._order.earlier.maybe_billed

    def _heed(self, error: ProviderError) -> None:
        """A server that names a time is believed, for everything under the same limits."""
        if error.http_status == 429 and error.retry_after:
            seconds = min(error.retry_after, LONGEST_RETRY_AFTER)
            self._ports.limits.slow(self._order.connection.limit_key, seconds)
            self._outcome.throttled_until = self._ports.clock.now() + timedelta(seconds=seconds)

    def _may_repeat(self, state: RetryCallState) -> bool:
        error = state.outcome.exception() if state.outcome else None
        if not isinstance(error, ProviderError):
            return False
        self._failed = error
        return may_repeat(
            self._order.retry_rules, error.kind, error.http_status, error.retry_after, error.final
        )

    def _pause(self, state: RetryCallState) -> float:
        """Exponential over all of the run's attempts, and no sooner than the server asked for."""
        before = self._order.earlier.count + state.attempt_number - 1
        asked = self._failed.retry_after if self._failed else None
        return max(min(WAIT_MAX, WAIT_MIN * 2**before), asked or 0.0)

    def _sleep(self, seconds: float) -> None:
        assert self._failed is not None  # noqa: S101 - told to mypy; something is to be repeated
        again_at = self._ports.clock.now() + timedelta(seconds=seconds)
        if self._order.expires_at is not None and again_at >= self._order.expires_at:
            raise _TooLate(self._failed)
        if self._control.reason is not None:
            raise CallEnded(self._control.reason)
        if self._failed.kind is Kind.THROTTLED or seconds > WAIT_MAX:
            raise _PutOff(again_at)
        if self._ports.clock.wait(self._control.no_more, seconds):
            raise CallEnded(self._control.reason or Reason.SHUTDOWN)
        self._ask_again()

    def _ask_again(self) -> None:
        """Another request needs the leave of the limits, like the first."""
        blocked = self._ports.limits.again(self._order.run_id)
        if blocked is not None:
            raise _PutOff(self._ports.clock.now() + timedelta(seconds=blocked.seconds or 0))


def _judge(outcome: Outcome, answer: Completion) -> None:
    """After the secrets are out: what the verdict tells of the answer is kept and shown."""
    order = outcome.order
    try:
        found = judge(
            answer.text, answer.finish_reason, answer.refused, answer.tool_calls, order.demands
        )
        outcome.status, outcome.reason, outcome.verdict = found.status, found.reason, found.verdict
        outcome.findings = [finding.as_dict() for finding in found.findings]
        mode, fields = order.watch
        if found.status is Status.SUCCESS and mode != Watch.OFF:
            outcome.digest = fingerprint(answer.text, mode, fields)
    except Exception as error:
        log.exception("an answer could not be judged")
        _fail(outcome, Reason.INTERNAL, type(error).__name__)


def _spent(
    order: RunOrder, completion: Completion | None, text: str, at: datetime
) -> tuple[Spent, dict[str, str] | None]:
    """What an attempt used and cost, and by which price: estimated where its answer, or a part of
    one, came without."""
    usage = completion.usage if completion else Usage()
    estimated = bool(text) and (usage.input_tokens is None or usage.output_tokens is None)
    if estimated:
        sent = [message["content"] for message in order.messages]
        usage = replace(
            usage,
            input_tokens=estimate(sent) if usage.input_tokens is None else usage.input_tokens,
            output_tokens=usage.output_tokens or estimate([text]),
        )
    priced = None
    if usage.input_tokens is not None and usage.output_tokens is not None:
        priced = price_tokens(
            Tokens(usage.input_tokens, usage.output_tokens, usage.cached_input_tokens or 0),
            provider=order.connection.provider,
            endpoint=order.connection.endpoint,
            models=(order.model_sent, completion.model if completion else None),
            at=at,
            own=order.connection.rates,
        )
    spent = Spent(
        usage.input_tokens,
        usage.output_tokens,
        usage.cached_input_tokens,
        estimated,
        priced.cost if priced else None,
    )
    return spent, priced.price if priced else None


def _end(outcome: Outcome, reason: Reason) -> None:
    """It was ended from our side: by a person, or because the process stops."""
    outcome.status = Status.CANCELLED if reason is Reason.CANCELLED else Status.INTERRUPTED
    outcome.reason = reason


def _fail(outcome: Outcome, reason: Reason, text: str) -> None:
    outcome.status, outcome.reason, outcome.error_message = Status.FAILED, reason, text


def _redact(ports: Ports, outcome: Outcome, secrets: Sequence[str]) -> None:
    """Nothing that came from the other side leaves here with a secret in it.

    Texts are cut only after that: half a key would not be recognised.
    """

    def clean(text: str | None, length: int | None = None) -> str | None:
        if not text:
            return text
        for secret in secrets:
            text = ports.redactor.clean(text, secret)
        return text[:length]

    def clean_error(text: str | None) -> str | None:
        if not text:
            return text
        text = scrub(text)
        for secret in secrets or [""]:
            text = ports.redactor.clean_error(text, secret)
        return text[:_ERROR_LENGTH]

    outcome.error_message = clean_error(outcome.error_message)
    outcome.received = clean(outcome.received) or ""
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
