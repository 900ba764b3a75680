"""One look of the tick, in this process: what it takes, and how that depends on what is there."""

from __future__ import annotations

import sqlite3
import statistics
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from measuring import add_idle_tasks, set_due

from autoai import create_app
from autoai.runtime import runtime
from autoai.scheduling.tick import Tick
from autoai.settings import load_settings
from autoai.startup import prepare
from tests.factories import make_task
from tests.fakes import RecordingExecutor

_EVERY = 3600


class _Planner:
    """In the place of APScheduler: nothing is woken, each look is asked for."""

    def add_job(self, *args: Any, **options: Any) -> None: ...

    def modify_job(self, name: str, next_run_time: datetime) -> None: ...


class Looks:
    """`size` tasks of which `due` are due at each look; the others wait."""

    def __init__(self, folder: Path, size: int, due: int) -> None:
        self.size = size
        self._due = due
        self._wall: list[float] = []
        self._cpu: list[float] = []
        self._nothing: list[float] = []
        settings = load_settings(
            _env_file=None,
            admin_password="correct-horse-battery",
            instance_dir=folder,
            timezone="UTC",
            log_level="ERROR",
        )
        app = create_app(settings)
        prepare(app)
        self._database = settings.database_path
        with app.app_context():
            for number in range(due):
                make_task(runtime(app).ports, name=f"task {number}", interval_seconds=_EVERY)
        if size > due:
            add_idle_tasks(self._database, size - due)
        self._executor = RecordingExecutor()
        self._tick = Tick(app, _Planner(), runtime(app).ports, self._executor, "bench")  # type: ignore[arg-type]
        self._tick()

    def once(self) -> None:
        """A look at what is due, and one when nothing is."""
        connection = sqlite3.connect(self._database, timeout=10)
        with connection:
            connection.execute("DELETE FROM runs")
        connection.close()
        set_due(self._database, [time.time() - 0.1] * self._due, _EVERY)
        self._executor.orders.clear()
        wall, cpu = time.perf_counter(), time.process_time()
        self._tick()
        self._wall.append(time.perf_counter() - wall)
        self._cpu.append(time.process_time() - cpu)
        assert len(self._executor.orders) == self._due
        cpu = time.process_time()
        self._tick()
        self._nothing.append(time.process_time() - cpu)
        assert len(self._executor.orders) == self._due

    @property
    def wall(self) -> float:
        """Seconds, the median over all looks; so are the others."""
        return statistics.median(self._wall)

    @property
    def cpu(self) -> float:
        return statistics.median(self._cpu)

    @property
    def nothing(self) -> float:
        """CPU of a look that finds nothing due."""
        return statistics.median(self._nothing)
