"""One thread that writes outcomes: those that came within a few milliseconds share one commit.

A commit for each run on its own thread's connection costs half as much CPU again and twice the
memory.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from ..domain.errors import Unstorable
from ..domain.runs import Reason, Status
from ..services.run_orders import Outcome
from ..services.trouble import in_short

log = logging.getLogger(__name__)

_GATHER = 0.02
"""Seconds that the first outcome of a batch waits for others."""
_BATCH = 500
_RETRY = 1.0


class Recorder:
    """Hands batches to `write`, and calls `written` after each. A batch that cannot be written is
    kept and tried again until it can, or until `stop`."""

    def __init__(
        self, write: Callable[[Sequence[Outcome]], None], written: Callable[[], None]
    ) -> None:
        self._write = write
        self._written = written
        self._queue: queue.SimpleQueue[Outcome | None] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        self.trouble: str | None = None
        """Why the last batch could not be written; null where it could."""

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def record(self, outcome: Outcome) -> None:
        """Have `outcome` written soon. Never blocks."""
        self._queue.put(outcome)

    def stop(self, seconds: float) -> bool:
        """Write what is left, for at most `seconds`; was all written?"""
        self._stopping.set()
        self._queue.put(None)
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while True:
            batch, last = self._gather()
            if batch:
                self._write_stubbornly(batch)
            if last:
                return

    def _gather(self) -> tuple[list[Outcome], bool]:
        first = self._queue.get()
        if first is None:
            return [], True
        batch, until = [first], time.monotonic() + _GATHER
        while len(batch) < _BATCH:
            try:
                item = self._queue.get(timeout=max(0.0, until - time.monotonic()))
            except queue.Empty:
                break
            if item is None:
                return batch, True
            batch.append(item)
        return batch, False

    def _write_stubbornly(self, batch: Sequence[Outcome]) -> None:
        while True:
            try:
                self._write(batch)
            except Unstorable:
                log.exception("%d outcomes cannot be written as they are", len(batch))
                self._write_apart(batch)
                return
            except Exception as error:
                self.trouble = in_short(error)  # it will be well again, or the process ends
                log.exception("%d outcomes could not be written; trying again", len(batch))
                if self._stopping.wait(_RETRY):
                    time.sleep(_RETRY)
            else:
                self.trouble = None
                self._written()
                return

    def _write_apart(self, batch: Sequence[Outcome]) -> None:
        """One outcome holds what cannot be written: it must not keep the others from the ledger."""
        if len(batch) > 1:
            for outcome in batch:
                self._write_stubbornly([outcome])
            return
        bare = replace(
            batch[0],
            status=Status.FAILED,
            reason=Reason.INTERNAL,
            verdict=None,
            completion=None,
            attempts=[replace(attempt, error_message=None) for attempt in batch[0].attempts],
            error_message="The answer could not be stored; the log has the details.",
        )
        if bare != batch[0]:
            self._write_stubbornly([bare])
