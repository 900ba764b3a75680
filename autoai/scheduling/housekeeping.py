"""What is done now and then, as APScheduler jobs: losing one does no harm, the next one does it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from threading import Event

from flask import Flask
from flask_apscheduler import APScheduler

from ..extensions import db
from ..services.ports import Ports
from ..services.retention import remove_old_runs, remove_old_texts

log = logging.getLogger(__name__)

_EVERY_MINUTES = 10
_FIRST_AFTER = timedelta(minutes=1)
_STEPS = 500
_BREATH = 0.05
"""Seconds between two steps, in which others write."""


class Housekeeping:
    """Removes what retention lets go."""

    def __init__(
        self, app: Flask, scheduler: APScheduler, ports: Ports, row_days: int, text_days: int
    ) -> None:
        self._app = app
        self._scheduler = scheduler
        self._ports = ports
        self._jobs: list[Callable[[], int]] = [
            lambda: remove_old_texts(ports.clock.now(), text_days),
            lambda: remove_old_runs(ports.clock.now(), row_days),
        ]
        self._stopping = Event()

    def start(self) -> None:
        """Add the job."""
        self._scheduler.add_job(
            "housekeeping",
            self,
            trigger="interval",
            minutes=_EVERY_MINUTES,
            next_run_time=self._ports.clock.now() + _FIRST_AFTER,
            max_instances=1,
            coalesce=True,
            misfire_grace_time=None,
            replace_existing=True,
        )

    def stop(self) -> None:
        """Take no further step."""
        self._stopping.set()

    def __call__(self) -> None:
        for job in self._jobs:
            removed = self._run(job)
            if removed:
                log.info("old rows removed", extra={"rows": removed})

    def _run(self, job: Callable[[], int]) -> int:
        total = 0
        for _ in range(_STEPS):
            with self._app.app_context():
                try:
                    removed = job()
                finally:
                    db.session.remove()
            total += removed
            if not removed or self._ports.clock.wait(self._stopping, _BREATH):
                break
        return total
