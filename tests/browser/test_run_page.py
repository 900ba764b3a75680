"""The page of a run: what can be looked at, copied and reached by keys, and who can use it."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.harness import Open, Site, Watch, arrive, is_marked, mark, too_wide

pytestmark = pytest.mark.xdist_group("browser-2")

MARKDOWN = "## News of {day}\n\n- **one**\n- two\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n`code`"
JSON = json.dumps({"day": "Tuesday", "items": [{"name": "a"}, {"name": "b"}]})


@pytest.fixture
def runs(site: Site) -> list[int]:
    """Three runs of one task, each with another answer."""
    task = site.task(name="News", message_content="What is new? " * 120)
    found = []
    for text in (MARKDOWN.format(day="Monday"), MARKDOWN.format(day="Tuesday"), JSON):
        model = f"ok?text={quote(text)}"
        site.api.call("PATCH", f"/tasks/{task['id']}", 200, json={"model": model})
        found.append(int(site.ran(task["id"])["id"]))
    return found


def violations(page: Page) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [f"{v['id']}: {[node['html'][:120] for node in v['nodes']][:3]}" for v in found]


def test_a_run_is_looked_at_in_every_way(open_page: Open, site: Site, runs: list[int]) -> None:
    page = open_page(f"/logs/{runs[1]}")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    mark(page)
    shown = page.locator("[data-text=response]")
    expect(shown.locator("h3")).to_have_text("News of Tuesday")
    expect(page.locator(".timeline > li").last).to_contain_text("Success")

    page.get_by_role("link", name="As it came").click()
    expect(shown).to_contain_text("## News of Tuesday")
    arrive(page, f"{site.base}/logs/{runs[1]}?view=raw")
    page.get_by_role("link", name=f"Compare with run {runs[0]}").click()
    expect(page.locator(".before del")).to_have_text("Monday")
    expect(page.locator(".before ins")).to_have_text("Tuesday")
    arrive(page, f"{site.base}/logs/{runs[1]}?view=raw&diff=previous")
    folded = page.locator("details.message")
    folded.locator("summary").click()
    expect(folded.locator("pre")).to_be_visible()

    page.get_by_role("button", name="Copy", exact=True).click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == MARKDOWN.format(day="Tuesday")
    page.get_by_role("button", name="Copy link").click()
    expect(page.get_by_role("button", name="Copied").first).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == f"{site.base}/logs/{runs[1]}"
    with page.expect_download() as download:
        page.get_by_role("link", name="Download as text").click()
    assert download.value.suggested_filename == f"run-{runs[1]}-answer.txt"
    assert is_marked(page)

    page.keyboard.press("]")
    arrive(page, f"{site.base}/logs/{runs[2]}?view=raw&diff=previous")
    page.keyboard.press("[")
    page.wait_for_url(f"{site.base}/logs/{runs[1]}?**")
    page.keyboard.press("[")
    page.wait_for_url(f"{site.base}/logs/{runs[0]}?**")
    page.keyboard.press("[")  # there is none before it
    expect(page.get_by_role("link", name="Older run")).to_have_count(0)

    page.goto(f"{site.base}/logs/{runs[2]}?q=Monday")
    page.get_by_role("link", name="As it came").click()
    arrive(page, f"{site.base}/logs/{runs[2]}?view=raw&q=Monday")
    page.keyboard.press("[")  # over the one between them, which does not say it
    arrive(page, f"{site.base}/logs/{runs[0]}?view=raw&q=Monday")
    page.get_by_role("link", name="Filtered logs").click()
    arrive(page, f"{site.base}/logs?q=Monday")
    expect(page.locator("[data-row]")).to_have_count(1)


def test_under_a_row_the_address_stays(open_page: Open, site: Site, runs: list[int]) -> None:
    page = open_page("/logs")
    row = page.locator(f"#run-{runs[2]}")
    row.locator("a.opener").click()
    expect(row.locator(".json summary")).to_have_count(4)
    row.get_by_role("link", name="As it came").click()
    expect(row.locator("pre[data-text=response]")).to_contain_text('{"day"')
    arrive(page, site.base + "/logs")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_use_it(
    open_page: Open, site: Site, runs: list[int], watch: Watch, scheme: str
) -> None:
    bad = site.task(name="Bad", model="status?code=404")
    failed = site.ran(bad["id"])["id"]
    page = open_page("/health", color_scheme=scheme)
    paths = [f"/logs/{runs[1]}?diff=previous", f"/logs/{runs[2]}", f"/logs/{failed}"]
    for path in paths:
        page.goto(site.base + path)
        expect(page.locator("h1")).to_be_visible()
        assert violations(page) == [], path
        page.set_viewport_size({"width": 360, "height": 740})
        assert too_wide(page) == [], path
        page.set_viewport_size({"width": 1280, "height": 800})


def test_without_scripts_all_of_it_is_links(
    open_page: Open, site: Site, runs: list[int], watch: Watch
) -> None:
    page = open_page(f"/logs/{runs[1]}", java_script_enabled=False, locale="zh-CN")
    expect(page.locator("[data-text=response] h3")).to_have_text("News of Tuesday")
    assert page.locator(".scripted:visible").count() == 0
    page.locator("a[data-look][href$='view=raw']").click()
    expect(page.locator("pre[data-text=response]")).to_contain_text("## News")
    page.locator("a[data-look][href*='diff=previous']").click()
    expect(page.locator(".before ins")).to_have_text("Tuesday")
    page.locator("a[rel=next]").click()
    page.goto(f"{site.base}/logs/{runs[2]}")
    closed = page.locator(".json details").nth(1)
    closed.locator("summary").first.click()
    expect(closed).not_to_have_attribute("open", "")
