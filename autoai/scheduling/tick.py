"""The tick: one APScheduler job that looks for what is due.

APScheduler decides only when to look. Its own memory of jobs is never the truth: it drops what it
is late for, loses what is due while it drains, and sleeps on after the clock was set.
"""

from __future__ import annotations

import logging
import threading
from contextlib import suppress
from datetime import datetime, timedelta

from apscheduler.jobstores.base import JobLookupError
from flask import Flask
from flask_apscheduler import APScheduler

from ..domain.runs import Reason
from ..execution.port import Executor
from ..extensions import db
from ..services import occurrences
from ..services.ports import Ports
from ..services.prompts import render_and_claim
from ..services.recovery import OUTAGE, note_awake, note_sleep
from ..services.rewind import JUMP_BACK, rewind_cursors
from ..services.trouble import in_short
from .trigger import FromNow

log = logging.getLogger(__name__)

JOB_ID = "tick"
LONGEST_PAUSE = 1.0
"""Seconds between two looks: another process may have changed something, or the clock moved."""
_NOTE_EVERY = 10.0
"""Seconds between two notes in the database that the scheduler is awake."""


class Tick:
    """Wakes at the earliest due instant, at the latest after `LONGEST_PAUSE`, and when told to."""

    def __init__(
        self, app: Flask, scheduler: APScheduler, ports: Ports, executor: Executor, owner: str
    ) -> None:
        self._app = app
        self._scheduler = scheduler
        self._ports = ports
        self._clock = ports.clock
        self._executor = executor
        self._owner = owner
        self._lock = threading.Lock()
        self._looking = threading.Lock()
        self._busy = False
        self._again = False
        self._stopped = False
        self._last_now: datetime | None = None
        self._noted = float("-inf")
        self.beat = ports.clock.monotonic()
        """Monotonic time of the last look that came to an end, well or not."""
        self.trouble: str | None = None
        """Why the last look failed; null where it did not."""
        self.waiting = False
        """Did the last look leave queued runs for want of a slot?"""

    def start(self) -> None:
        """Add the job. The interval is only the safety net: each tick says when the next one is."""
        self._scheduler.add_job(
            JOB_ID,
            self,
            trigger=FromNow(LONGEST_PAUSE),
            next_run_time=self._clock.now(),
            # One looks; a second one that comes too early says so to the first. With only one,
            # APScheduler drops a look that falls into the last moments of another.
            max_instances=2,
            coalesce=True,
            misfire_grace_time=None,  # a late look is still a look
            replace_existing=True,
        )

    def stop(self) -> None:
        """Begin nothing any more; returns once a look under way is over."""
        self._stopped = True
        with suppress(JobLookupError):
            self._scheduler.remove_job(JOB_ID)
        with self._looking:
            pass

    def wake(self) -> None:
        """Look at once: something changed. Any thread may call this."""
        with self._lock:
            self._again = True
            if self._busy:
                return
        self._look_at(self._clock.now())

    def __call__(self) -> None:
        with self._lock:
            if self._busy:
                self._again = True
                return
            self._busy = True
        again = True
        while again:
            try:
                next_due = None
                try:
                    next_due = self._look()
                finally:
                    self.beat = self._clock.monotonic()
                    latest = self._clock.now() + timedelta(seconds=LONGEST_PAUSE)
                    # Before `_busy` is cleared: a wake that comes later must not be overruled.
                    self._look_at(min(next_due or latest, latest))
            except Exception as error:
                self.trouble = in_short(error)
                log.exception("a look for what is due failed; the next one follows")
            else:
                self.trouble = None
            with self._lock:
                again = self._busy = self._again
                self._again = False

    def _look(self) -> datetime | None:
        with self._looking, self._app.app_context():
            try:
                now = self._clock.now()
                self._mind_the_gap(now)
                if self._stopped:
                    return None
                settled = occurrences.settle_and_claim(
                    self._ports, self._owner, self._executor.free_slots()
                )
                for order in settled.orders:
                    self._executor.submit(order)
                more = self._send_rendered(settled.unprepared)
                # What is due does not wait for what others asked for.
                for run_id in settled.unwanted:
                    self._executor.cancel(run_id, Reason.CANCELLED)
                self.waiting = settled.waiting
                self._executor.prepare(settled.soon)
                self._note(now)
                return now if more else settled.next_due
            finally:
                db.session.remove()

    def _send_rendered(self, run_ids: list[int]) -> bool:
        """Send those whose messages had to be made first; are there more for the next look?"""
        if not run_ids:
            return False
        rendered = render_and_claim(self._ports, self._owner, run_ids, self._executor.free_slots())
        for order in rendered.orders:
            self._executor.submit(order)
        return rendered.more

    def _mind_the_gap(self, now: datetime) -> None:
        """The clock went back, or nobody looked for a while: the process stood still, or the clock
        went forward."""
        last, self._last_now = self._last_now, now
        if last is None:
            return
        if now < last - JUMP_BACK:
            rewind_cursors(now, self._ports.zone)
        elif now - last > OUTAGE:
            note_sleep(last, now)

    def _note(self, now: datetime) -> None:
        if self._clock.monotonic() - self._noted >= _NOTE_EVERY:
            note_awake(now)
            self._noted = self._clock.monotonic()

    def _look_at(self, when: datetime) -> None:
        if not self._stopped:
            with suppress(JobLookupError):  # removed by a stop meanwhile
                self._scheduler.modify_job(JOB_ID, next_run_time=when)
