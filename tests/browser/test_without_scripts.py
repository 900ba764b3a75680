"""The whole way with JavaScript switched off: a page for each thing, with links and forms."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.harness import Site, Watch, arrive, log_in
from tests.server import wait_until

pytestmark = pytest.mark.xdist_group("browser-2")


def nothing_is_dead(page: Page) -> None:
    """No button that only a script would answer, and nothing that says it is loading."""
    expect(page.locator("h1")).to_be_visible()
    for button in page.locator("button:visible").all():
        works = button.evaluate("button => Boolean(button.form) && button.type === 'submit'")
        assert works, button.evaluate("button => button.outerHTML")
    assert page.locator("dialog:visible, .skeleton:visible").count() == 0


def test_from_the_door_to_a_run_and_the_settings(
    site: Site, new_context: Callable[..., BrowserContext], watch: Watch
) -> None:
    watch.allow(r"^422 POST /zone$")
    page = new_context(java_script_enabled=False).new_page()
    log_in(page, site.base)
    arrive(page, site.base + "/")
    nothing_is_dead(page)

    page.get_by_role("navigation", name="Main").get_by_role("link", name="Tasks").click()
    page.get_by_role("link", name=re.compile("New task|Create the first task")).first.click()
    nothing_is_dead(page)
    page.get_by_label("Name", exact=True).fill("By hand")
    page.get_by_label("Message", exact=True).fill("Good day!")
    page.get_by_label("API endpoint").fill(site.upstream.base_url)
    page.get_by_label("Model", exact=True).fill("ok")
    page.get_by_role("button", name="Create task").click()
    task = site.task_named("By hand")
    page.goto(site.base + "/tasks")
    nothing_is_dead(page)
    page.get_by_role("button", name="Run now: By hand").click()
    expect(page.get_by_text("A run of “By hand” was started.")).to_be_visible()
    run = wait_until(lambda: site.logs_of(task), 20, "a run")[0]
    site.api.ended(run["id"])

    page.get_by_role("navigation", name="Main").get_by_role("link", name="Logs").click()
    nothing_is_dead(page)
    page.locator("[data-row] .opener").first.click()
    arrive(page, f"{site.base}/logs/{run['id']}")
    nothing_is_dead(page)
    expect(page.locator("[data-text=response]")).to_be_visible()
    page.goto(f"{site.base}/logs?status=failed")
    expect(page.locator("[data-row]")).to_have_count(0)

    page.get_by_role("link", name="Find").click()
    page.get_by_role("searchbox").fill("hand")
    page.get_by_role("searchbox").press("Enter")
    nothing_is_dead(page)
    page.get_by_role("button", name="Run now: By hand").click()
    arrive(page, f"{site.base}/tasks/{task['id']}/logs")
    expect(page.get_by_text("A run of “By hand” was started.")).to_be_visible()
    assert len(site.logs_of(task)) == 2

    page.locator("#menu-theme summary").click()
    page.get_by_role("button", name="High contrast").click()
    expect(page.locator("html")).to_have_attribute("data-contrast", "more")
    page.locator("#menu-zone summary").click()
    page.get_by_role("link", name="Another one …").click()
    page.get_by_label("Another time zone").fill("Nowhere/Land")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("There is no time zone of this name.")).to_be_visible()
    page.get_by_label("Another time zone").fill("Asia/Tokyo")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Asia/Tokyo (UTC+9)").first).to_be_visible()
    page.get_by_role("link", name="Keyboard shortcuts").click()
    nothing_is_dead(page)

    page.get_by_role("navigation", name="Main").get_by_role("link", name="Settings").click()
    nothing_is_dead(page)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status").first).to_be_visible()
    for path in ("/usage", "/gallery", "/accounts", "/health", "/accounts/new"):
        page.goto(site.base + path)
        nothing_is_dead(page)
    page.get_by_role("button", name="Log out").click()
    arrive(page, site.base + "/login")
