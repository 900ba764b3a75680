"""One run: what is repeated, how long it waits, what it may cost twice, how it is ended."""

from __future__ import annotations

from typing import Any

import pytest

from autoai.domain.errors import CallEnded, ProviderError
from autoai.domain.retries import RetryRules
from autoai.domain.runs import Kind, Reason, Status
from autoai.providers.base import Completion, Request
from autoai.providers.transport import Call
from autoai.security.encryption import Keyring
from autoai.security.redaction import HIDDEN, Redactor
from autoai.services.connections import TASK_KEY
from autoai.services.execute_run import RunControl, execute_run
from autoai.services.ports import Ports
from autoai.services.run_orders import Outcome, RunOrder
from tests.factories import KEY, make_order
from tests.fakes import START, FakeClock, ScriptedProvider, completion, only

FERNET = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="


@pytest.fixture
def bare_ports(clock: FakeClock) -> Ports:
    """Ports without an app: a run needs neither Flask nor a database."""
    return Ports(clock, Keyring([FERNET]), Redactor(), "UTC", 30)


def order(ports: Ports, rules: RetryRules | None = None, **changes: Any) -> RunOrder:
    connection = {"api_key_encrypted": ports.keyring.encrypt(KEY, "row", TASK_KEY)}
    changes["connection"] = {**connection, **changes.get("connection", {})}
    return make_order(retry_rules=rules or RetryRules(), **changes)


def run(
    ports: Ports, provider: ScriptedProvider, what: RunOrder, control: RunControl | None = None
) -> Outcome:
    return execute_run(ports, only(provider), what, control or RunControl())


def problem(kind: Kind, status: int | None = None, **more: Any) -> ProviderError:
    return ProviderError(
        kind, Reason.SERVER_ERROR, f"as scripted: {kind}", http_status=status, **more
    )


NEVER_SENT = problem(Kind.NEVER_SENT)
MAYBE_BILLED = problem(Kind.MAYBE_BILLED)


def test_success(bare_ports: Ports, clock: FakeClock) -> None:
    provider = ScriptedProvider(completion("Hi."))
    outcome = run(bare_ports, provider, order(bare_ports))
    assert (outcome.status, outcome.reason, outcome.verdict) == (Status.SUCCESS, None, "ok")
    assert [(a.number, a.kind, a.http_status) for a in outcome.attempts] == [(1, Kind.OK, 200)]
    (request,) = provider.requests
    assert (request.connection.api_key, request.model) == (KEY, "m-1")
    assert request.messages == [{"role": "user", "content": "Hello"}]
    assert clock.waits == []


def test_without_a_key_none_is_sent(bare_ports: Ports) -> None:
    provider = ScriptedProvider()
    run(bare_ports, provider, order(bare_ports, connection={"api_key_encrypted": None}))
    assert provider.requests[0].connection.api_key is None


@pytest.mark.parametrize(
    ("rules", "error", "calls"),
    [
        (RetryRules(), NEVER_SENT, 3),
        (RetryRules(), MAYBE_BILLED, 3),
        (RetryRules(max_attempts=1), NEVER_SENT, 1),
        (RetryRules(max_attempts=10), NEVER_SENT, 10),
        (RetryRules(network=False), NEVER_SENT, 1),
        (RetryRules(network=False), MAYBE_BILLED, 1),
        (RetryRules(), problem(Kind.THROTTLED, 429), 1),
        (RetryRules(statuses=frozenset({429})), problem(Kind.THROTTLED, 503), 1),
        (RetryRules(statuses=frozenset({429})), problem(Kind.THROTTLED, 429, final=True), 1),
        (RetryRules(statuses=frozenset({500})), problem(Kind.SERVER_ERROR, 500), 3),
        (RetryRules(statuses=frozenset({500})), problem(Kind.SERVER_ERROR, 502), 1),
        (RetryRules(statuses=frozenset({429})), problem(Kind.THROTTLED, 429, retry_after=901), 1),
        (RetryRules(statuses=frozenset({429, 500})), problem(Kind.REJECTED, 400), 1),
        (RetryRules(statuses=frozenset({429, 500})), problem(Kind.UNUSABLE_ANSWER, 200), 1),
    ],
)
def test_how_often_it_is_sent(
    bare_ports: Ports, rules: RetryRules, error: ProviderError, calls: int
) -> None:
    provider = ScriptedProvider(error)
    outcome = run(bare_ports, provider, order(bare_ports, rules))
    assert len(provider.requests) == len(outcome.attempts) == calls
    assert [a.number for a in outcome.attempts] == list(range(1, calls + 1))
    assert outcome.status is Status.FAILED
    assert outcome.error_message == error.message


def test_the_waits_grow_from_two_to_ten_seconds(bare_ports: Ports, clock: FakeClock) -> None:
    rules = RetryRules(max_attempts=7)
    run(bare_ports, ScriptedProvider(NEVER_SENT), order(bare_ports, rules))
    assert clock.waits == [2, 4, 8, 10, 10, 10]


@pytest.mark.parametrize(("asked", "waited"), [(0.0, 2), (1.5, 2), (7, 7), (300, 300), (900, 900)])
def test_no_sooner_than_retry_after(
    bare_ports: Ports, clock: FakeClock, asked: float, waited: float
) -> None:
    error = problem(Kind.THROTTLED, 429, retry_after=asked)
    rules = RetryRules(statuses=frozenset({429}))
    provider = ScriptedProvider(error, completion())
    outcome = run(bare_ports, provider, order(bare_ports, rules))
    assert clock.waits == [], "no thread waits for a server's patience to end"
    assert outcome.status is Status.QUEUED
    assert outcome.not_before is not None
    assert (outcome.not_before - START).total_seconds() == waited


@pytest.mark.parametrize(
    ("turns", "double"),
    [
        ([completion()], False),
        ([MAYBE_BILLED], True),
        ([MAYBE_BILLED, completion()], True),
        ([NEVER_SENT, completion()], False),
        ([NEVER_SENT, MAYBE_BILLED, completion()], True),
        ([MAYBE_BILLED, NEVER_SENT, completion()], True),
        ([NEVER_SENT, NEVER_SENT, MAYBE_BILLED], False),  # only the last one may have been billed
    ],
)
def test_when_it_may_have_been_billed_twice(
    bare_ports: Ports, turns: list[Any], double: bool
) -> None:
    outcome = run(bare_ports, ScriptedProvider(*turns), order(bare_ports))
    assert outcome.maybe_double_billed is double


def test_ended_during_a_wait(bare_ports: Ports, clock: FakeClock) -> None:
    control = RunControl()

    def fails_while_somebody_ends_it(request: Request, call: Call) -> Completion:
        control.ended.set()
        control.reason = Reason.SHUTDOWN
        raise NEVER_SENT

    provider = ScriptedProvider(fails_while_somebody_ends_it)
    outcome = run(bare_ports, provider, order(bare_ports), control)
    assert len(provider.requests) == 1, "nothing is sent after the end"
    assert clock.waits == []
    assert len(outcome.attempts) == 1
    assert outcome.status is Status.FAILED, "the attempt had failed by itself"


def test_ended_in_the_middle_of_a_wait(bare_ports: Ports, clock: FakeClock) -> None:
    control = RunControl()

    class Ending(FakeClock):
        def wait(self, event: Any, seconds: float) -> bool:
            control.end(Reason.SHUTDOWN)
            return super().wait(event, seconds)

    bare_ports.clock = Ending()
    provider = ScriptedProvider(NEVER_SENT)
    outcome = run(bare_ports, provider, order(bare_ports), control)
    assert len(provider.requests) == 1
    assert (outcome.status, outcome.reason) == (Status.INTERRUPTED, Reason.SHUTDOWN)


def test_ended_before_it_began_sends_nothing(bare_ports: Ports) -> None:
    control = RunControl()
    control.end(Reason.SHUTDOWN)

    def would_send(request: Request, call: Call) -> Completion:
        assert call.ended_by is Reason.SHUTDOWN, "the transport sends nothing for an ended call"
        raise CallEnded(call.ended_by)

    outcome = run(bare_ports, ScriptedProvider(would_send), order(bare_ports), control)
    assert (outcome.status, outcome.reason) == (Status.INTERRUPTED, Reason.SHUTDOWN)
    assert [a.kind for a in outcome.attempts] == [Kind.NEVER_SENT]


@pytest.mark.parametrize(
    "changes",
    [
        {"secret_id": "another row"},
        {"api_key_encrypted": "not a token"},
        {"api_key_encrypted": Keyring(["A" * 43 + "="]).encrypt(KEY, "row", TASK_KEY)},
    ],
)
def test_a_key_that_cannot_be_read_sends_nothing(
    bare_ports: Ports, changes: dict[str, Any]
) -> None:
    provider = ScriptedProvider()
    outcome = run(bare_ports, provider, order(bare_ports, connection=changes))
    assert (outcome.status, outcome.reason) == (Status.FAILED, Reason.KEY_UNREADABLE)
    assert provider.requests == [] and outcome.attempts == []


def test_a_fault_of_our_own_is_an_ending_too(bare_ports: Ports) -> None:
    provider = ScriptedProvider(ZeroDivisionError(f"with {KEY}"))
    outcome = run(bare_ports, provider, order(bare_ports))
    assert (outcome.status, outcome.reason) == (Status.FAILED, Reason.INTERNAL)
    assert len(outcome.attempts) == 1, "it is not repeated"
    assert KEY not in str(outcome)


@pytest.mark.parametrize("before", [0, 50, 60, 190, 199, 3_990, 3_999])
def test_no_half_key_is_left_at_a_cut(bare_ports: Ports, before: int) -> None:
    """Texts are bounded; a cut through a key would leave a half that nobody recognises."""
    echo = "x" * before + KEY
    text = f"{echo} and more"
    error = ProviderError(Kind.REJECTED, Reason.AUTH, text, http_status=401)
    outcome = run(bare_ports, ScriptedProvider(error), order(bare_ports))
    for stored in (outcome.error_message, outcome.attempts[0].error_message):
        assert stored is not None and KEY[:12] not in stored and len(stored) <= 4_000
    said = completion(text, model=text, finish_reason=text)
    outcome = run(bare_ports, ScriptedProvider(said), order(bare_ports))
    assert outcome.completion is not None
    assert KEY[:12] not in repr(outcome.completion)
    assert len(outcome.completion.model or "") <= 200


def test_every_text_of_an_answer_is_cleaned(bare_ports: Ports) -> None:
    answer = completion(f"you sent {KEY}", model=f"m/{KEY}", finish_reason=KEY)
    outcome = run(bare_ports, ScriptedProvider(answer), order(bare_ports))
    assert outcome.completion is not None
    assert KEY not in repr(outcome)
    assert outcome.completion.text == f"you sent {HIDDEN}"


def test_a_clock_that_goes_back_meanwhile(bare_ports: Ports, clock: FakeClock) -> None:
    def slow(request: Request, call: Call) -> Completion:
        clock.step(-3_600)
        return completion()

    outcome = run(bare_ports, ScriptedProvider(slow), order(bare_ports))
    assert outcome.finished_at == outcome.started_at
    assert outcome.attempts[0].duration_ms == 0
