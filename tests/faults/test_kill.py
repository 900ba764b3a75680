"""SIGKILL in the middle of runs, again and again: what the ledger says afterwards is true."""

from __future__ import annotations

import os
import random
import time

import pytest

from tests.server import Instance, wait_until

from .report import Report
from .trial import Trial

_PAUSE = 130
"""Seconds of downtime in the long form: more occurrences than are listed one by one."""


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_ledger_stays_true_under_sigkill(
    instance: Instance, trial: Trial, report: Report, long: bool
) -> None:
    seed = int(os.environ.get("AUTOAI_SEED") or random.SystemRandom().randrange(2**31))
    chance = random.Random(seed)
    kills = 200 if long else 5
    print(f"\n{kills} kills, seed {seed} (AUTOAI_SEED={seed} repeats them)")
    server = instance.gunicorn()
    trial.add_many(server.api)
    for number in range(1, kills + 1):
        if number % 5:
            wait_until(trial.under_way, 10, "a call under way", pause=0.01)
            time.sleep(chance.uniform(0, 1))
        server.kill()
        trial.note_end()
        if number == kills and long:
            time.sleep(_PAUSE)
        server = instance.gunicorn(wait=False)
        if number % 5 == 4:
            time.sleep(chance.uniform(0, 2.5))  # the next kill comes while this one starts
        else:
            server.ready()
            trial.booted(server)
    server.ready()
    again = trial.launched()
    tally = trial.close(server)
    report.add(
        "`kill -9`",
        kills,
        tally,
        f"next start goes on by itself; first request after {again:.1f} s",
    )
    if long:
        assert tally.due >= 600
    assert tally.by_status["success"] > 0
    assert tally.by_status["interrupted"] > 0
    assert tally.by_status["failed"] == 0
