"""The command palette and the single keys, by keyboard."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.harness import Open, Site, arrive, is_marked, mark

pytestmark = pytest.mark.xdist_group("browser-2")


def test_the_palette_finds_runs_and_goes(open_page: Open, site: Site) -> None:
    task = site.task(name="Morning news")
    site.task(name="<img src=x onerror=alert(1)> 早报", enabled=False)
    page = open_page("/logs")
    palette, box = (
        page.get_by_role("dialog", name="Find"),
        page.get_by_role("combobox", name="A task, a page"),
    )
    page.keyboard.press("Control+k")
    expect(box).to_be_focused()
    expect(box).to_have_attribute("aria-expanded", "true")
    chosen = palette.locator("[role=option][aria-selected=true]")
    expect(chosen).to_have_text("Dashboard")
    page.keyboard.press("ArrowUp")
    expect(chosen).to_have_text("繁體中文")  # round the end
    expect(chosen).to_be_in_viewport()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(chosen).to_have_text("Tasks")
    active = page.locator(f"#{box.get_attribute('aria-activedescendant')}")
    expect(active).to_have_text("Tasks")
    page.keyboard.type("早报")
    expect(chosen).to_have_text("<img src=x onerror=alert(1)> 早报")
    page.keyboard.press("Escape")
    expect(palette).to_be_hidden()

    page.get_by_role("link", name="Find").click()
    page.keyboard.type("nothing has this name")
    expect(palette.get_by_text("Nothing fits.")).to_be_visible()
    expect(box).to_have_attribute("aria-expanded", "false")
    box.fill("run morn")
    page.keyboard.press("Enter")  # before the answer has come
    arrive(page, f"{site.base}/tasks/{task['id']}/logs")
    expect(page.get_by_text("A run of “Morning news” was started.")).to_be_visible()
    assert site.logs_of(task)[0]["source"] == "manual"

    page.keyboard.press("Control+k")
    page.keyboard.type("dark")
    expect(chosen).to_have_text("Dark")
    page.keyboard.press("Enter")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    arrive(page, f"{site.base}/tasks/{task['id']}/logs")


def test_single_keys(open_page: Open, site: Site) -> None:
    site.task(name="One")
    site.task(name="Two")
    page = open_page("/tasks")
    for key, path in (("l", "/logs"), ("u", "/usage"), ("t", "/tasks")):
        page.keyboard.press("g")
        page.keyboard.press(key)
        arrive(page, site.base + path)
    one, two = (page.get_by_role("link", name=name, exact=True) for name in ("One", "Two"))
    for key, link in (("j", one), ("j", two), ("j", two), ("k", one), ("ArrowDown", two)):
        page.keyboard.press(key)
        expect(link).to_be_focused()

    page.keyboard.press("/")
    search = page.get_by_label("Search")
    expect(search).to_be_focused()
    mark(page)
    page.keyboard.type("gl?nj/")  # is typed, and does nothing else
    expect(search).to_have_value("gl?nj/")
    assert is_marked(page)
    page.locator("h1").click()
    page.keyboard.press("?")
    sheet = page.get_by_role("dialog", name="Keyboard shortcuts")
    expect(sheet).to_be_visible()
    page.keyboard.press("n")
    assert is_marked(page), "not behind a dialog"
    sheet.get_by_role("button", name="Switch the shortcuts off").click()
    arrive(page, re.compile("/tasks"))
    mark(page)
    for key in ("g", "l", "n", "?"):
        page.keyboard.press(key)
    assert is_marked(page) and page.get_by_role("dialog").count() == 0
    page.keyboard.press("Control+k")
    expect(page.get_by_label("A task, a page, a command")).to_be_focused()


def test_a_chosen_time_zone(open_page: Open, site: Site) -> None:
    site.task(name="Daily", schedule_type="fixed_time", fixed_time="00:30")
    page = open_page("/tasks")
    page.locator("#menu-zone summary").click()
    page.get_by_role("link", name="Another one …").click()
    page.get_by_label("Another time zone").fill("Asia/Shanghai")
    page.get_by_role("button", name="Save").click()
    arrive(page, site.base + "/tasks")
    expect(page.get_by_text("Times in Asia/Shanghai (UTC+8)")).to_be_visible()
    page.locator("#menu-zone summary").click()
    expect(page.get_by_role("button", name="Asia/Shanghai")).to_have_attribute(
        "aria-pressed", "true"
    )
    page.get_by_role("button", name="As the browser").click()
    expect(page.get_by_text("Times in UTC")).to_be_visible()
