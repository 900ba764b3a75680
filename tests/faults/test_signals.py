"""SIGTERM and SIGHUP at random instants, again and again. What each does once: test_shutdown."""

from __future__ import annotations

import os
import random
import signal
import time

import pytest

from tests.server import Instance, Process, wait_until

from .report import Report
from .trial import Trial


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_sigterm(instance: Instance, trial: Trial, report: Report, long: bool) -> None:
    chance = _chance()
    times = 100 if long else 4
    instance.settings["DRAIN_TIMEOUT"] = "1"  # shorter than some calls
    server = instance.gunicorn()
    trial.add_many(server.api)
    slowest = 0.0
    for number in range(1, times):
        starting = number % 5 == 4 if long else number == 2
        if starting:
            time.sleep(chance.uniform(0, 2))
        else:
            trial.booted(server.ready())
            wait_until(trial.under_way, 10, "a call under way", pause=0.01)
            time.sleep(chance.uniform(0, 1))
        told = time.monotonic()
        trial.note_end()
        code = server.terminate()
        trial.note_end()
        slowest = max(slowest, time.monotonic() - told)
        # While it starts, gunicorn may not yet have a handler, or may have no worker that is up.
        assert code == 0 or (starting and code in (-signal.SIGTERM, 3)), server.output()
        assert not server.members()
        server = instance.gunicorn(wait=False)
    trial.booted(server.ready())
    trial.launched()
    tally = trial.close(server)
    report.add(
        "SIGTERM", times, tally, f"ends within {slowest:.1f} s; next start goes on by itself"
    )
    assert slowest < 20
    assert tally.by_status["interrupted"] > 0
    assert tally.by_status["failed"] == tally.by_status["running"] == 0


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_sighup(instance: Instance, trial: Trial, report: Report, long: bool) -> None:
    """Calls under way are finished by the old worker; the new one takes the schedule over."""
    chance = _chance()
    times = 50 if long else 3
    server = instance.gunicorn()
    trial.add_many(server.api)
    trial.launched()
    for number in range(1, times + 1):
        server.signal(signal.SIGHUP)
        # gunicorn keeps no more than five signals in mind.
        wait_until(lambda n=number: _noted(server) >= n, 60, "a reload that begins")
        time.sleep(chance.uniform(0, 3))
    wait_until(lambda: _leads(server), 60, "one worker that leads")
    trial.booted(server)
    trial.launched()
    tally = trial.close(server)
    owners = instance.rows("SELECT DISTINCT owner FROM runs WHERE owner IS NOT NULL")
    report.add(
        "SIGHUP", times, tally, f"goes on by itself; {len(owners)} workers led one after the other"
    )
    assert len(owners) >= 2
    assert tally.by_status["failed"] == 0


def _chance() -> random.Random:
    seed = int(os.environ.get("AUTOAI_SEED") or random.SystemRandom().randrange(2**31))
    print(f"\nseed {seed} (AUTOAI_SEED={seed} repeats it)")
    return random.Random(seed)


def _noted(server: Process) -> int:
    return server.output().count("Handling signal: hup")


def _leads(server: Process) -> bool:
    """Is one worker left, and does it lead?"""
    return len(server.members()) == 2 and server.health().get("scheduler") == "active"
