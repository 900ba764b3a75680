"""Runs on threads of this process. A thread holds no database connection while it waits."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

import structlog

from ..domain.runs import Reason
from ..providers.base import Provider
from ..services.execute_run import RunControl, execute_run
from ..services.ports import Ports
from ..services.run_orders import Outcome, RunOrder

log = logging.getLogger(__name__)

_LAST_WORDS = 5.0
"""Seconds for calls that were ended to be noticed by their threads."""


class LocalPool:
    """At most `size` runs at once; threads start when needed. See `port.Executor`."""

    def __init__(
        self,
        ports: Ports,
        providers: Mapping[str, Provider],
        size: int,
        record: Callable[[Outcome], None],
    ) -> None:
        self._ports = ports
        self._providers = providers
        self._size = size
        self._record = record
        self._threads = ThreadPoolExecutor(max_workers=size, thread_name_prefix="run")
        self._under_way: dict[int, RunControl] = {}
        self._changed = threading.Condition()
        self._started = 0
        """Threads that were asked for ahead of time."""

    def free_slots(self) -> int:
        with self._changed:
            return self._size - len(self._under_way)

    def prepare(self, runs: int) -> None:
        """Start threads before they are needed: hundreds of starts in the very second in which runs
        are due would make the last of them late."""
        with self._changed:
            missing = min(runs + len(self._under_way), self._size) - self._started
            self._started = max(self._started, self._started + missing)
        if missing <= 0:
            return
        # A pool starts a thread only for work that no idle one can take: so all of it waits.
        gate = threading.Event()
        try:
            for _ in range(min(runs, self._size)):
                self._threads.submit(gate.wait)
        except RuntimeError:
            log.warning("the machine gives no more threads")
        finally:
            gate.set()

    def submit(self, order: RunOrder) -> None:
        control = RunControl()
        with self._changed:
            self._under_way[order.run_id] = control
        try:
            self._threads.submit(self._run, order, control)
        except RuntimeError:
            # The machine gives no more threads. The run waits in the pool's queue for one that is
            # there already; were this raised, the orders after it would never be begun.
            log.exception("no thread for run %d; it waits for another one to end", order.run_id)

    def cancel(self, run_id: int, reason: Reason) -> bool:
        with self._changed:
            control = self._under_way.get(run_id)
        if control is None:
            return False
        control.end(reason)
        return True

    def drain(self, seconds: float) -> bool:
        with self._changed:
            for control in self._under_way.values():
                control.stop_repeating()
            finished = self._changed.wait_for(lambda: not self._under_way, seconds)
            left = list(self._under_way.values())
        for control in left:
            control.end(Reason.SHUTDOWN)
        with self._changed:
            self._changed.wait_for(lambda: not self._under_way, _LAST_WORDS)
        self._threads.shutdown(wait=False, cancel_futures=True)
        return finished

    def _run(self, order: RunOrder, control: RunControl) -> None:
        with structlog.contextvars.bound_contextvars(run_id=order.run_id, task_id=order.task_id):
            try:
                outcome = execute_run(self._ports, self._providers, order, control)
                log.info(
                    "run ended",
                    extra={"status": str(outcome.status), "attempts": len(outcome.attempts)},
                )
                self._record(outcome)
            finally:
                with self._changed:
                    self._under_way.pop(order.run_id, None)
                    self._changed.notify_all()
