"""What is done now and then, as APScheduler jobs: losing one does no harm, the next one does it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from threading import Event

from flask import Flask
from flask_apscheduler import APScheduler

from ..domain.runs import Reason
from ..extensions import db
from ..providers.base import Provider
from ..services.execute_run import RunControl
from ..services.leftovers import remove_leftovers
from ..services.ports import Ports
from ..services.preflight import run_preflights
from ..services.retention import clock_is_trusted, remove_old_runs, remove_old_texts
from ..services.search_index import index_older_texts
from ..settings import Settings
from .trigger import FromNow

log = logging.getLogger(__name__)

_EVERY_MINUTES = 10
_FIRST_AFTER = timedelta(minutes=1)
_SOON = timedelta(seconds=5)
_PREFLIGHT_FIRST_AFTER = timedelta(seconds=10)
_STEPS = 500
_BREATH = 0.05
"""Seconds between two steps, in which others write."""
_PREFLIGHT_SECONDS = 30
"""A task that was saved is looked at within this."""
_INDEXING_SECONDS = 60
"""While texts are older than the search index, which is once in an instance's life."""


_LEFTOVERS_SECONDS = 10
"""Few of a deleted task's runs are left when somebody looks."""


class Housekeeping:
    """Removes what retention lets go and what deleted tasks left behind, indexes what is older than the
    index, and looks ahead to what would fail."""

    def __init__(
        self,
        app: Flask,
        scheduler: APScheduler,
        ports: Ports,
        providers: Mapping[str, Provider],
        settings: Settings,
    ) -> None:
        self._app = app
        self._scheduler = scheduler
        self._ports = ports
        self._jobs: list[Callable[[], int]] = [
            lambda: self._remove(remove_old_texts, settings.text_retention_days),
            lambda: self._remove(remove_old_runs, settings.retention_days),
        ]
        self._providers = providers
        self._looks_ahead = settings.preflight
        self._stopping = Event()
        self._looking = RunControl()

    def start(self) -> None:
        """Add the jobs."""
        self._add("housekeeping", self, _EVERY_MINUTES * 60, _FIRST_AFTER)
        self._add("leftovers", self._tidy, _LEFTOVERS_SECONDS, _SOON)
        self._add("search-index", self._index, _INDEXING_SECONDS, _SOON)
        if self._looks_ahead:
            self._add("preflight", self._preflight, _PREFLIGHT_SECONDS, _PREFLIGHT_FIRST_AFTER)

    def _add(self, name: str, job: Callable[[], None], seconds: int, first: timedelta) -> None:
        self._scheduler.add_job(
            name,
            job,
            trigger=FromNow(seconds),
            next_run_time=self._ports.clock.now() + first,
            max_instances=1,
            coalesce=True,
            misfire_grace_time=None,
            replace_existing=True,
        )

    def stop(self) -> None:
        """Take no further step, and end the question that an endpoint is being asked."""
        self._stopping.set()
        self._looking.end(Reason.SHUTDOWN)

    def __call__(self) -> None:
        for job in self._jobs:
            removed = self._run(job)
            if removed:
                log.info("old rows removed", extra={"rows": removed})

    def _remove(self, remove: Callable[[datetime, int], int], days: int) -> int:
        now = self._ports.clock.now()
        if not clock_is_trusted(now):
            log.info("nothing is removed for now: the clock jumped, or nobody was awake")
            return 0
        return remove(now, days)

    def _preflight(self) -> None:
        self._run(lambda: run_preflights(self._ports, self._providers, self._looking))

    def _tidy(self) -> None:
        removed = self._run(lambda: remove_leftovers(self._ports.zone))
        if removed:
            log.info("runs of deleted tasks removed", extra={"runs": removed})

    def _index(self) -> None:
        indexed = self._run(index_older_texts)
        if indexed:
            log.info("older texts put into the search index", extra={"runs": indexed})

    def _run(self, job: Callable[[], int]) -> int:
        total = 0
        for _ in range(_STEPS):
            with self._app.app_context():
                try:
                    done = job()
                finally:
                    db.session.remove()
            total += done
            if not done or self._ports.clock.wait(self._stopping, _BREATH):
                break
        return total
