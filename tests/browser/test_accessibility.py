"""axe-core finds nothing on any page, by WCAG 2.2 AA, light and dark."""

from __future__ import annotations

import pytest
from axe_playwright_python.base import AXE_FILE_PATH
from playwright.sync_api import Page, expect

from tests.browser.harness import Open, Site, Watch, every_page

pytestmark = pytest.mark.xdist_group("browser-2")

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
BY_COLOUR = ["color-contrast", "link-in-text-block"]
"""What can be otherwise in the dark; the rest of a page is the same."""
SOURCE = AXE_FILE_PATH.read_text("utf-8")


def look(page: Page, name: str, found: list[str]) -> None:
    """Both ways, without loading the page again."""
    if not page.evaluate("Boolean(window.axe)"):
        page.evaluate(SOURCE)
    for scheme, only in (("light", ("tag", TAGS)), ("dark", ("rule", BY_COLOUR))):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        options = {"runOnly": {"type": only[0], "values": only[1]}}
        options |= {"preload": False, "resultTypes": ["violations"]}
        broken = page.evaluate("options => axe.run(document, options)", options)["violations"]
        found += [
            f"{name}, {scheme}: {rule['id']} {node['target']} {node['failureSummary']}\n"
            f"    {node['html'][:160]}"
            for rule in broken
            for node in rule["nodes"]
        ]


@pytest.mark.timeout(300)
def test_every_page(open_page: Open, site: Site, watch: Watch) -> None:
    watch.allow(r"^404 GET /nowhere$")
    door = open_page("/login", signed_in=False, reduced_motion="reduce")
    found: list[str] = []
    look(door, "/login", found)
    page = open_page("/health", reduced_motion="reduce")  # colours change at once
    for path in every_page(site):
        page.goto(site.base + path)
        for fold in page.locator("main details:not(.menu)").all():
            fold.evaluate("fold => { fold.open = true; }")
        look(page, path, found)

    page.goto(site.base + "/tasks")
    page.keyboard.press("Control+k")
    expect(page.locator("#palette [role=option]").first).to_be_visible()
    look(page, "the palette", found)
    page.keyboard.press("Escape")
    expect(page.locator("#palette")).to_be_hidden()
    page.locator("h1").click()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    look(page, "the shortcuts", found)
    page.goto(site.base + "/logs")
    page.locator("[data-row] .opener").first.click()
    expect(page.locator("[data-row] .detail").first).to_be_visible()
    look(page, "an open run", found)
    page.goto(site.base + "/health")  # where an open sheet lies over nothing that could be pressed
    for menu in ("#menu-zone", "#menu-theme"):
        page.locator(f"{menu} summary").click()
        look(page, f"{menu}, open", found)
    assert not found, "\n".join(found)
