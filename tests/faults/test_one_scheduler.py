"""However many processes there are on a database, one of them schedules; another one takes over."""

from __future__ import annotations

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.server import Instance, Process, wait_until

from .conftest import LONG
from .report import Report
from .trial import Trial

_FAR = 20
"""Seconds: no pass or failure hangs on a busy machine."""


_WAYS: list[tuple[str, ...]] = [(), ("--debug",), ("--reload",), ("--debug", "--no-reload")]


def _roles(process: Process, enough: int = 1) -> set[str]:
    """Every role that its workers say they have, asked until `enough` were heard. Several at once:
    the worker that is awake already would take one request after the other."""
    heard: set[str] = set()
    until = time.monotonic() + _FAR
    with ThreadPoolExecutor(16) as asking:
        while len(heard) < enough and time.monotonic() < until:
            answers = asking.map(lambda _: process.health(), range(16 if enough > 1 else 1))
            heard |= {answer.get("scheduler", "") for answer in answers} - {""}
    return heard


def _owners(instance: Instance) -> list[str]:
    rows = instance.rows("SELECT DISTINCT owner FROM runs WHERE owner IS NOT NULL")
    return [row["owner"] for row in rows]


def test_two_workers(instance: Instance, trial: Trial, report: Report) -> None:
    server = instance.gunicorn("--workers", "2")
    assert _roles(server, 2) == {"active", "standby"}
    trial.add_many(server.api)
    trial.upstream.wait_for(4)
    [leader] = _owners(instance)
    os.kill(int(leader.split("-")[-2]), signal.SIGKILL)
    trial.note_end()
    took = trial.launched(seconds=_FAR)
    trial.booted(server)
    tally = trial.close(server)
    report.add(
        "two workers, the leading one killed",
        1,
        tally,
        f"one leads, the other takes over by itself; first request after {took:.1f} s",
    )
    # At the end both are told to stop; the one that stands by may lead for a moment between the
    # two signals.
    assert len(_owners(instance)) in (2, 3)


def test_web_concurrency_is_not_heeded(instance: Instance) -> None:
    """A platform that sets it gets one worker all the same: gunicorn.conf.py says how many."""
    server = instance.gunicorn(WEB_CONCURRENCY="2")
    assert len(server.members()) == 2, "the master and one worker"


def test_two_servers(instance: Instance, trial: Trial, report: Report) -> None:
    upstream = trial.upstream
    first = instance.gunicorn()
    second = instance.gunicorn()
    assert (_roles(first), _roles(second)) == ({"active"}, {"standby"})
    trial.add_many(second.api)
    task = trial.add(second.api, "by-hand", 3600)
    took = []
    for number in range(1, 6):
        asked = time.time()
        run = second.api.run(task)
        took.append(upstream.wait_for(number, _FAR, "by-hand")[-1].arrived - asked)
        assert second.api.ended(run["id"])["status"] == "success"
    print(f"\nrun now through the standby: {min(took):.2f} to {max(took):.2f} s")
    assert len(_owners(instance)) == 1

    first.kill()
    trial.note_end()
    wait_until(lambda: _roles(second) == {"active"}, _FAR, "a standby that takes over")
    trial.booted(second)
    again = trial.launched(seconds=_FAR)
    third = instance.gunicorn()
    assert _roles(third) == {"standby"}
    assert third.terminate() == 0
    assert _roles(second) == {"active"}
    tally = trial.close(second)
    report.add(
        "two servers, the leading one killed",
        1,
        tally,
        f"one leads, the other takes over by itself; next request after {again:.1f} s",
    )
    assert len(_owners(instance)) == 2
    rows = instance.rows("SELECT id FROM runs WHERE task_id = ?", task)
    assert len(upstream.requests("by-hand")) == len(rows) == 5


def test_three_servers_that_start_at_once(instance: Instance, trial: Trial, report: Report) -> None:
    servers = [instance.gunicorn(wait=False) for _ in range(3)]
    roles = sorted(role for server in servers for role in _roles(server.ready()))
    assert roles == ["active", "standby", "standby"]
    trial.add_many(servers[0].api)
    trial.upstream.wait_for(3)
    report.add("three servers at once", 1, trial.close(*servers), "one leads, two stand by")


@pytest.mark.parametrize("arguments", _WAYS if LONG else _WAYS[:2])
def test_flask_run(instance: Instance, trial: Trial, arguments: tuple[str, ...]) -> None:
    server = instance.flask(*arguments)
    reloads = arguments in (("--debug",), ("--reload",))
    assert len(server.members()) == (2 if reloads else 1)
    assert _roles(server) == {"active"}
    trial.add(server.api, "tick")
    trial.upstream.wait_for(4)
    server.kill()
    trial.note_end()
    assert len(_owners(instance)) == 1
    with_kill = instance.gunicorn()
    trial.launched(1)
    trial.close(with_kill).assert_right()
