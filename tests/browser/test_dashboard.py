"""The dashboard and the page of a task: charts by keyboard, tables, what runs, without JavaScript."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.harness import Open, Site, Watch, arrive, is_marked, mark, too_wide

pytestmark = pytest.mark.xdist_group("browser-2")

PHONE = {"width": 360, "height": 740}
_VISIBLE_TIPS = """() => [...document.querySelectorAll("[data-chart=hours] a .tip")]
    .filter((tip) => getComputedStyle(tip).visibility === "visible").length"""


@pytest.fixture
def busy(site: Site) -> dict[str, Any]:
    """A task with a success, a failure and one that goes on; another that is due once a day."""
    task = site.task(name="Morning news", interval_seconds=300)
    site.ran(task["id"])
    site.api.call("PATCH", f"/tasks/{task['id']}", 200, json={"model": "status?code=401"})
    site.ran(task["id"])
    site.ran(task["id"])
    site.task(name="Once a day", schedule_type="fixed_time", fixed_time="00:30")
    slow = site.task(name="Slow one", model="slow?seconds=60", schedule_type="manual")
    site.api.run(slow["id"])
    return task


def test_a_chart_is_read_by_mouse_keyboard_and_as_a_table(
    open_page: Open, site: Site, busy: dict[str, Any]
) -> None:
    page = open_page()
    hours = page.locator("[data-chart=hours]")
    bar, rest = hours.locator("a").last, hours.locator(".rest")
    tip = bar.locator(".tip")
    expect(rest).to_contain_text("Last 24 hours")
    expect(tip).to_be_hidden()
    bar.locator(".hit").hover()
    expect(tip).to_be_visible()
    expect(rest).to_be_hidden()
    page.keyboard.press("Escape")
    expect(tip).to_be_hidden()
    page.mouse.move(0, 0)

    # One stop for Tab, arrows between the bars; the figures are the accessible name as well.
    page.get_by_role("link", name="New task").focus()
    stops = []
    for _ in range(40):
        page.keyboard.press("Tab")
        key = page.evaluate("document.activeElement.closest('[data-chart]')?.dataset.chart")
        if key and page.evaluate("!!document.activeElement.closest('[data-plot]')"):
            stops.append(key)
        if key == "days":
            break
    assert stops == ["hours", "days"]
    bar.focus()
    expect(tip).to_be_visible()
    expect(bar).to_have_attribute("aria-label", re.compile(r"\d\d:\d\d–\d\d:\d\d: .*successful"))
    page.keyboard.press("Home")
    expect(hours.locator("a").first).to_be_focused()
    page.keyboard.press("End")
    expect(bar).to_be_focused()
    assert page.evaluate(_VISIBLE_TIPS) == 1
    page.keyboard.press("Escape")
    assert page.evaluate(_VISIBLE_TIPS) == 0

    hours.get_by_text("As a table").click()
    expect(hours.locator("tbody tr")).to_have_count(24)
    bar.focus()
    site.ran(busy["id"])  # what is open stays open while the part is renewed
    expect(page.locator("[data-figure=failed_today]")).to_have_text("3")
    expect(hours.locator("details")).to_have_attribute("open", "")
    expect(bar).to_be_focused()
    expect(page.locator("[data-needs=streak]")).to_contain_text("Morning news")
    bar.press("Enter")
    arrive(page, re.compile(r"/logs\?from=\d{4}-\d\d-\d\d&to="))


def test_what_runs_counts_on_and_is_cancelled(
    open_page: Open, site: Site, busy: dict[str, Any]
) -> None:
    page = open_page()
    mark(page)
    row = page.locator("#active li", has_text="Slow one")
    clock = row.locator(".clock")
    expect(clock).to_have_text(re.compile(r"^0:\d\d$"))
    shown = clock.inner_text()
    expect(clock).not_to_have_text(shown)
    coming = page.locator("#upcoming")
    expect(coming).to_contain_text("Once a day")
    expect(coming).to_contain_text("every 5 minutes, 288 times")
    row.get_by_role("button", name="Cancel: Slow one").click()
    expect(page.locator("#toasts")).to_contain_text("is being cancelled")
    expect(page.get_by_text("Nothing runs at this moment.")).to_be_visible()
    assert is_marked(page)


def test_the_page_of_a_task(
    open_page: Open, site: Site, busy: dict[str, Any], watch: Watch
) -> None:
    page = open_page("/tasks")
    page.get_by_role("link", name="Morning news").first.click()
    arrive(page, f"{site.base}/tasks/{busy['id']}")
    mark(page)
    cells = page.locator(".strip a")
    expect(cells).to_have_count(3)
    cells.last.focus()
    expect(cells.last.locator(".tip")).to_be_visible()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    expect(cells.first).to_be_focused()
    expect(cells.first).to_have_attribute("aria-label", re.compile("^Success, .* took "))
    assert "Failed" in (cells.last.get_attribute("aria-label") or "")
    expect(page.locator("[data-trend=duration] .plot a")).to_have_count(3)
    expect(page.locator("[data-text=answer]")).not_to_be_empty()
    page.get_by_role("button", name="Run now").click()
    expect(cells).to_have_count(4)
    page.locator("#menu-task summary").click()
    page.get_by_role("button", name="Pause until tomorrow").click()
    expect(page.locator(".say")).to_contain_text("Paused until")
    page.get_by_role("button", name="Resume").click()
    expect(page.locator(".say")).to_have_count(0)
    assert is_marked(page)
    page.locator("#menu-task summary").click()
    watch.allow(r"^404 GET /tasks/\d+\?seen=")  # it is gone before the page that shows it
    page.get_by_role("link", name="Delete …").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    arrive(page, site.base + "/tasks")
    assert page.request.get(f"{site.base}/tasks/{busy['id']}").status == 404


def test_without_javascript(open_page: Open, site: Site, busy: dict[str, Any]) -> None:
    page = open_page(java_script_enabled=False)
    bar = page.locator("[data-chart=hours] a").last
    bar.focus()
    expect(bar.locator(".tip")).to_be_visible()
    page.locator("[data-chart=days] summary").click()
    expect(page.locator("[data-chart=days] tbody tr")).to_have_count(30)
    page.get_by_role("button", name="Cancel: Slow one").click()
    arrive(page, site.base + "/")
    expect(page.get_by_role("status").first).to_contain_text("is being cancelled")
    page.goto(f"{site.base}/tasks/{busy['id']}")
    page.locator(".strip a").last.focus()
    expect(page.locator(".strip a").last.locator(".tip")).to_be_visible()
    page.get_by_role("button", name="Run now").click()
    arrive(page, f"{site.base}/tasks/{busy['id']}")
    expect(page.locator(".strip a")).to_have_count(4)


@pytest.mark.parametrize(
    ("language", "scheme", "size"),
    [("zh-CN", "dark", PHONE), ("en-US", "light", {"width": 768, "height": 1024})],
)
def test_every_width_theme_and_language(
    open_page: Open,
    site: Site,
    busy: dict[str, Any],
    language: str,
    scheme: str,
    size: dict[str, int],
) -> None:
    page = open_page(locale=language, color_scheme=scheme, viewport=size)
    for path in ("/", f"/tasks/{busy['id']}", "/tasks"):
        page.goto(site.base + path)
        expect(page.locator("h1")).to_be_visible()
        assert too_wide(page) == [], path
        for fold in page.locator("main details.fold").all():
            fold.evaluate("fold => { fold.open = true; }")
        assert too_wide(page) == [], f"{path}, unfolded"
