"""Live refresh: it shows what happens, leaves alone what is being read, and rests when nobody looks.

The page's clock is Playwright's where a test says what does not happen: ten seconds pass at once.
"""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Request, Response, expect

from tests.browser.harness import WAIT, Open, Site, Watch, is_marked, mark, row_of

pytestmark = pytest.mark.xdist_group("browser-2")


# Chromium has no other way to hide a tab that is driven from outside.
_HIDE = """(hidden) => {
    Object.defineProperty(document, "visibilityState",
        {configurable: true, get: () => hidden ? "hidden" : "visible"});
    document.dispatchEvent(new Event("visibilitychange"));
}"""


def is_refresh(request: Request | Response) -> bool:
    return "seen=" in request.url


def top(locator: Locator) -> float:
    """How far below the window's upper edge it stands, in pixels."""
    box = locator.bounding_box()
    assert box
    return box["y"]


def test_nothing_is_asked_while_the_tab_is_hidden(open_page: Open, site: Site) -> None:
    site.task()
    page = open_page("/health", signed_in=True)
    page.clock.install()
    page.goto(site.base + "/tasks")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    with page.expect_request(is_refresh):
        page.clock.run_for(2_500)

    page.evaluate(_HIDE, True)
    page.clock.run_for(1_000)  # what was under way comes back
    asked.clear()
    page.clock.run_for(60_000)
    assert asked == []

    with page.expect_request(is_refresh):  # at once, without a wait of two seconds
        page.evaluate(_HIDE, False)


def test_the_list_does_not_move_under_the_reader(open_page: Open, site: Site) -> None:
    tasks = [site.task(name=f"Task {number:02}") for number in range(1, 31)]
    first, read, last = tasks[0], tasks[19], tasks[-1]
    page = open_page("/tasks")
    mark(page)
    link = row_of(page, read).get_by_role("link", name="Edit: Task 20")
    link.focus()
    menu = row_of(page, last).locator("details")
    menu.evaluate("menu => { menu.open = true; }")
    page.evaluate("scrollTo({top: 600, behavior: 'instant'})")
    place = top(link)
    assert place > 0

    site.ran(first["id"])  # far above the window; its row grows
    expect(row_of(page, first).locator("[data-status=success]")).to_have_count(1)
    assert abs(top(link) - place) < 1

    site.ran(read["id"])
    expect(row_of(page, read).locator("[data-status=success]")).to_have_count(1)
    expect(link).to_be_focused()
    expect(menu).to_have_attribute("open", "")
    assert is_marked(page)


def test_a_new_task_appears_and_a_deleted_one_goes(open_page: Open, site: Site) -> None:
    kept = site.task(name="Kept")
    page = open_page("/tasks")
    mark(page)
    switch = row_of(page, kept).get_by_role("switch")
    switch.focus()
    added = site.task(name="Added by a program")
    expect(row_of(page, added)).to_be_visible()
    expect(page.locator("[data-figure=tasks]")).to_have_text("2")
    site.api.call("DELETE", f"/tasks/{added['id']}", 204)
    expect(row_of(page, added)).to_have_count(0)
    expect(switch).to_be_focused()
    assert is_marked(page)


@pytest.mark.parametrize("scrolled", [False, True])
def test_an_open_run_stays_open_and_in_its_place(
    open_page: Open, site: Site, scrolled: bool
) -> None:
    """New rows come in above it: inside the window, or above the window's edge."""
    task = site.task(name="Often")
    for _ in range(9):
        site.ran(task["id"])
    page = open_page(f"/tasks/{task['id']}/logs")
    mark(page)
    row_id = page.locator("[data-row]").nth(2).get_attribute("id")
    row = page.locator(f"#{row_id}")
    opener, answer = row.get_by_role("link").first, row.locator("[data-text=response]")
    opener.click()
    expect(answer).to_be_visible()
    answer.select_text()
    chosen = page.evaluate("String(getSelection())")
    assert chosen
    edge = top(page.locator("[data-row]").first)
    page.evaluate("y => scrollTo({top: y, behavior: 'instant'})", edge + 20 if scrolled else 0)
    place = top(answer)
    assert 0 < place < 800

    for count in (10, 11):
        site.ran(task["id"])
        expect(page.locator("[data-figure=runs]")).to_have_text(str(count))
    expect(page.locator("[data-row]")).to_have_count(11)
    expect(opener).to_have_attribute("aria-expanded", "true")
    expect(answer).to_be_visible()
    assert page.evaluate("String(getSelection())") == chosen
    assert abs(top(answer) - place) < 1
    assert is_marked(page)


def test_a_run_that_is_read_while_it_runs_gets_its_answer(open_page: Open, site: Site) -> None:
    task = site.task(name="Slow", model="slow?seconds=4")
    page = open_page(f"/tasks/{task['id']}/logs")
    page.get_by_role("button", name="Run now").click()
    row = page.locator("[data-row]").first
    expect(row.locator(".line [data-status=running]")).to_be_visible()
    row.get_by_role("link").first.click()
    expect(row.locator(".detail [data-status=running]")).to_be_visible()
    expect(row.locator(".detail [data-status=success]")).to_be_visible()
    expect(row.locator("[data-text=response]")).not_to_be_empty()


def test_a_filter_that_is_being_set_is_left_alone(open_page: Open, site: Site) -> None:
    task = site.task(name="Often")
    site.ran(task["id"])
    page = open_page("/logs?status=success")
    day = page.get_by_label("From")
    day.focus()
    page.keyboard.press("1")
    menu = page.locator("#filter details")
    menu.evaluate("menu => { menu.open = true; }")
    site.ran(task["id"])
    expect(page.locator("[data-row]")).to_have_count(2)
    expect(day).to_be_focused()
    expect(menu).to_have_attribute("open", "")


def test_a_server_that_is_away_is_said_and_found_again(
    open_page: Open, site: Site, watch: Watch
) -> None:
    watch.allow("ERR_FAILED|console: ")
    task = site.task(name="Waits")
    page = open_page("/tasks")
    mark(page)
    page.route("**/*seen=*", lambda route: route.abort())
    expect(page.locator("#offline")).to_be_visible(timeout=WAIT)
    page.unroute("**/*seen=*")
    site.ran(task["id"])
    expect(page.locator("#offline")).to_be_hidden()
    expect(row_of(page, task).locator("[data-status=success]")).to_be_visible()
    assert is_marked(page)
