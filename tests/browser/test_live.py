"""Live refresh: it shows what happens, leaves alone what is being read, and rests when nobody looks.

The page's clock is Playwright's where a test says what does not happen: ten seconds pass at once.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import (
    BrowserContext,
    Locator,
    Page,
    Request,
    Response,
    Route,
    expect,
)

from tests.browser.harness import Open, Site, Watch, arrive, is_marked, log_in, mark, row_of
from tests.server import Instance

pytestmark = pytest.mark.xdist_group("browser-2")


# Chromium has no other way to hide a tab that is driven from outside.
_HIDE = """(hidden) => {
    Object.defineProperty(document, "visibilityState",
        {configurable: true, get: () => hidden ? "hidden" : "visible"});
    document.dispatchEvent(new Event("visibilitychange"));
}"""


def is_refresh(request: Request | Response) -> bool:
    return "seen=" in request.url


def is_stream(request: Request | Response) -> bool:
    return "/events" in request.url


def watched(page: Page) -> list[str]:
    """The addresses that the page asks from now on."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    return asked


def let_pass(page: Page, seconds: int) -> None:
    """Time passes for the page, second by second: what it asks is answered meanwhile."""
    for _ in range(seconds):
        page.clock.run_for(1_000)
        expect(page.locator(".htmx-request")).to_have_count(0)


def top(locator: Locator) -> float:
    """How far below the window's upper edge it stands, in pixels."""
    box = locator.bounding_box()
    assert box
    return box["y"]


def test_nothing_is_asked_in_vain(open_page: Open, site: Site) -> None:
    """Neither while nothing happens, nor while the tab is hidden, whatever happens meanwhile."""
    task = site.task()
    page = open_page("/health")
    page.clock.install()
    with page.expect_request(is_refresh), page.expect_request(is_stream):
        page.goto(site.base + "/tasks")
    page.wait_for_function(
        "document.querySelector('#table').getAttribute('hx-get').includes('seen=')"
    )
    page.wait_for_timeout(1_500)  # the answer, and an event or two of what was made before
    asked = watched(page)
    let_pass(page, 20)
    assert asked == []
    with page.expect_request(is_refresh):
        let_pass(page, 15)  # what is written of times is not true for ever

    with page.expect_event("requestfailed", is_stream):  # closed, not only unheard
        page.evaluate(_HIDE, True)
    page.clock.run_for(1_000)
    asked.clear()
    site.ran(task["id"])
    page.clock.run_for(120_000)
    assert asked == []

    with page.expect_request(is_stream) as stream, page.expect_request(is_refresh):
        page.evaluate(_HIDE, False)
    assert "since=" in stream.value.url
    expect(row_of(page, task).locator("[data-status=success]")).to_be_visible()


def test_without_a_stream_the_page_asks_by_itself(
    open_page: Open, site: Site, watch: Watch
) -> None:
    watch.allow("^503 GET /events")
    task = site.task()
    page = open_page("/health")
    mark(page)
    page.clock.install()
    page.route("**/events*", lambda route: route.fulfill(status=503))
    with page.expect_request(is_stream):
        page.goto(site.base + "/tasks")
    asked = watched(page)
    let_pass(page, 24)
    assert 3 <= len(asked) <= 12, "every two to five seconds"
    assert [url for url in asked if "/events" in url] == []
    site.ran(task["id"])
    let_pass(page, 6)
    expect(row_of(page, task).locator("[data-status=success]")).to_be_visible()
    page.unroute("**/events*")
    with page.expect_request(is_stream):
        let_pass(page, 32)  # a minute after it was refused
    site.ran(task["id"])
    with page.expect_request(is_refresh):  # told, for no time has passed
        pass


def test_more_tabs_than_a_browser_has_connections(
    open_page: Open, site: Site, watch: Watch
) -> None:
    """What each of them asks for arrives, by the stream or without it."""
    watch.allow("^503 GET /events")
    task = site.task()
    first = open_page("/tasks")
    tabs = [first, *(first.context.new_page() for _ in range(7))]
    for tab in tabs[1:]:
        tab.goto(site.base + "/tasks")
    site.ran(task["id"])
    for tab in tabs:
        expect(row_of(tab, task).locator("[data-status=success]")).to_be_visible()


def test_who_logs_out_in_one_tab_is_led_to_the_door_in_the_others(
    open_page: Open, site: Site
) -> None:
    site.task()
    page = open_page("/login", signed_in=False)
    log_in(page, site.base)
    page.goto(site.base + "/tasks")
    other = page.context.new_page()
    other.goto(site.base + "/logs")
    other.get_by_role("button", name="Log out").click()
    arrive(page, re.compile("/login"))


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
    page = open_page(f"/tasks/{task['id']}/logs", viewport={"width": 1280, "height": 1100})
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
    assert 0 < place < 1100

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


def test_the_dashboard_stays_as_it_is_read(open_page: Open, site: Site) -> None:
    """Tables that were opened, what has the focus, what is marked, how far it is scrolled."""
    task = site.task(name="Often", interval_seconds=600)
    site.ran(task["id"])
    page = open_page("/", viewport={"width": 700, "height": 500})
    mark(page)
    folds = page.locator("#overview details:not(.menu)")
    folds.evaluate_all("all => all.forEach((fold) => { fold.open = true; })")
    opened = folds.count()
    assert opened >= 2
    link = page.locator("#overview").get_by_role("link", name="All tasks")
    link.focus()
    heading = page.locator("#overview h2", has_text="Last 30 days")
    heading.evaluate("heading => getSelection().selectAllChildren(heading)")
    link.scroll_into_view_if_needed()
    place = top(link)
    site.ran(task["id"])
    expect(page.locator("[data-figure=runs_today]")).to_have_text("2")
    assert page.evaluate("String(getSelection())") == "Last 30 days"
    expect(page.locator("#overview details[open]:not(.menu)")).to_have_count(opened)
    expect(link).to_be_focused()
    assert abs(top(link) - place) < 1
    assert is_marked(page)


def test_a_run_s_page_stays_as_it_is_read(open_page: Open, site: Site) -> None:
    """While the answer grows above what is read, and when the run ends."""
    task = site.task(name="Grows", model="stream?pieces=20&pause=0.3")
    run = site.api.run(task["id"])
    page = open_page(f"/logs/{run['id']}", viewport={"width": 700, "height": 500})
    mark(page)
    growing = page.locator("pre.growing")
    expect(growing).to_contain_text("Line 1 of")
    link = page.locator(".detail .facts").get_by_role("link", name="Grows")
    link.focus()
    heading = page.locator(".detail h2", has_text="Record")
    heading.evaluate("heading => getSelection().selectAllChildren(heading)")
    link.scroll_into_view_if_needed()
    place = top(link)
    expect(growing).to_contain_text("Line 6 of")
    assert abs(top(link) - place) < 1
    expect(page.locator(".detail [data-status=success]").first).to_be_attached()
    expect(page.locator("[data-text=response]")).to_contain_text("Line 20 of the answer.")
    expect(link).to_be_focused()
    assert page.evaluate("String(getSelection())") == "Record"
    assert is_marked(page)


def test_a_filter_that_is_being_set_is_left_alone(open_page: Open, site: Site) -> None:
    task = site.task(name="Often")
    site.ran(task["id"])
    page = open_page("/logs?status=success")
    page.locator("#filter-more > summary").click()
    day = page.get_by_label("From")
    day.focus()
    page.keyboard.press("1")
    menu = page.locator("#menu-filter-status")
    menu.evaluate("menu => { menu.open = true; }")
    site.ran(task["id"])
    expect(page.locator("[data-row]")).to_have_count(2)
    expect(day).to_be_focused()
    expect(menu).to_have_attribute("open", "")


def test_what_is_typed_or_chosen_in_a_part_stays(open_page: Open, site: Site) -> None:
    """Also where the server has another text for the same field by now."""
    tasks = [site.task(name=name) for name in ("One", "Two")]
    count = itertools.count()

    def with_fields(route: Route) -> None:
        answer = route.fetch()
        fields = '<input id="line" value="{0}"><input id="kept" value="{0}"><textarea id="lines">{0}</textarea>'
        body = answer.text().replace("<table", fields.format(next(count)) + "<table", 1)
        route.fulfill(response=answer, body=body)

    page = open_page("/health")
    page.route(lambda url: "seen=" in url, with_fields)
    page.goto(site.base + "/tasks")
    line, lines = page.locator("#line"), page.locator("#lines")
    site.ran(tasks[0]["id"])
    expect(line).to_have_value(re.compile("[0-9]+"))
    box = row_of(page, tasks[1]).get_by_role("checkbox")
    box.check()
    line.fill("half a sen")
    lines.fill("half a par")
    page.locator("#filter-q").focus()
    before = int(page.locator("#kept").input_value())
    site.ran(tasks[1]["id"])
    expect(row_of(page, tasks[1]).locator("[data-status=success]")).to_be_visible()
    expect(page.locator("#kept")).not_to_have_value(str(before))
    expect(line).to_have_value("half a sen")
    expect(lines).to_have_value("half a par")
    expect(box).to_be_checked()
    expect(page.locator("#filter-q")).to_be_focused()


def test_a_server_that_is_away_is_said_and_found_again(
    tmp_path: Path, new_context: Callable[..., BrowserContext], watch: Watch, server: Site
) -> None:
    """The server is ended, and another one started on the same port, as in an update."""
    watch.allow("^503 GET /events")  # from the one that stops
    watch.allow("^console: ")
    with Instance(tmp_path) as instance:
        process = instance.gunicorn()
        watch.base = process.base
        site = Site(instance, process, server.upstream, process.api)
        task = site.task(name="Waits")
        page = new_context().new_page()
        log_in(page, site.base)
        page.goto(site.base + "/tasks")
        mark(page)
        search, lost, back = (
            page.locator("#filter-q"),
            page.locator("#offline"),
            page.locator("#online"),
        )
        search.fill("W")
        page.wait_for_url("**/tasks?q=W")
        process.terminate()
        expect(lost).to_be_visible()
        expect(search).to_be_focused()
        instance.gunicorn(port=process.port)
        expect(back).to_be_visible()
        expect(lost).to_be_hidden()
        expect(back).to_be_hidden()  # it is said for a moment
        with page.expect_request(is_stream):
            page.evaluate(_HIDE, True)
            page.evaluate(_HIDE, False)
        site.ran(task["id"])
        expect(row_of(page, task).locator("[data-status=success]")).to_be_visible()
        expect(search).to_be_focused()
        expect(search).to_have_value("W")
        assert is_marked(page)
