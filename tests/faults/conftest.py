"""Real processes, a real upstream. AUTOAI_LONG=1 asks for the long forms."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server import Instance
from tests.upstream import Upstream

LONG = os.environ.get("AUTOAI_LONG", "") not in ("", "0")
_HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here is a fault test, and slower than most."""
    for item in items:
        if item.path.is_relative_to(_HERE):
            item.add_marker(pytest.mark.faults)
            if item.get_closest_marker("timeout") is None:
                item.add_marker(pytest.mark.timeout(300))


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
