"""The thread that writes outcomes: together, stubbornly, and to the end."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from autoai.domain.errors import Unstorable
from autoai.domain.runs import Reason
from autoai.execution.recorder import Recorder
from autoai.services.run_orders import Outcome
from tests.factories import make_order
from tests.fakes import START

PATIENCE = 10.0


class Ledger:
    """Notes batches; the first `failures` tries to write fail."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.batches: list[list[Any]] = []
        self.failed = threading.Event()
        self.wrote = threading.Event()
        self.may_write = threading.Event()
        self.may_write.set()

    def write(self, batch: Sequence[Any]) -> None:
        assert self.may_write.wait(PATIENCE)
        if self.failures:
            self.failures -= 1
            self.failed.set()
            raise OSError("the disk is full")
        self.batches.append(list(batch))

    @property
    def written(self) -> list[Any]:
        return [outcome for batch in self.batches for outcome in batch]


@pytest.fixture
def start() -> Iterator[Callable[[Ledger], Recorder]]:
    made: list[Recorder] = []

    def make(ledger: Ledger) -> Recorder:
        recorder = Recorder(ledger.write, ledger.wrote.set)
        recorder.start()
        made.append(recorder)
        return recorder

    yield make
    for recorder in made:
        recorder.stop(PATIENCE)


def test_what_comes_together_is_written_together(start: Callable[[Ledger], Recorder]) -> None:
    ledger = Ledger()
    ledger.may_write.clear()
    recorder = start(ledger)
    for number in range(1_200):
        recorder.record(number)  # type: ignore[arg-type]
    ledger.may_write.set()
    assert recorder.stop(PATIENCE)
    assert ledger.written == list(range(1_200))
    assert len(ledger.batches) <= 6
    assert max(map(len, ledger.batches)) <= 500
    assert ledger.wrote.is_set()


def test_what_cannot_be_written_is_tried_again(start: Callable[[Ledger], Recorder]) -> None:
    ledger = Ledger(failures=1)
    recorder = start(ledger)
    recorder.record("a")  # type: ignore[arg-type]
    assert ledger.failed.wait(PATIENCE)
    assert ledger.wrote.wait(PATIENCE)
    assert ledger.written == ["a"]
    assert recorder.stop(PATIENCE)
    assert recorder.trouble is None


def test_stop_writes_what_is_left_even_at_the_second_try(
    start: Callable[[Ledger], Recorder],
) -> None:
    ledger = Ledger(failures=2)
    recorder = start(ledger)
    recorder.record("a")  # type: ignore[arg-type]
    assert ledger.failed.wait(PATIENCE)
    assert recorder.trouble
    assert recorder.stop(PATIENCE)
    assert ledger.written == ["a"]


def test_stop_does_not_wait_for_ever(start: Callable[[Ledger], Recorder]) -> None:
    ledger = Ledger(failures=1_000)
    recorder = start(ledger)
    recorder.record("a")  # type: ignore[arg-type]
    assert ledger.failed.wait(PATIENCE)
    assert recorder.stop(0.1) is False
    ledger.failures = 0


def test_one_outcome_that_cannot_be_stored_does_not_hold_up_the_others(
    start: Callable[[Ledger], Recorder],
) -> None:
    """It is stored without what came from the other side, and says so."""

    class Picky(Ledger):
        def write(self, batch: Sequence[Any]) -> None:
            if any(outcome.error_message == "unstorable" for outcome in batch):
                raise Unstorable("no database stores this")
            super().write(batch)

    ledger = Picky()
    recorder = start(ledger)
    for number in range(3):
        made = outcome(run_id=number)
        made.error_message = "unstorable" if number == 1 else "fine"
        recorder.record(made)
    assert recorder.stop(PATIENCE)
    written = {made.order.run_id: made for made in ledger.written}
    assert set(written) == {0, 1, 2}
    assert written[1].reason == Reason.INTERNAL
    assert written[0].error_message == written[2].error_message == "fine"


def outcome(run_id: int) -> Outcome:
    return Outcome(make_order(run_id), started_at=START)
