"""Chromium and a real server for the browser tests: one of each per worker, and for each test an
empty instance and contexts that nobody else has used.

Whatever a test is about, it fails where one of its pages writes an error to the console, breaks the
content security policy, asks another origin, or gets a status that the test has not allowed.

`make test` sets AUTOAI_SKIP_BROWSER where no browser can be installed. Without it a missing browser
is a failure, not a skip: a group that silently did not run looks like one that passed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, StorageState, expect, sync_playwright

from tests.browser.harness import WAIT, Open, Site, Watch, log_in
from tests.server import Instance
from tests.upstream import Upstream

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
    """Mark what lies in this folder, keep it on one worker or two (a Chromium and a server for each),
    skip it where told to."""
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
        expect.set_options(timeout=WAIT)
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """gunicorn and the upstream, for all tests of this worker; `site` is what a test takes."""
    with Instance(tmp_path_factory.mktemp("site")) as instance, Upstream() as upstream:
        process = instance.gunicorn()
        yield Site(instance, process, upstream, process.api)


@pytest.fixture
def site(server: Site) -> Site:
    """The server, without a task."""
    server.clear()
    return server


@pytest.fixture(scope="session")
def login_state(browser: Browser, server: Site) -> StorageState:
    """The cookies of somebody who has logged in. No test may log this one out."""
    context = browser.new_context(locale="en-US", timezone_id="UTC")
    context.set_default_timeout(WAIT)
    page = context.new_page()
    log_in(page, server.base)
    page.wait_for_url(server.base + "/")
    state = context.storage_state()
    context.close()
    return state


@pytest.fixture
def watch(server: Site) -> Iterator[Watch]:
    """What the pages of this test do that they should not: a test that means it allows it."""
    watch = Watch(server.base)
    yield watch
    assert not watch.unexpected()


@pytest.fixture
def new_context(browser: Browser, watch: Watch) -> Iterator[Callable[..., BrowserContext]]:
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
        context.set_default_timeout(WAIT)
        watch.over(context)
        contexts.append(context)
        return context

    yield make
    for context in contexts:
        context.close()


@pytest.fixture
def open_page(
    site: Site, login_state: StorageState, new_context: Callable[..., BrowserContext]
) -> Open:
    """Open a path in a context of its own, logged in: `open_page("/logs", color_scheme="dark")`."""

    def visit(path: str = "/", signed_in: bool = True, **options: Any) -> Page:
        state = {"storage_state": login_state} if signed_in else {}
        page = new_context(**state, **options).new_page()
        page.goto(site.base + path)
        return page

    return visit
