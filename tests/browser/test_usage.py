"""The usage page: what ran is counted, bars tell their figures, one address for page and part."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from itertools import pairwise

from playwright.sync_api import expect

from tests.browser.harness import Open, Site, arrive, is_marked, mark, too_wide


def test_what_ran_is_on_the_page(open_page: Open, site: Site) -> None:
    prices = {"*": {"input": "1000", "output": "2000"}}
    account = site.account(prices=prices)
    task = site.task(
        name="News", api_endpoint=None, api_key=None, model=None, account_id=account["id"]
    )
    run = site.ran(task["id"])
    assert run["cost"] is not None
    page = open_page("/usage")
    # The totals outlive what other tests deleted, so the sums may be larger than this run's.
    expect(page.locator("[data-figure=cost]")).to_have_text(re.compile(r"^\$"))
    row = page.locator("table[data-by=task] tbody tr", has_text="News")
    expect(row.locator("td").first).to_have_text("1")

    mark(page)
    page.get_by_role("link", name="By account").click()
    arrive(page, site.base + "/usage?by=account")
    expect(page.locator("table[data-by=account]")).to_contain_text("Work")
    page.get_by_role("link", name="Tokens", exact=True).click()
    arrive(page, site.base + "/usage?by=account&bars=tokens")
    expect(page.locator(".plot .sent").last).to_be_visible()
    assert is_marked(page)
    page.go_back()
    arrive(page, site.base + "/usage?by=account")
    page.reload()
    expect(page.locator("table[data-by=account]")).to_contain_text("Work")


def test_hover_and_keyboard_reach_a_bar_s_figures(open_page: Open, site: Site) -> None:
    site.ran(site.task(name="News")["id"])
    page = open_page("/usage")
    bar = page.locator(".plot a").last
    expect(bar.locator(".tip")).to_be_hidden()
    bar.locator(".hit").hover()
    expect(bar.locator(".tip")).to_be_visible()
    page.mouse.move(0, 0)
    expect(bar.locator(".tip")).to_be_hidden()
    page.get_by_role("link", name="Tokens", exact=True).focus()
    for _ in range(40):
        page.keyboard.press("Tab")
        if bar.evaluate("bar => bar === document.activeElement"):
            break
    expect(bar.locator(".tip")).to_be_visible()
    page.keyboard.press("Enter")
    today = datetime.now(UTC).date().isoformat()
    arrive(page, site.base + f"/usage?from={today}&to={today}")


def test_days_are_chosen_without_a_new_page_and_on_a_phone(open_page: Open, site: Site) -> None:
    site.ran(site.task(name="News")["id"])
    page = open_page("/usage", viewport={"width": 360, "height": 740})
    mark(page)
    page.get_by_label("To", exact=True).fill("2020-01-31")
    expect(page.get_by_role("alert")).to_have_text(re.compile("first day comes after"))
    page.get_by_label("From").fill("2020-01-01")
    expect(page.get_by_role("heading", name="Nothing was used on these days")).to_be_visible()
    arrive(page, site.base + "/usage?from=2020-01-01&to=2020-01-31")
    page.get_by_role("link", name="Today").click()
    expect(page.get_by_label("From")).not_to_have_value("2020-01-01")
    assert is_marked(page)
    page.get_by_role("link", name="30 days").click()
    page.get_by_text("As a table").click()
    expect(page.locator("details table")).to_be_visible()
    assert too_wide(page) == []
    dark = open_page(
        "/usage?bars=tokens",
        locale="zh-CN",
        color_scheme="dark",
        viewport={"width": 360, "height": 740},
    )
    expect(dark.locator(".plot")).to_be_visible()
    assert too_wide(dark) == []
    boxes = [box for day in dark.locator(".plot .day:visible").all() if (box := day.bounding_box())]
    assert boxes
    assert all(box["x"] + box["width"] < after["x"] for box, after in pairwise(boxes))


def test_the_file(open_page: Open, site: Site) -> None:
    site.ran(site.task(name="=News")["id"])
    page = open_page("/usage?period=today")
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV", exact=True).click()
    text = download.value.path().read_text("utf-8-sig")
    assert download.value.suggested_filename.startswith("usage_")
    assert "'=News" in text
