"""The system clock as one process sees it: libfaketime, told by a file that is rewritten meanwhile."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

_PLACES = ("/usr/lib", "/usr/lib64", "/usr/local/lib", "/opt/homebrew/lib")

# Of libfaketime 0.9.10 in Debian 12, clock_nanosleep with a deadline, which Python's sleep calls,
# answers EINVAL. select does not care what time it is.
_SITECUSTOMIZE = """
import select, time

def sleep(seconds):
    select.select([], [], [], seconds)

time.sleep = sleep
"""


def library() -> Path:
    """libfaketime for programs with threads; skips the test where it is not installed."""
    found = [
        path
        for place in _PLACES
        for path in (
            *Path(place).glob("faketime/libfaketimeMT*"),
            *Path(place).glob("*/faketime/libfaketimeMT*"),
        )
    ]
    if found:
        return found[0]
    text = "libfaketime is missing: apt-get install -y --no-install-recommends faketime"
    if os.environ.get("CI"):
        pytest.fail(text)
    pytest.skip(text)


class FakeClock:
    """What the process's clock is ahead of the machine's, now and at each moment before."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "offset"
        self._site = folder / "site"
        self._site.mkdir()
        (self._site / "sitecustomize.py").write_text(_SITECUSTOMIZE)
        self._history: list[tuple[float, timedelta]] = []
        self.set(timedelta())

    @property
    def environment(self) -> dict[str, str]:
        """For the process. Only the time of day is moved: a clock that is set does not move the
        monotonic one, nor the times of files."""
        return {
            "LD_PRELOAD": str(library()),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_DONT_RESET": "1",
            "NO_FAKE_STAT": "1",
            "PYTHONPATH": str(self._site),
        }

    def set(self, ahead: timedelta) -> None:
        """From now on the process's clock is so much ahead; in one step, as the file is replaced."""
        new = self._file.with_suffix(".new")
        new.write_text(f"{ahead.total_seconds():+.0f}\n")
        new.replace(self._file)
        self._history.append((time.time(), ahead))

    def at(self, moment: float) -> datetime:
        """What the process's clock showed at that moment of the machine's."""
        ahead = [ahead for since, ahead in self._history if since <= moment]
        return datetime.fromtimestamp(moment, UTC) + (ahead[-1] if ahead else timedelta())

    def latest(self) -> datetime:
        """The latest time that the process's clock ever showed."""
        ends = [since for since, _ in self._history[1:]] + [time.time()]
        return max(
            datetime.fromtimestamp(end, UTC) + ahead
            for end, (_, ahead) in zip(ends, self._history, strict=True)
        )
