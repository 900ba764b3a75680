"""What the work behind the scenes costs in a large ledger, and how long others wait for it.

    .venv/bin/python tests/bench/pages.py --runs 1000000 --keep /var/tmp/ledger --no-load --only nothing
    .venv/bin/python tests/bench/maintenance.py /var/tmp/ledger [--only delete]

Each job works on a copy of its own, while another process writes 50 times a second, as runs that
end do. Printed: rows for each second of CPU, how long its write transactions took, how long the
other process waited for its own beside the job and before it (median, 99th percentile and longest),
and how far the write-ahead log grew.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from flask import Flask
from ledger import open_app
from measuring import opened, quantile
from sqlalchemy import event, func, select

from autoai.extensions import db
from autoai.models import Run
from autoai.runtime import runtime
from autoai.services.hours import count_hours_once
from autoai.services.leftovers import remove_leftovers
from autoai.services.retention import remove_old_runs, remove_old_texts
from autoai.services.search_index import index_older_texts, rebuild_search
from autoai.services.statistics import rebuild_totals
from autoai.services.tasks import delete_task

_BREATH = 0.05
"""Seconds between two steps, as housekeeping takes them."""
_MOST = 15.0
"""Seconds for the steps of one job: what is left then is told."""
_EVERY = 0.02
_BEFORE = 3.0
"""Seconds in which the other process writes alone: what it waits then is the machine's doing."""
_WRITER = """
import json, sqlite3, sys, threading, time
base = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=60)
base.execute("PRAGMA synchronous = FULL")
over = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), over.set()), daemon=True).start()
waits, due = [], time.perf_counter()
while not over.is_set():
    due += float(sys.argv[2])
    time.sleep(max(0.0, due - time.perf_counter()))
    base.execute("BEGIN IMMEDIATE")
    base.execute("UPDATE instance_state SET revision = revision + 1")
    base.execute("COMMIT")
    waits.append(time.perf_counter() - due)
print(json.dumps(waits))
"""


@dataclass
class Watched:
    """What a job did to others."""

    locks: list[float] = field(default_factory=list)
    """Seconds of each of its write transactions."""
    cpu: list[float] = field(default_factory=list)
    """The same of the processor alone: on a busy machine the others are those of the neighbours."""
    waits: list[float] = field(default_factory=list)
    """Seconds from when the other process wanted to write until it had."""
    idle: list[float] = field(default_factory=list)
    """The same before the job began."""
    wal: int = 0
    """Bytes."""


@contextmanager
def _watching(app: Flask, database: Path) -> Iterator[Watched]:
    watched = Watched()
    began: dict[int, tuple[float, float]] = {}
    with app.app_context():
        engine = db.engine

    def begin(connection: Any) -> None:
        if connection.get_execution_options().get("autoai_write"):
            began[id(connection.connection.dbapi_connection)] = (
                time.perf_counter(),
                time.thread_time(),
            )

    def end(raw: Any, _record: Any) -> None:
        if (at := began.pop(id(raw), None)) is not None:
            watched.locks.append(time.perf_counter() - at[0])
            watched.cpu.append(time.thread_time() - at[1])

    event.listen(engine, "begin", begin)
    event.listen(engine, "checkin", end)
    writer = subprocess.Popen(
        [sys.executable, "-c", _WRITER, str(database), str(_EVERY)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    time.sleep(_BEFORE)
    try:
        yield watched
    finally:
        waits = json.loads(writer.communicate()[0])
        before = int(_BEFORE / _EVERY)
        watched.idle, watched.waits = waits[:before], waits[before:]
        watched.wal = database.with_name(database.name + "-wal").stat().st_size
        event.remove(engine, "begin", begin)
        event.remove(engine, "checkin", end)


Job = Callable[[Flask], int]


def _steps(step: Callable[[], int]) -> int:
    """Until there is nothing left, or the time is over; how many."""
    done, until = 0, time.perf_counter() + _MOST
    while time.perf_counter() < until:
        some = step()
        db.session.remove()
        if not some:
            break
        done += some
        time.sleep(_BREATH)
    return done


def _delete(app: Flask) -> int:
    """The task with the most runs."""
    task_id, runs = db.session.execute(
        select(Run.task_id, func.count()).group_by(Run.task_id).order_by(func.count().desc())
    ).first() or (0, 0)
    db.session.remove()
    begun = time.perf_counter()
    delete_task(runtime(app).ports, task_id)
    print(f"    its request took {time.perf_counter() - begun:.2f} s")
    _steps(lambda: remove_leftovers(runtime(app).ports.zone))
    return int(runs)


def _old_runs(app: Flask) -> int:
    """The oldest ones, whose texts are gone."""
    later = datetime.now(UTC) + timedelta(days=60)
    return _steps(lambda: remove_old_runs(later, days=90))


def _runs_with_texts(app: Flask) -> int:
    return _steps(lambda: remove_old_runs(datetime.now(UTC), days=3_650))


def _aged(database: Path) -> None:
    """Some of those with texts are the oldest of all."""
    with opened(database) as base:
        base.execute(
            "UPDATE runs SET due_at = '2001-01-01 00:00:00.000000' WHERE id IN"
            " (SELECT run_id FROM run_texts ORDER BY run_id LIMIT 20000)"
        )


def _old_texts(app: Flask) -> int:
    later = datetime.now(UTC) + timedelta(days=365)
    return _steps(lambda: remove_old_texts(later, days=90))


def _back_fill(app: Flask) -> int:
    return _steps(index_older_texts)


def _emptied(database: Path) -> None:
    """As before the first start after the update."""
    with opened(database) as base:
        (made,) = base.execute("SELECT sql FROM sqlite_master WHERE name = 'run_search'").fetchone()
        base.execute("DROP TABLE run_search")
        base.execute(made)
        base.execute(
            "UPDATE instance_state SET unindexed_below = (SELECT max(run_id) + 1 FROM run_texts)"
        )


def _uncounted(database: Path) -> None:
    with opened(database) as base:
        for name in ("hourly_totals", "hourly_timings"):
            base.execute(f"DELETE FROM {name}")
        base.execute("UPDATE instance_state SET hours_counted = 0")


def _count_once(app: Flask) -> int:
    count_hours_once(runtime(app).ports.zone)
    return _all(app)


def _rebuild_stats(app: Flask) -> int:
    print(f"    {rebuild_totals(runtime(app).ports.zone)} totals were wrong")
    return _all(app)


def _rebuild_search(app: Flask) -> int:
    print(f"    {rebuild_search()} runs were wrong")
    return db.session.scalar(select(func.count()).select_from(db.text("run_texts"))) or 0


def _all(_app: Flask) -> int:
    return db.session.scalar(select(func.count()).select_from(Run)) or 0


_JOBS: dict[str, tuple[Job, Callable[[Path], None] | None]] = {
    "delete": (_delete, None),
    "old-runs": (_old_runs, None),
    "old-texts": (_old_texts, None),
    "runs-with-texts": (_runs_with_texts, _aged),
    "back-fill": (_back_fill, _emptied),
    "rebuild-search": (_rebuild_search, None),
    "count-once": (_count_once, _uncounted),
    "rebuild-stats": (_rebuild_stats, None),
}


def _told(seconds: Sequence[float]) -> str:
    """In milliseconds: the median, the 99th percentile and the longest."""
    if not seconds:
        return "–"
    shares = (quantile(seconds, 0.5), quantile(seconds, 0.99), max(seconds))
    return "/".join(f"{share * 1000:.0f}" for share in shares) + " ms"


def measure(ledger: Path, name: str) -> None:
    """One job, printed."""
    job, prepared = _JOBS[name]
    folder = Path(tempfile.mkdtemp(prefix="autoai-bench-", dir=ledger.parent))
    try:
        copy = ["cp", "-r", "--reflink=auto", str(ledger / "instance"), str(folder)]
        subprocess.run(copy, check=True)
        database = folder / "instance" / "autoai.db"
        app = open_app(folder)
        if prepared:
            prepared(database)
        with opened(database) as base:
            base.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        with app.app_context(), _watching(app, database) as watched:
            begun, cpu = time.perf_counter(), time.process_time()
            rows = job(app)
            took, cpu = time.perf_counter() - begun, time.process_time() - cpu
            db.session.remove()
        print(
            f"{name:<16}{rows:>10,} rows {took:>7.1f} s {cpu:>6.1f} CPU {rows / cpu:>8,.0f}/CPU s;"
            f"  {len(watched.locks):>5} transactions, {_told(watched.locks)},"
            f" CPU {_told(watched.cpu)};  others wait {_told(watched.waits)},"
            f" alone {_told(watched.idle)};  WAL {watched.wal / 1e6:.0f} MB",
            flush=True,
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print. What is printed is for people: nothing fails here for being slow."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("ledger", type=Path, help="a ledger that pages.py --keep left")
    parser.add_argument("--only", choices=_JOBS, action="append", help="this job, or several")
    options = parser.parse_args(arguments)
    print(f"SQLite {sqlite3.sqlite_version}, Python {sys.version.split()[0]}")
    for name in options.only or _JOBS:
        measure(options.ledger, name)


if __name__ == "__main__":
    main()
