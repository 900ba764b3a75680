"""Real processes, a real upstream. AUTOAI_LONG=1 asks for the long forms."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.server import Instance
from tests.upstream import Upstream

from .report import REPORT, Report, keep
from .trial import Trial

LONG = os.environ.get("AUTOAI_LONG", "") not in ("", "0")
KEPT_IN = os.environ.get("AUTOAI_FAULTS_REPORT")
"""The page whose table this run replaces."""
_HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here is a fault test, and slower than most."""
    for item in items:
        if item.path.is_relative_to(_HERE):
            item.add_marker(pytest.mark.faults)
            if item.get_closest_marker("timeout") is None:
                item.add_marker(pytest.mark.timeout(300))


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """The table of all faults, and where it was kept."""
    report = config.stash.get(REPORT, None)
    if report is None:
        return
    terminalreporter.section("faults")
    terminalreporter.write_line(report.table())
    if KEPT_IN:
        failed = sum(len(terminalreporter.stats.get(kind, ())) for kind in ("failed", "error"))
        keep(report, Path(KEPT_IN).resolve(), failed)
        terminalreporter.write_line(f"\nkept in {KEPT_IN}")


@pytest.fixture
def report(pytestconfig: pytest.Config) -> Report:
    """Where a test leaves its line."""
    return pytestconfig.stash.setdefault(REPORT, Report())


@pytest.fixture(scope="session")
def long() -> bool:
    """Is there time for the long form?"""
    return LONG


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    """The other side."""
    with Upstream() as server:
        yield server


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[Instance]:
    """An empty instance; its processes are ended with the test."""
    with Instance(tmp_path) as made:
        yield made


@pytest.fixture
def trial(instance: Instance, upstream: Upstream) -> Trial:
    """What is promised to that instance's tasks."""
    return Trial(instance, upstream)
