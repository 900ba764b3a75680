"""A process that stands still: stopped from outside, or its interpreter held by one call."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from tests.server import Instance, Process, wait_until

from .report import Report
from .trial import Trial

_HELD = 5.0
_SITECUSTOMIZE = f"""
import ctypes, signal

def hold(number, frame):
    # PyDLL keeps the interpreter's lock during the call, as a faulty C extension would.
    ctypes.PyDLL(None).sleep({int(_HELD)})

signal.signal(signal.SIGRTMIN + 3, hold)
"""


@pytest.mark.slow
def test_sigstop(instance: Instance, trial: Trial, report: Report, long: bool) -> None:
    """Longer than a call may take: what was answered in time is read all the same."""
    seconds, timeout = (120, 8) if long else (8, 5)
    server = instance.gunicorn()
    trial.add_many(server.api, timeout_seconds=timeout)
    trial.launched(5)
    members = set(server.members())
    wait_until(trial.under_way, 10, "a call under way", pause=0.01)
    os.killpg(server.pid, signal.SIGSTOP)
    try:
        time.sleep(seconds)
    finally:
        os.killpg(server.pid, signal.SIGCONT)
    again = trial.launched()
    assert set(server.members()) == members, "the worker was replaced"
    assert server.get("/healthz").status_code == 200
    tally = trial.close(server)
    report.add(
        f"SIGSTOP for {seconds} s",
        1,
        tally,
        f"same process goes on by itself; first request {again:.1f} s after SIGCONT",
    )
    assert again < 8
    if seconds > 60:
        assert instance.rows("SELECT 1 FROM outages"), "a person is not told"


def test_interpreter_held(
    instance: Instance, trial: Trial, report: Report, tmp_path: Path, long: bool
) -> None:
    """No thread of the worker runs a line of Python for five seconds."""
    times = 5 if long else 1
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(_SITECUSTOMIZE)
    server = instance.gunicorn(PYTHONPATH=str(folder))
    trial.add_many(server.api)
    trial.launched(5)
    [worker] = set(server.members()) - {server.pid}
    for _ in range(times):
        wait_until(trial.under_way, 10, "a call under way", pause=0.01)
        os.kill(worker, signal.SIGRTMIN + 3)
        assert _silence(server) > _HELD - 1, "the stall did not take place"
        again = trial.launched()
        assert server.get("/healthz").status_code == 200
    assert worker in server.members()
    tally = trial.close(server)
    report.add(
        f"interpreter held for {_HELD:.0f} s",
        times,
        tally,
        f"same process goes on by itself; first request {again:.1f} s afterwards",
    )
    assert tally.by_status["failed"] == tally.by_status["interrupted"] == 0


def _silence(server: Process) -> float:
    """How long /healthz takes to answer, at most: the signal may need a moment to arrive."""
    longest = 0.0
    until = time.monotonic() + 2 * _HELD
    while longest < 1 and time.monotonic() < until:
        asked = time.monotonic()
        server.health()  # gunicorn may drop a connection that waited so long
        longest = max(longest, time.monotonic() - asked)
    return longest
