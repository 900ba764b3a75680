"""SIGKILL in the middle of runs, again and again: what the ledger says afterwards is true."""

from __future__ import annotations

import os
import random
import time

import pytest

from tests.server import Instance, Process, wait_until
from tests.upstream import Upstream

from .ledger import check_ledger

KILLS = 30
_DELAYS = (0.02, 0.1, 0.4, 0.9, 1.4, 2.2, 3.0)
_PAUSE = 130
"""Seconds of downtime in the long form: more occurrences than are listed one by one."""


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_ledger_stays_true_under_sigkill(
    instance: Instance, upstream: Upstream, long: bool
) -> None:
    seed = int(os.environ.get("AUTOAI_SEED") or random.SystemRandom().randrange(2**31))
    chance = random.Random(seed)
    kills = 3 * KILLS if long else KILLS
    print(f"\n{kills} kills, seed {seed} (AUTOAI_SEED={seed} repeats them)")
    server = instance.gunicorn()
    _make_tasks(server, upstream)
    started = time.monotonic()
    for number in range(1, kills + 1):
        if number % 5:
            wait_until(lambda: _under_way(upstream), 10, "a call under way")
            time.sleep(chance.uniform(0, 1))
        server.kill()
        if number == kills and long:
            time.sleep(_PAUSE)
        server = instance.gunicorn(wait=False)
        if number % 5 == 4:
            time.sleep(chance.uniform(0, 2.5))  # the next kill comes while this one starts
        else:
            server.ready()
            _nothing_of_the_dead(instance, server)
    server.ready()
    wait_until(lambda: _under_way(upstream), 10, "a call under way")
    assert server.terminate() == 0
    tally = check_ledger(instance, upstream.requests())
    print(tally.table(f"{kills} kills in {time.monotonic() - started:.0f} s, seed {seed}"))
    assert tally.rows["running"] == tally.rows["queued"] == tally.rows["failed"] == 0
    assert tally.rows["success"] > 0
    assert tally.rows["interrupted"] > 0


def _make_tasks(server: Process, upstream: Upstream) -> None:
    api = server.api
    for number, delay in enumerate(_DELAYS):
        api.create(
            name=f"task-{number}",
            message_content=f"launch=task-{number}",
            api_endpoint=upstream.base_url,
            model=f"slow?seconds={delay}",
            interval_seconds=1 + number % 2,
            max_attempts=1,
        )


def _under_way(upstream: Upstream) -> bool:
    recent = time.time() - 1
    return any(seen.answered is None and seen.arrived > recent for seen in upstream.requests())


def _nothing_of_the_dead(instance: Instance, server: Process) -> None:
    """A `running` row belongs to a process that lives."""
    alive = {str(pid) for pid in server.members()}
    for row in instance.rows("SELECT owner FROM runs WHERE status = 'running'"):
        assert row["owner"].split("-")[-2] in alive, row
