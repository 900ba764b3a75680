"""The scheduler of this process: takes the lock or stands by, recovers, ticks, drains."""

from __future__ import annotations

import logging
import os
import secrets
import signal
import socket
import threading
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path

from flask import Flask

from ..domain.runs import Reason
from ..execution.local_pool import LocalPool
from ..execution.recorder import Recorder
from ..extensions import db, scheduler
from ..providers.base import Provider
from ..services.ports import Ports
from ..services.record_runs import record_runs
from ..services.recovery import give_up_running, recover
from ..services.run_orders import Outcome
from ..services.trouble import in_short
from ..settings import Settings
from .housekeeping import Housekeeping
from .lock import FileLock
from .tick import Tick

log = logging.getLogger(__name__)

_STANDBY_PAUSE = 0.5
"""Seconds between two tries for the lock."""
_NUDGE_AFTER = 5.0
"""Seconds without a look after which the tick is woken: APScheduler sleeps on when the clock was set
back."""
UNHEALTHY_AFTER = 15.0
_DEAD_AFTER = 60.0
_LAST_WRITE = 10.0


class Role(StrEnum):
    """What this process does for the schedule."""

    OFF = "off"
    STANDBY = "standby"
    ACTIVE = "active"
    DRAINING = "draining"


class SchedulerService:
    """One per process that serves. Only the holder of the lock ticks and executes."""

    def __init__(
        self,
        app: Flask,
        ports: Ports,
        providers: Mapping[str, Provider],
        lock_file: Path,
        settings: Settings,
    ) -> None:
        self._app = app
        self._ports = ports
        self._lock = FileLock(lock_file)
        self._drain_timeout = settings.drain_timeout
        self.owner = f"{socket.gethostname()[:24]}-{os.getpid()}-{secrets.token_hex(4)}"
        self.role = Role.OFF
        self._not_leading: str | None = None
        """Why it stands by although the lock was free."""
        self._recorder = Recorder(self._write, self._written)
        self._pool = LocalPool(
            ports, providers, settings.max_concurrent_runs, self._recorder.record
        )
        self._tick = Tick(app, scheduler, ports, self._pool, self.owner)
        self._housekeeping = Housekeeping(app, scheduler, ports, providers, settings)
        self._stopping = threading.Event()
        self._stopped = threading.Lock()

    def start(self) -> None:
        """Lead if nobody else does, else stand by; either way a thread looks after it from now."""
        self.role = Role.STANDBY
        led = self._try_to_lead()
        if not led and self._not_leading is None:
            log.info("another process runs the schedule; this one stands by")
        threading.Thread(target=self._watch, name="scheduler-watch", daemon=True).start()

    def wake(self) -> None:
        """Something changed: look at once, if this process is the one that looks."""
        if self.role is Role.ACTIVE:
            self._tick.wake()

    def cancel(self, run_id: int) -> None:
        """End the call of a run, if it is under way in this process."""
        self._pool.cancel(run_id, Reason.CANCELLED)

    def begin_stop(self) -> None:
        """Start nothing new from now on. Returns at once; safe in a signal handler's thread."""
        self._stopping.set()

    def stop(self) -> None:
        """Drain: let calls under way finish, record the rest as interrupted, free the lock."""
        self._stopping.set()
        with self._stopped:
            if self.role is Role.ACTIVE:
                self.role = Role.DRAINING
                self._tick.stop()
                self._housekeeping.stop()
                self._pool.drain(self._drain_timeout)
                self._recorder.stop(_LAST_WRITE)
                self._give_up()
                scheduler.scheduler.shutdown(wait=False)
            self.role = Role.OFF
            self._lock.release()

    @property
    def tick_age(self) -> float:
        """Seconds since the last look ended."""
        return self._ports.clock.monotonic() - self._tick.beat

    @property
    def trouble(self) -> str | None:
        """Why this process does not do what its role asks for; null where it does."""
        if self.role is Role.STANDBY:
            return self._not_leading
        if self.role is not Role.ACTIVE:
            return None
        if found := self._recorder.trouble or self._tick.trouble:
            return found
        return "the schedule has stalled" if self.tick_age >= UNHEALTHY_AFTER else None

    @property
    def healthy(self) -> bool:
        """Does this process do what its role asks for?"""
        return self.trouble is None

    def _try_to_lead(self) -> bool:
        with self._stopped:  # a stop waits for it, or it does not begin
            return self._lead()

    def _lead(self) -> bool:
        if self._stopping.is_set():
            return False
        if not self._lock.acquire():
            self._not_leading = None
            return False
        try:
            with self._app.app_context():
                try:
                    recover(self._ports, self.owner)
                finally:
                    db.session.remove()
        except Exception as error:
            if self._not_leading is None:  # once: it is tried twice a second
                log.exception("taking over the schedule failed; trying until it succeeds")
            self._not_leading = in_short(error)
            self._lock.release()
            return False
        self._not_leading = None
        self._recorder.start()
        # Not the extension's own start(): under a debug flag it does nothing outside a reloader.
        scheduler.scheduler.start()
        self._tick.start()
        self._housekeeping.start()
        self.role = Role.ACTIVE
        log.info("this process runs the schedule", extra={"owner": self.owner})
        return True

    def _watch(self) -> None:
        """Take over when the leader is gone; wake a tick that sleeps; end a process whose tick died."""
        clock = self._ports.clock
        looked = awake_since = clock.monotonic()
        while not self._stopping.wait(_STANDBY_PAUSE):
            now = clock.monotonic()
            if now - looked > _NUDGE_AFTER:
                awake_since = (
                    now  # the whole process stood still: that the tick did, too, is no fault
                )
            looked = now
            if self.role is Role.STANDBY:
                self._try_to_lead()
            elif self.role is Role.ACTIVE and min(self.tick_age, now - awake_since) > _DEAD_AFTER:
                log.critical("the tick has been dead for %d s: ending the process", self.tick_age)
                os.kill(os.getpid(), signal.SIGTERM)
                if not self._stopping.wait(self._drain_timeout + _LAST_WRITE):
                    os._exit(1)
            elif self.role is Role.ACTIVE and self.tick_age > _NUDGE_AFTER:
                self._tick.wake()
        self.stop()

    def _write(self, outcomes: Sequence[Outcome]) -> None:
        with self._app.app_context():
            try:
                record_runs(self._ports, self.owner, outcomes)
            finally:
                db.session.remove()

    def _written(self) -> None:
        if self._tick.waiting:
            self._tick.wake()

    def _give_up(self) -> None:
        try:
            with self._app.app_context():
                left = give_up_running(self._ports, self.owner)
                db.session.remove()
        except Exception:
            log.exception("what was under way could not be recorded; the next start will do it")
        else:
            if left:
                log.warning("%d runs were interrupted by the shutdown", left)
