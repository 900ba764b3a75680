"""The log: filtered, paged, opened."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.harness import Open, Site, Watch, arrive, is_marked, mark


def day(distance: int) -> str:
    """Today, so many days on, as a date field takes it."""
    return (datetime.now(UTC) + timedelta(days=distance)).date().isoformat()


def choose_status(page: Page, *names: str) -> None:
    """Through the menu of statuses."""
    page.locator("#menu-filter-status > summary").click()
    for name in names:
        page.locator("#filter").get_by_label(name, exact=True).click()
    page.keyboard.press("Escape")


def statuses(page: Page) -> list[str]:
    chips = page.locator(".line [data-status]")
    return [chip.get_attribute("data-status") or "" for chip in chips.all()]


@pytest.fixture
def two_tasks(site: Site) -> tuple[dict[str, Any], dict[str, Any]]:
    """One that succeeded twice, one that failed once."""
    good = site.task(name="Good", model="ok")
    bad = site.task(name="Bad", model="status?code=401")
    for task in (good, bad, good):
        site.ran(task["id"])
    return good, bad


def test_the_filter_by_status_stands_in_the_address_and_back_undoes_it(
    open_page: Open, site: Site, two_tasks: Any
) -> None:
    page = open_page("/logs")
    rows = page.locator("[data-row]")
    expect(rows).to_have_count(3)
    mark(page)

    choose_status(page, "Failed")
    arrive(page, site.base + "/logs?status=failed")
    expect(rows).to_have_count(1)
    assert statuses(page) == ["failed"]
    expect(page.locator("#menu-filter-status > summary")).to_have_text("1 chosen")
    expect(page.locator("[data-figure=runs]")).to_have_text("1")
    expect(page.locator("[data-figure=success_rate]")).to_have_text("0%")
    assert is_marked(page)

    choose_status(page, "Success")
    arrive(page, re.compile("status=success&status=failed|status=failed&status=succ"))
    expect(rows).to_have_count(3)

    page.go_back()
    arrive(page, site.base + "/logs?status=failed")
    expect(rows).to_have_count(1)
    expect(page.locator("#menu-filter-status > summary")).to_have_text("1 chosen")
    page.go_back()
    arrive(page, site.base + "/logs")
    expect(rows).to_have_count(3)
    page.go_forward()
    expect(rows).to_have_count(1)

    page.reload()
    expect(rows).to_have_count(1)
    page.get_by_role("link", name="Clear").click()
    arrive(page, site.base + "/logs")
    expect(rows).to_have_count(3)


def test_the_filter_by_days_counts_both_ends(open_page: Open, site: Site, two_tasks: Any) -> None:
    page = open_page("/logs")
    rows = page.locator("[data-row]")
    page.locator("#filter-more > summary").click()
    page.get_by_label("From").fill(day(0))
    arrive(page, site.base + f"/logs?from={day(0)}")
    expect(rows).to_have_count(3)
    page.get_by_label("To", exact=True).fill(day(1))
    arrive(page, site.base + f"/logs?from={day(0)}&to={day(1)}")
    expect(rows).to_have_count(3)

    page.get_by_label("From").fill(day(1))
    expect(page.get_by_role("heading", name="No run fits this filter")).to_be_visible()
    page.get_by_role("link", name="Show all runs").click()
    expect(rows).to_have_count(3)
    expect(page.get_by_label("From")).to_have_value("")


def test_days_the_wrong_way_round_are_said(open_page: Open, site: Site) -> None:
    page = open_page(f"/logs?from={day(0)}&to={day(-3)}")
    expect(page.locator("#runs").get_by_role("alert")).not_to_be_empty()
    expect(page.get_by_label("From")).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#filter-from-error")).to_be_visible()


def test_the_filter_by_task(open_page: Open, site: Site, two_tasks: Any) -> None:
    _, bad = two_tasks
    page = open_page("/logs")
    page.locator("#filter").get_by_label("Task", exact=True).select_option("Bad")
    arrive(page, site.base + f"/logs?task_id={bad['id']}")
    expect(page.locator("[data-row]")).to_have_count(1)


def test_a_row_opens_to_everything_that_was_recorded(
    open_page: Open, site: Site, two_tasks: Any
) -> None:
    page = open_page("/logs")
    mark(page)
    row = page.locator("[data-row]:has([data-status=failed])")
    opener = row.get_by_role("link", name="Show details")
    expect(opener).to_have_attribute("aria-expanded", "false")
    row.locator(".when").click()  # anywhere on the line
    expect(opener).to_have_attribute("aria-expanded", "true")
    detail = row.locator(".detail")
    expect(detail).to_contain_text("The provider did not accept the API key.")
    expect(detail).to_contain_text("Enter a valid API key in the task or its account")
    expect(detail.locator("[data-text=error]")).not_to_be_empty()
    expect(detail.locator("[data-step=attempt]")).to_have_count(1)
    expect(detail.locator("[data-step=attempt]")).to_contain_text("401")
    expect(detail.locator("time").first).to_contain_text(re.compile(r"\d\d:\d\d:\d\d"))

    opener.click()
    expect(detail).to_be_hidden()
    assert is_marked(page)

    with page.context.expect_page() as opened:  # what a browser does with a link stays its own
        opener.click(modifiers=["ControlOrMeta"])
    expect(opened.value).to_have_url(re.compile(r"/logs/\d+$"))
    expect(detail).to_be_hidden()


def test_a_run_has_a_page_of_its_own(open_page: Open, site: Site, two_tasks: Any) -> None:
    good, _ = two_tasks
    run = site.api.logs(good["id"])[0]
    page = open_page(f"/logs/{run['id']}")
    expect(page.get_by_role("heading", name=f"Run {run['id']}")).to_be_visible()
    expect(page.locator("[data-text=response]")).not_to_be_empty()
    page.get_by_role("link", name="Logs of “Good”").click()
    arrive(page, site.base + f"/tasks/{good['id']}/logs")


def test_pages_of_twenty_and_the_way_between_them(open_page: Open, site: Site) -> None:
    task = site.task(name="Often")
    runs = [site.api.run(task["id"])["id"] for _ in range(23)]
    for run in runs:
        site.api.ended(run)
    page = open_page(f"/tasks/{task['id']}/logs?status=success")
    rows = page.locator("[data-row]")
    expect(rows).to_have_count(20)
    mark(page)
    page.get_by_role("link", name="Older").click()
    arrive(page, re.compile(r"status=success.*before="))
    expect(rows).to_have_count(3)
    page.go_back()
    expect(rows).to_have_count(20)
    page.go_forward()
    expect(rows).to_have_count(3)
    page.get_by_role("link", name="Newer").click()
    expect(rows).to_have_count(20)


def test_what_a_model_answers_is_text_and_no_part_of_the_page(
    open_page: Open, site: Site, watch: Watch
) -> None:
    nasty = "<script>document.title='taken'</script><img src=x onerror=alert(1)>"
    task = site.task(name="<b>Bold</b>", message_content=nasty)
    run = site.ran(task["id"])
    page = open_page(f"/tasks/{task['id']}/logs")
    page.locator("[data-row]").get_by_role("link").first.click()
    expect(page.locator(".detail .message")).to_contain_text(nasty)
    expect(page.get_by_role("heading", name="<b>Bold</b>")).to_be_visible()
    expect(page).to_have_title(re.compile("<b>Bold</b>"))
    assert run["status"] == "success"
