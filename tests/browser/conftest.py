"""Chromium for the browser tests: one process, and for each test a context nobody else has used.

`make test` sets AUTOAI_SKIP_BROWSER where no browser can be installed. Without it a missing browser
is a failure, not a skip: a group that silently did not run looks like one that passed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

HERE = Path(__file__).parent
CHROMIUM = os.environ.get("CHROMIUM") or "/usr/bin/chromium"
INSTALL = "sudo apt-get install -y --no-install-recommends chromium fonts-noto-cjk libatomic1"

# No sandbox: it needs user namespaces, which root in a container often lacks, and the pages are our
# own. The others keep the browser from calling home, which would fail or be slow where CI runs.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what lies in this folder, keep it on one worker (one Chromium), skip it where told to."""
    skip = pytest.mark.skip(reason=f"BROWSER TESTS SKIPPED. Install Chromium: {INSTALL}")
    for item in items:
        if not item.path.is_relative_to(HERE):
            continue
        item.add_marker(pytest.mark.browser)
        if item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group("browser"))
        if os.environ.get("AUTOAI_SKIP_BROWSER"):
            item.add_marker(skip)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The one Chromium of this run."""
    if not os.access(CHROMIUM, os.X_OK):
        pytest.fail(f"There is no browser at {CHROMIUM}. Install it: {INSTALL}", pytrace=False)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def new_context(browser: Browser) -> Iterator[Callable[..., BrowserContext]]:
    """Make a context: `new_context(locale="zh-CN", color_scheme="dark", viewport={…})`.

    English, UTC and a desktop's size unless the test says otherwise. Times are in milliseconds.
    """
    contexts: list[BrowserContext] = []

    def make(**options: Any) -> BrowserContext:
        defaults: dict[str, Any] = {
            "locale": "en-US",
            "timezone_id": "UTC",
            "viewport": {"width": 1280, "height": 800},
        }
        context = browser.new_context(**(defaults | options))
        context.set_default_timeout(10_000)
        contexts.append(context)
        return context

    yield make
    for context in contexts:
        context.close()


@pytest.fixture
def page(new_context: Callable[..., BrowserContext]) -> Page:
    """A page in a fresh context with the defaults."""
    return new_context().new_page()
