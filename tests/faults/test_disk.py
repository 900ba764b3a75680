"""A database that cannot be written: full, locked or read-only, and well again."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.server import Instance, Process, wait_until
from tests.upstream import Upstream

from .disk import full, immutable, needs_immutable, no_file_may_grow, small_disk
from .report import Report
from .trial import Trial

_NOTICED = 30.0


@pytest.fixture
def on_small_disk(tmp_path: Path) -> Iterator[Instance | None]:
    """An instance that has a disk of 24 MB, with its logs; None where none can be mounted."""
    with small_disk(tmp_path / "disk", 24) as mounted:
        folder = tmp_path / "disk" if mounted else tmp_path / "large"
        with Instance(folder, LOG_DIR=str(folder / "logs")) as instance:
            yield instance if mounted else None


def _well(server: Process) -> bool:
    return server.get("/healthz").status_code == 200


def _fails_and_recovers(
    trial: Trial, server: Process, fault: Any, seconds: float, word: str
) -> float:
    """While `fault` lasts, health tells of it and nothing is sent that is not claimed; what was
    under way is recorded afterwards. The seconds until all is well again."""
    trial.add(server.api, "long", 3, "slow?seconds=2.5")
    trial.upstream.wait_for(1, 20, launch="long")
    wait_until(trial.under_way, 20, "a call under way", pause=0.01)
    with fault:
        said = wait_until(lambda: _complaint(server), _NOTICED, "a health check that complains")
        assert word in said, said
        time.sleep(seconds)  # the fault goes on for a while: that is what it is
        assert _complaint(server)
        members = server.members()
    healed = time.monotonic()
    wait_until(lambda: _well(server), _NOTICED, "a health check that is content")
    trial.launched()
    assert server.members() == members
    return time.monotonic() - healed


def _complaint(server: Process) -> str:
    answer = server.get("/healthz")
    return answer.text if answer.status_code == 503 else ""


@pytest.mark.slow
def test_disk_full(
    on_small_disk: Instance | None,
    instance: Instance,
    upstream: Upstream,
    report: Report,
    tmp_path: Path,
    long: bool,
) -> None:
    small = on_small_disk is not None
    trial = Trial(on_small_disk or instance, upstream)
    server = trial.instance.gunicorn()
    trial.add_many(server.api)
    trial.launched(5)
    fault = full(trial.instance.folder) if small else no_file_may_grow(server.members())
    took = _fails_and_recovers(trial, server, fault, 20 if long else 5, "full" if small else "")
    tally = trial.close(server)
    report.add(
        "disk full, then space" if small else "no file may grow, then it may",
        1,
        tally,
        f"/healthz says 503; goes on by itself {took:.1f} s after there is space",
    )
    assert tally.by_status["interrupted"] == tally.by_status["failed"] == 0


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    connection = sqlite3.connect(path, isolation_level=None, timeout=10)
    connection.execute("BEGIN EXCLUSIVE")
    try:
        yield
    finally:
        connection.close()


@pytest.mark.slow
def test_locked_for_less(instance: Instance, trial: Trial, report: Report, long: bool) -> None:
    """Less than the busy timeout: whoever writes waits, and nobody fails."""
    times, seconds = (3, 6) if long else (1, 3)
    server = instance.gunicorn()
    trial.add_many(server.api)
    trial.launched(5)
    for _ in range(times):
        wait_until(trial.under_way, 10, "a call under way", pause=0.01)
        with _locked(instance.database):
            before = len(trial.upstream.requests())
            time.sleep(seconds)
            # What was claimed in the very moment of the lock is sent.
            assert len(trial.upstream.requests()) <= before + len(trial.grids)
        again = trial.launched()
        assert _well(server)
    tally = trial.close(server)
    report.add(
        f"database locked for {seconds} s",
        times,
        tally,
        f"waits and goes on by itself; first request {again:.1f} s after the lock",
    )
    assert "database is locked" not in instance.log
    assert tally.by_status["interrupted"] == tally.by_status["failed"] == 0


@pytest.mark.slow
def test_locked_for_longer(instance: Instance, trial: Trial, report: Report, long: bool) -> None:
    """Longer than the busy timeout."""
    server = instance.gunicorn()
    trial.add_many(server.api)
    trial.launched(5)
    seconds = 20 if long else 1
    took = _fails_and_recovers(trial, server, _locked(instance.database), seconds, "locked")
    tally = trial.close(server)
    report.add(
        "database locked for longer than the busy timeout",
        1,
        tally,
        f"/healthz says 503; goes on by itself {took:.1f} s after the lock",
    )
    assert tally.by_status["interrupted"] == tally.by_status["failed"] == 0


@pytest.mark.slow
def test_read_only_meanwhile(
    instance: Instance, trial: Trial, report: Report, tmp_path: Path, long: bool
) -> None:
    needs_immutable(tmp_path)
    server = instance.gunicorn()
    trial.add_many(server.api)
    trial.launched(5)
    wal = instance.database.with_name(instance.database.name + "-wal")
    fault = immutable(instance.database, wal)
    took = _fails_and_recovers(trial, server, fault, 20 if long else 3, "")
    tally = trial.close(server)
    report.add(
        "database read-only meanwhile",
        1,
        tally,
        f"/healthz says 503; goes on by itself {took:.1f} s after it can be written",
    )
    assert tally.by_status["interrupted"] == tally.by_status["failed"] == 0


@pytest.mark.slow
def test_start_on_what_is_read_only(
    instance: Instance, trial: Trial, report: Report, tmp_path: Path
) -> None:
    needs_immutable(tmp_path)
    _killed(trial)
    _comes_up(trial, report, "start on a read-only database", immutable(instance.database))


@pytest.mark.slow
def test_start_on_a_full_disk(
    on_small_disk: Instance | None, upstream: Upstream, report: Report
) -> None:
    if on_small_disk is None:
        pytest.skip("no file system can be mounted here (it takes root and CAP_SYS_ADMIN)")
    trial = Trial(on_small_disk, upstream)
    _killed(trial)
    _comes_up(trial, report, "start on a full disk", full(on_small_disk.folder))


@pytest.mark.slow
def test_start_on_what_is_locked(
    instance: Instance, trial: Trial, report: Report, long: bool
) -> None:
    """Less than the busy timeout: the start waits."""
    seconds = 6 if long else 3
    _killed(trial)
    with _locked(instance.database):
        server = instance.gunicorn(wait=False)
        wait_until(lambda: "Booting worker" in server.output(), 20, "a worker that begins")
        time.sleep(seconds)
        assert "runs the schedule" not in server.output()
    server.ready()
    trial.booted(server)
    again = trial.launched()
    tally = trial.close(server)
    report.add(
        f"start on a database locked for {seconds} s",
        1,
        tally,
        f"waits and goes on by itself; first request {again:.1f} s after it was up",
    )


def _killed(trial: Trial) -> None:
    """Tasks, and a server that died in the middle of them."""
    server = trial.instance.gunicorn()
    trial.add_many(server.api)
    trial.launched(5)
    wait_until(trial.under_way, 10, "a call under way", pause=0.01)
    server.kill()
    trial.note_end()


def _comes_up(trial: Trial, report: Report, name: str, fault: Any) -> None:
    """Nothing is to be migrated: the server shows its pages, says what is wrong, and leads as soon
    as it can."""
    with fault:
        server = trial.instance.gunicorn()
        said = wait_until(lambda: _complaint(server), _NOTICED, "a health check that complains")
        assert "the database cannot be used" in said
        before = len(trial.upstream.requests())
        time.sleep(3)
        assert len(trial.upstream.requests()) == before
    healed = time.monotonic()
    wait_until(lambda: _well(server), _NOTICED, "a health check that is content")
    trial.booted(server)
    trial.launched()
    took = time.monotonic() - healed
    tally = trial.close(server)
    report.add(
        name, 1, tally, f"/healthz says 503; goes on by itself {took:.1f} s after it is well"
    )
