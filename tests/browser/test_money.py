"""A budget stops a run, a person runs it anyway, and what it cost is seen everywhere."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.harness import Open, Site, too_wide

PHONE = {"width": 360, "height": 740}


@pytest.fixture
def stopped(site: Site) -> tuple[dict[str, Any], dict[str, Any]]:
    """A task whose first run used 80 % of its budget, and the run that had no room after it."""
    account = site.account(prices={"*": {"input": "1000", "output": "2000"}})
    task = site.task(
        name="Inbox",
        schedule_type="manual",
        api_endpoint=None,
        api_key=None,
        model=None,
        account_id=account["id"],
        max_tokens=20,
        max_attempts=1,
        cost_budget_day="0.10",
    )
    assert site.ran(task["id"])["status"] == "success"
    run = site.ran(task["id"])
    assert (run["status"], run["reason"]) == ("skipped", "budget")
    return task, run


def test_a_run_without_room_is_run_anyway(
    open_page: Open, site: Site, stopped: tuple[dict[str, Any], dict[str, Any]]
) -> None:
    _task, run = stopped
    page = open_page("/")
    expect(page.locator("[data-budget=task]")).to_contain_text("$0.080 of $0.10 (80%)")
    page.goto(f"{site.base}/logs/{run['id']}")
    expect(page.locator(".say")).to_contain_text("$0.10")
    page.get_by_role("button", name="Run anyway").click()
    expect(page).not_to_have_url(f"{site.base}/logs/{run['id']}")
    expect(page.locator(".detail [data-status=success]")).to_be_visible()
    assert len(site.upstream.requests()) == 2

    page.goto(site.base + "/")
    expect(page.locator("[data-budget=task]")).to_contain_text("Budget used up:")
    page.goto(site.base + "/usage")
    row = page.locator("table[data-by=task] tbody tr", has_text=re.compile("^\\s*Inbox"))
    expect(row.first.locator("td").last).to_contain_text("$0.16")
    expect(page.locator("#budgets [data-scope=task]")).to_have_attribute("data-level", "over")


@pytest.mark.parametrize("language", ["en-US", "zh-CN"])
def test_money_fits_a_dark_phone(
    open_page: Open,
    site: Site,
    stopped: tuple[dict[str, Any], dict[str, Any]],
    language: str,
) -> None:
    task, run = stopped
    page = open_page(viewport=PHONE, color_scheme="dark", locale=language)
    for path in ("/", f"/logs/{run['id']}", "/usage", "/settings", f"/tasks/{task['id']}/edit"):
        page.goto(site.base + path)
        expect(page.locator("h1")).to_be_visible()
        assert too_wide(page) == [], path
    page.goto(site.base + "/usage")
    overlap = page.evaluate(
        """() => {
            const shown = [...document.querySelectorAll(".spend .day")]
                .map((day) => day.getBoundingClientRect()).filter((box) => box.width);
            return shown.some((box, i) => i && box.left < shown[i - 1].right);
        }"""
    )
    assert not overlap
