"""The pool of threads: slots, ends, and a machine that has no more threads."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from autoai.domain.errors import CallEnded, ProviderError
from autoai.domain.retries import RetryRules
from autoai.domain.runs import Kind, Reason, Status
from autoai.execution.local_pool import LocalPool
from autoai.providers.base import Completion, Connection, OnText, Request
from autoai.providers.transport import Call
from autoai.scheduling.clock import SystemClock
from autoai.security.encryption import Keyring
from autoai.security.redaction import Redactor
from autoai.services.ports import Ports
from autoai.services.run_orders import Outcome, RunOrder
from tests.factories import make_order
from tests.fakes import ScriptedProvider, completion, only

PATIENCE = 20.0


def order(run_id: int, attempts: int = 1) -> RunOrder:
    return make_order(run_id, retry_rules=RetryRules(max_attempts=attempts))


class Recorded:
    def __init__(self) -> None:
        self.outcomes: list[Outcome] = []
        self.changed = threading.Condition()

    def __call__(self, outcome: Outcome) -> None:
        with self.changed:
            self.outcomes.append(outcome)
            self.changed.notify_all()

    def wait_for(self, count: int) -> list[Outcome]:
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.outcomes) >= count, PATIENCE)
            return list(self.outcomes)


class Held:
    """A provider that answers when it is let, and notices when its call is ended."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.calls = threading.Semaphore(0)

    def models(self, connection: Connection, call: Call) -> list[str]:
        return ["m-1"]

    def complete(self, request: Request, call: Call, on_text: OnText) -> Completion:
        self.calls.release()
        while not self.open.wait(0.005):
            if call.ended_by:
                raise CallEnded(call.ended_by)
        return completion()


@pytest.fixture
def recorded() -> Recorded:
    return Recorded()


@pytest.fixture
def make_pool(recorded: Recorded) -> Iterator[Callable[..., LocalPool]]:
    made: list[LocalPool] = []

    def make(provider: object, size: int = 4) -> LocalPool:
        ports = Ports(SystemClock(), Keyring(["A" * 43 + "="]), Redactor(), "UTC", 30)
        pool = LocalPool(ports, only(provider), size, recorded)
        made.append(pool)
        return pool

    yield make
    for pool in made:
        pool.drain(0)


def test_slots(make_pool: Callable[..., LocalPool], recorded: Recorded) -> None:
    provider = Held()
    pool = make_pool(provider, size=3)
    pool.submit(order(1)), pool.submit(order(2))
    assert pool.free_slots() == 1
    provider.open.set()
    recorded.wait_for(2)
    assert pool.drain(PATIENCE)
    assert pool.free_slots() == 3


def test_a_drain_lets_calls_finish(make_pool: Callable[..., LocalPool], recorded: Recorded) -> None:
    provider = Held()
    pool = make_pool(provider)
    pool.submit(order(1))
    assert provider.calls.acquire(timeout=PATIENCE)
    threading.Timer(0.05, provider.open.set).start()
    assert pool.drain(PATIENCE) is True
    assert [o.status for o in recorded.outcomes] == [Status.SUCCESS]


def test_a_drain_ends_what_does_not(
    make_pool: Callable[..., LocalPool], recorded: Recorded
) -> None:
    provider = Held()
    pool = make_pool(provider)
    for run_id in range(1, 5):
        pool.submit(order(run_id))
    for _ in range(4):
        assert provider.calls.acquire(timeout=PATIENCE)
    assert pool.drain(0.01) is False
    found = recorded.wait_for(4)
    assert {(o.status, o.reason) for o in found} == {(Status.INTERRUPTED, Reason.SHUTDOWN)}


def test_a_drain_does_not_wait_for_the_next_attempt(
    make_pool: Callable[..., LocalPool], recorded: Recorded
) -> None:
    refused = ProviderError(Kind.NEVER_SENT, Reason.NEVER_SENT, "Connection refused")
    provider = ScriptedProvider(refused)
    pool = make_pool(provider)
    pool.submit(order(1, attempts=10))
    while not provider.requests:
        threading.Event().wait(0.001)
    assert pool.drain(PATIENCE), "long before the two seconds of the first wait would be over"
    assert len(provider.requests) == 1
    assert len(recorded.outcomes) == 1


def test_cancel(make_pool: Callable[..., LocalPool], recorded: Recorded) -> None:
    provider = Held()
    pool = make_pool(provider)
    pool.submit(order(7))
    assert provider.calls.acquire(timeout=PATIENCE)
    assert not pool.cancel(8, Reason.SHUTDOWN)
    assert pool.cancel(7, Reason.SHUTDOWN)
    (outcome,) = recorded.wait_for(1)
    assert outcome.status is Status.INTERRUPTED


def test_a_machine_without_more_threads(
    make_pool: Callable[..., LocalPool], recorded: Recorded
) -> None:
    """A thread's stack of 16 TiB is one that the kernel refuses, as it does when all are used up."""
    provider = Held()
    pool = make_pool(provider)
    pool.submit(order(1))
    assert provider.calls.acquire(timeout=PATIENCE)
    before = threading.stack_size(1 << 44)
    try:
        pool.submit(order(2)), pool.submit(order(3))
    finally:
        threading.stack_size(before)
    provider.open.set()
    found = recorded.wait_for(3)
    assert {o.order.run_id for o in found} == {1, 2, 3}
    assert {o.status for o in found} == {Status.SUCCESS}
