"""The system clock is set while the process runs: an hour, a day, ten years, either way."""

from __future__ import annotations

from datetime import timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest

from tests.server import Instance, Process, wait_until

from .conftest import LONG
from .faketime import FakeClock, library
from .report import Report
from .trial import Trial

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
JUMPS = {"+1 h": HOUR, "−1 h": -HOUR, "+24 h": DAY, "−24 h": -DAY, "+10 years": 3653 * DAY}
SHORT = ("−1 h", "−24 h", "+10 years")
"""Where there is little time: going forward is half of every jump back."""
BASE = timedelta(minutes=5)
"""What the clock is ahead otherwise: so that there is a gap row behind it when it goes back."""
_SOON = 20.0
"""Seconds; it notices within five or six, and then has to account for what was jumped over."""


@pytest.fixture
def clock(trial: Trial, tmp_path: Path) -> FakeClock:
    """Moves what the trial's processes see."""
    library()
    clock = FakeClock(tmp_path)
    trial.as_seen, trial.horizon = clock.at, clock.latest
    trial.slack = timedelta(seconds=0.9)  # a run under way when the clock moves
    return clock


@pytest.mark.slow
@pytest.mark.parametrize("name", JUMPS if LONG else SHORT)
def test_clock_is_set_and_set_right_again(
    instance: Instance, trial: Trial, clock: FakeClock, report: Report, name: str, long: bool
) -> None:
    """In the long form the process is killed there, too, and its successor starts there."""
    server = instance.gunicorn(**clock.environment)
    _make_tasks(trial, server)
    trial.launched(3)
    took = []
    for ahead in (BASE, BASE + JUMPS[name], BASE):
        _between_runs(instance, trial)
        clock.set(ahead)
        _assert_moved(trial, server)
        took.append(trial.launched(4 if long else 2, _SOON))
        assert server.get("/healthz").status_code == 200
        if long and ahead != BASE:
            server.kill()
            trial.note_end()
            server = instance.gunicorn(**clock.environment)
            trial.booted(server)
            trial.launched(3)
    tally = trial.close(server)
    report.add(
        f"clock {name} and back" + (", killed there" if long else ""),
        2,
        tally,
        f"goes on by itself; next request after {max(took[1:]):.1f} s",
    )
    assert tally.by_status["failed"] == 0
    assert long or tally.by_status["interrupted"] == 0
    assert instance.rows("SELECT 1 FROM outages"), "a person is not told"


def _between_runs(instance: Instance, trial: Trial) -> None:
    """Wait until nothing is claimed and nothing due for a while: a request on its way just then would
    be told by two clocks."""

    def calm() -> bool:
        busy = instance.rows("SELECT 1 FROM runs WHERE status IN ('queued', 'running') LIMIT 1")
        return not busy and 0.35 < trial.now().timestamp() % 1 < 0.6

    wait_until(calm, 30, "a moment between two runs", pause=0.02)


def _make_tasks(trial: Trial, server: Process) -> None:
    api = server.api
    trial.add(api, "second")
    trial.add(api, "cron", 3, cron="*/3 * * * * *")
    trial.add(api, "minute", 60, cron="* * * * *")
    trial.add(api, "hour", 3600)


def _assert_moved(trial: Trial, server: Process) -> None:
    """The process does see the clock that it is meant to see."""
    shown = parsedate_to_datetime(server.get("/healthz").headers["Date"])
    assert abs(shown - trial.now()) < timedelta(seconds=3)
