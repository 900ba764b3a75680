"""Everything without a mouse: only keys are pressed here."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.harness import Open, Site, arrive, row_of
from tests.server import PASSWORD

pytestmark = pytest.mark.xdist_group("browser-2")


# The outline is the element's own, or its label's.
_OUTLINED = """element => [element, element.closest("label")].some((e) =>
    e && getComputedStyle(e).outlineStyle !== "none")"""


def tab_to(page: Page, target: Locator, most: int = 60, key: str = "Tab") -> None:
    """Press Tab until `target` has the focus, and see that the focus can be seen."""
    wanted = target.element_handle()
    for _ in range(most):
        if page.evaluate("wanted => document.activeElement === wanted", wanted):
            assert wanted.evaluate(_OUTLINED), f"no visible focus: {target}"
            return
        page.keyboard.press(key)
    raise AssertionError(f"{target} is not reached with {most} times {key}")


def test_from_the_door_to_a_task_and_its_first_run(open_page: Open, site: Site) -> None:
    page = open_page("/login", signed_in=False)
    expect(page.get_by_label("Password")).to_be_focused()
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    arrive(page, site.base + "/")

    tab_to(page, page.get_by_role("link", name="Create the first task"))
    page.keyboard.press("Enter")
    expect(page.get_by_label("Name", exact=True)).to_be_focused()
    page.keyboard.type("Typed")
    page.keyboard.press("Tab")
    expect(page.get_by_label("System message")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.type("Good day!")
    tab_to(page, page.get_by_label("API endpoint"), most=8)
    page.keyboard.type(site.upstream.base_url)
    page.keyboard.press("Tab")
    page.keyboard.type("ok")
    tab_to(page, page.get_by_role("radio", name="At an interval"))
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("radio", name="At times of day")).to_be_checked()
    tab_to(page, page.get_by_label("Times of day", exact=True))
    expect(page.locator("#preview")).to_contain_text("09:00")
    tab_to(page, page.get_by_role("button", name="Create task"))
    page.keyboard.press("Enter")
    arrive(page, site.base + "/tasks")

    task = site.task_named("Typed")
    assert task["fixed_time"] == "09:00"
    row = row_of(page, task)
    tab_to(page, row.get_by_role("button", name="Run now: Typed"))
    page.keyboard.press("Space")
    expect(row.locator("[data-status=success]")).to_be_visible()
    expect(row.get_by_role("button", name="Run now: Typed")).to_be_focused()

    # To its log, to the run in it, and to that run's page.
    tab_to(page, row.get_by_role("link", name="Logs: Typed"), most=4)
    page.keyboard.press("Enter")
    arrive(page, f"{site.base}/tasks/{task['id']}/logs")
    page.keyboard.press("j")
    expect(page.locator("[data-row] .opener")).to_be_focused()
    page.keyboard.press("Enter")
    number = page.locator("[data-row] .detail dl").get_by_role("link")
    run = site.logs_of(task)[0]["id"]
    tab_to(page, number.get_by_text(str(run), exact=True))
    page.keyboard.press("Enter")
    arrive(page, f"{site.base}/logs/{run}")
    expect(page.locator("[data-text=response]")).to_be_visible()


def test_the_first_tab_skips_to_the_content(open_page: Open, site: Site) -> None:
    site.task()
    page = open_page("/tasks")
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="New task")).to_be_focused()


def test_a_switch_a_menu_and_the_question(open_page: Open, site: Site) -> None:
    task = site.task(name="Keys only")
    page = open_page("/tasks")
    row = row_of(page, task)
    switch = row.get_by_role("switch")
    tab_to(page, switch)
    page.keyboard.press("Space")
    expect(switch).to_have_attribute("aria-checked", "false")
    expect(switch).to_be_focused()

    more = row.locator("summary")
    tab_to(page, more)
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Duplicate")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Duplicate")).to_be_hidden()
    expect(more).to_be_focused()

    page.keyboard.press("Enter")
    tab_to(page, page.get_by_role("link", name="Delete …"))
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    expect(dialog.locator(":focus")).to_have_count(1)
    for _ in range(4):  # the focus stays inside, or goes to the browser's own bar
        page.keyboard.press("Tab")
        assert page.evaluate(
            "document.activeElement === document.body || !!document.activeElement.closest('dialog')"
        )
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(row).to_be_visible()
    assert page.evaluate(
        "id => !!document.activeElement.closest('#' + id)", f"task-{task['id']}"
    ), "the focus is back where the question came from"


def test_a_run_is_opened_and_the_log_filtered(open_page: Open, site: Site) -> None:
    task = site.task(name="Often")
    site.ran(task["id"])
    page = open_page("/logs")
    opener = page.locator("[data-row]").get_by_role("link", name="Show details")
    tab_to(page, opener)
    page.keyboard.press("Enter")
    expect(opener).to_have_attribute("aria-expanded", "true")
    expect(page.locator("[data-text=response]")).to_be_visible()
    page.keyboard.press("Enter")
    expect(opener).to_have_attribute("aria-expanded", "false")

    menu = page.locator("#menu-filter-status > summary")
    tab_to(page, menu, key="Shift+Tab")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    arrive(page, re.compile(r"\?status=queued$"))
    expect(page.get_by_role("heading", name="No run fits this filter")).to_be_visible()
    expect(page.locator("#filter").get_by_label("Queued", exact=True)).to_be_focused()
    page.keyboard.press("Escape")
    expect(menu).to_be_focused()


def test_the_language_and_the_way_out(open_page: Open, site: Site) -> None:
    page = open_page("/login", signed_in=False)
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    arrive(page, site.base + "/")
    tab_to(page, page.locator("#menu-language summary"))
    page.keyboard.press("Enter")
    tab_to(page, page.get_by_role("button", name="繁體中文"))
    page.keyboard.press("Enter")
    expect(page.locator("html")).to_have_attribute("lang", "zh-Hant")
    tab_to(page, page.get_by_role("button", name="登出"))
    page.keyboard.press("Enter")
    arrive(page, site.base + "/login")
