"""The log as a tool: filters with and without JavaScript, views, columns, several at once, files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.harness import Open, Site, Watch, is_marked, mark, too_wide

pytestmark = pytest.mark.xdist_group("browser-2")
PHONE = {"width": 360, "height": 740}
EVERY = "task,when,due,lateness,took,tokens,cost,model,account,attempts,reason,source,tags,what"


@pytest.fixture
def ledger(site: Site) -> dict[str, Any]:
    """Runs of three tasks: good ones, failed ones, one in Chinese."""
    good = site.task(name="Good", model="ok", tags=["daily"])
    bad = site.task(name="Bad", model="status?code=401")
    chinese = site.task(name="每日新闻摘要", model="ok")
    for task in (good, bad, chinese, good, bad):
        site.ran(task["id"])
    return {"good": good, "bad": bad, "chinese": chinese}


def rows(page: Page) -> Any:
    return page.locator("[data-row]")


def chips(page: Page) -> Locator:
    return page.locator(".chosen a:not(.clear) > span")


def test_filters_chips_views_and_columns(
    open_page: Open, site: Site, ledger: dict[str, Any]
) -> None:
    page = open_page("/logs")
    mark(page)
    expect(rows(page)).to_have_count(5)
    filter_form = page.locator("#filter")
    filter_form.get_by_label("Due", exact=True).select_option("Today")
    expect(page.locator(".chosen")).to_contain_text("Today")
    page.locator("#filter-more > summary").click()
    page.get_by_label("Took at most").fill("5 min")
    page.get_by_label("Took at most").press("Enter")
    expect(page.locator(".chosen")).to_contain_text("Took at most 5 min 0 s")
    page.get_by_label("From").fill("2026-01-01")  # what was set last is meant
    expect(page.locator(".chosen")).to_contain_text("From Thu, Jan 1, 2026")
    expect(chips(page)).to_have_text(["From Thu, Jan 1, 2026", "Took at most 5 min 0 s"])
    assert "period" not in page.url
    page.locator(".chosen a", has_text="From").click()
    expect(page.locator(".chosen a", has_text="From")).to_have_count(0)
    expect(page.get_by_label("From")).to_have_value("")
    page.get_by_label("Tag", exact=True).fill("daily")
    page.get_by_label("Tag", exact=True).press("Enter")
    expect(rows(page)).to_have_count(2)
    expect(page.locator(".hits")).to_have_text("2 runs fit the filter")
    assert is_marked(page)

    page.locator("#menu-keep > summary").click()
    page.get_by_label("Save this filter").fill("Each day's")
    page.locator("#menu-keep").get_by_role("button", name="Save", exact=True).click()
    current = page.locator(".views a[aria-current]")
    expect(current).to_have_text("Each day's")
    expect(rows(page)).to_have_count(2)
    mark(page)
    page.locator(".views").get_by_role("link", name="Failed").click()
    expect(current).to_have_text("Failed")
    expect(rows(page)).to_have_count(2)
    expect(page.locator("#menu-filter-status > summary")).to_have_text("2 chosen")
    page.locator(".views").get_by_role("link", name="Each day's").click()
    expect(current).to_have_text("Each day's")
    assert is_marked(page)
    filter_form.get_by_label("Task", exact=True).select_option("Bad")
    expect(rows(page)).to_have_count(0)
    page.locator("#menu-keep > summary").click()
    page.get_by_role("button", name="Save this filter over it").click()
    expect(current).to_have_text("Each day's")
    page.locator("#menu-keep > summary").click()
    expect(page.get_by_role("button", name="Save this filter over it")).to_have_count(0)
    page.get_by_role("button", name="Delete this view").click()
    expect(page.locator(".views")).not_to_contain_text("Each day's")

    page.goto(site.base + "/logs")
    page.locator("#menu-columns > summary").click()
    for name in ("Cost", "Model", "Tags"):
        page.locator("#menu-columns").get_by_label(name, exact=True).check()
    page.locator("#menu-columns").get_by_role("button", name="Show", exact=True).click()
    expect(page.locator("th.model")).to_be_visible()
    expect(rows(page).first.locator("td.model")).not_to_be_empty()
    page.goto(site.base + "/logs?columns=task")
    expect(page.locator("thead th")).to_have_count(3)
    page.goto(site.base + "/logs")
    expect(page.locator("th.tags")).to_be_visible()


def test_several_at_once(open_page: Open, site: Site, ledger: dict[str, Any]) -> None:
    page = open_page("/logs?status=failed&status=success")
    mark(page)
    expect(page.locator(".bulk")).to_be_hidden()
    for number in (0, 1):
        rows(page).nth(number).get_by_role("checkbox").check()
    bulk = page.locator(".bulk")
    expect(bulk).to_be_visible()
    bulk.get_by_role("button", name="Run again").click()
    expect(page.locator("#toasts")).to_contain_text("2 runs were started.")
    expect(bulk).to_be_hidden()
    expect(rows(page)).to_have_count(7)
    rows(page).first.get_by_role("checkbox").check()
    bulk.get_by_role("button", name="Cancel").click()
    expect(page.locator("#toasts")).to_contain_text("1 was left alone: it is over.")
    assert is_marked(page)

    for _ in range(16):
        site.api.run(ledger["good"]["id"])
    page.goto(site.base + "/logs?status=failed&status=success")
    expect(rows(page)).to_have_count(20)
    page.get_by_label("Choose all on this page").check()
    page.get_by_label("all that fit the filter, also on other pages").check()
    bulk.get_by_role("button", name="Run again").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("heading")).to_have_text("Run 23 runs again?")
    dialog.get_by_role("link", name="Change nothing").click()
    expect(dialog).to_be_hidden()
    page.get_by_label("Choose all on this page").check()
    page.get_by_label("all that fit the filter, also on other pages").check()
    bulk.get_by_role("button", name="Run again").click()
    dialog.get_by_role("button", name="Run 23 again").click()
    expect(page.get_by_role("status").filter(has_text="23 runs were started.")).to_be_visible()


def test_a_file_shows_how_far_it_is(
    open_page: Open, site: Site, ledger: dict[str, Any], tmp_path: Path, watch: Watch
) -> None:
    page = open_page("/logs?status=success")
    box = page.locator("#export")
    for kind, begin in (("CSV", b"\xef\xbb\xbfid,"), ("JSON Lines", b'{"id":'), ("Excel", b"PK")):
        page.locator("#menu-export > summary").click()
        page.get_by_label(kind).check()
        with page.expect_download() as loaded:
            page.locator("#menu-export").get_by_role("button", name="Export").click()
        expect(box.locator(".told")).to_have_text("Saved: 3 rows.")
        data = Path(loaded.value.path()).read_bytes()
        assert data.startswith(begin) and loaded.value.suggested_filename.startswith("runs_")
        if kind == "JSON Lines":
            found = [json.loads(line) for line in data.splitlines()]
            assert [run["status"] for run in found] == ["success"] * 3
        box.get_by_role("button", name="Close").click()
        expect(box).to_be_hidden()

    watch.allow("429 GET /logs/export|ERR_")
    page.route(
        "**/logs/export?*",
        lambda route: route.fulfill(
            status=429, body="<div class='problem'><p>Two are under way.</p></div>"
        ),
    )
    page.locator("#menu-export > summary").click()
    page.locator("#menu-export").get_by_role("button", name="Export").click()
    expect(box.locator(".told")).to_have_text("Two are under way.")
    page.unroute("**/logs/export?*")
    page.route("**/logs/export?*", lambda route: None)  # it never answers
    page.locator("#menu-export > summary").click()
    page.locator("#menu-export").get_by_role("button", name="Export").click()
    expect(box.get_by_role("progressbar")).to_be_visible()
    box.get_by_role("button", name="Stop").click()
    expect(box).to_be_hidden()


def test_without_javascript(open_page: Open, site: Site, ledger: dict[str, Any]) -> None:
    page = open_page("/logs", java_script_enabled=False, viewport=PHONE, color_scheme="dark")
    page.locator("#menu-filter-status > summary").click()
    page.locator("#filter").get_by_label("Failed", exact=True).check()
    page.locator("#menu-filter-status > summary").click()
    page.locator("#filter-more > summary").click()
    page.get_by_label("Took at most").fill("soon")
    page.locator("#filter").get_by_role("button", name="Filter").click()
    expect(rows(page)).to_have_count(2)
    expect(page.get_by_label("Took at most")).to_have_value("soon")
    expect(page.locator("#filter-max_duration_ms-error")).to_be_visible()
    page.get_by_label("Took at most").fill("")
    page.locator("#filter").get_by_role("button", name="Filter").click()
    expect(chips(page)).to_have_text(["Failed"])
    rows(page).first.get_by_role("checkbox").check()
    page.locator(".bulk").get_by_role("button", name="Run again").click()
    expect(page.locator("#messages")).to_contain_text("1 run was started.")
    page.locator("#menu-keep > summary").click()
    page.get_by_label("Save this filter").fill("看看")
    page.locator("#menu-keep").get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".views a[aria-current]")).to_have_text("看看")
    page.locator("#menu-keep > summary").click()
    page.get_by_role("button", name="Delete this view").click()
    page.locator("#menu-export > summary").click()
    with page.expect_download() as loaded:
        page.locator("#menu-export").get_by_role("button", name="Export").click()
    assert loaded.value.suggested_filename.endswith(".csv")
    page.goto(f"{site.base}/logs?columns={EVERY}")
    expect(rows(page)).to_have_count(6)
    assert too_wide(page) == []


@pytest.mark.parametrize(
    ("language", "scheme", "width"), [("zh-CN", "dark", 360), ("zh-TW", "light", 768)]
)
def test_nothing_sticks_out(
    open_page: Open,
    site: Site,
    ledger: dict[str, Any],
    language: str,
    scheme: str,
    width: int,
) -> None:
    size = {"width": width, "height": 800}
    page = open_page(
        f"/logs?columns={EVERY}&reason=auth&min_duration_ms=0&q=新",
        viewport=size,
        locale=language,
        color_scheme=scheme,
    )
    assert too_wide(page) == []
    page.goto(site.base + "/logs")
    expect(rows(page)).to_have_count(5)
    assert too_wide(page) == []
    for menu in ("#menu-filter-status", "#menu-keep", "#menu-columns", "#menu-export"):
        page.locator(f"{menu} > summary").click()
        expect(page.locator(f"{menu} .sheet")).to_be_in_viewport(ratio=0.98)
        assert too_wide(page) == [], menu
        page.keyboard.press("Escape")
