"""The long forms: the bar that saves, the parts that are folded away, the key that stays at home."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.browser.harness import Open, Site, Watch, too_wide
from tests.factories import KEY

PHONE = {"width": 360, "height": 740}
HIDDEN_BEHIND_THE_BAR = """() => {
    const focused = document.activeElement.getBoundingClientRect();
    const bar = document.querySelector(".save").getBoundingClientRect();
    return !document.activeElement.closest(".save") && focused.bottom > bar.top && focused.top < bar.bottom
        && focused.height < bar.top;
}"""


def changed(page: Page, part: str) -> bool:
    return "changed" in (page.locator(f"#{part}-said").get_attribute("class") or "").split()


def test_a_long_form_on_a_phone(open_page: Open, site: Site, watch: Watch) -> None:
    task = site.task(name="Long", api_endpoint="https://a.test/v1", api_key=KEY, enabled=False)
    page = open_page(f"/tasks/{task['id']}/edit", viewport=PHONE)
    save, unsaved = (
        page.get_by_role("button", name="Save", exact=True),
        page.locator("[data-unsaved]"),
    )
    expect(save).to_be_in_viewport()
    expect(unsaved).to_be_hidden()
    assert too_wide(page) == []

    # Whoever goes through it by keyboard sees what has the focus.
    page.locator("#name").focus()
    for _step in range(45):
        page.keyboard.press("Tab")
        assert not page.evaluate(HIDDEN_BEHIND_THE_BAR), page.evaluate("document.activeElement.id")

    # A folded part says what it holds as soon as that has changed.
    assert not changed(page, "policies")
    page.locator("#policies > summary").click()
    page.get_by_label("Let one wait").check()
    expect(page.locator("#policies-said")).to_have_text("catches up once, one waits")
    assert changed(page, "policies") and page.locator("#policies").get_attribute("open") is not None
    expect(unsaved).to_be_visible()
    page.get_by_label("Leave the new one out").check()
    expect(unsaved).to_be_hidden()
    expect(page.locator("#policies-said")).to_have_text("catches up once, skips overlaps")

    # A mistake in a folded part opens it; a key asks before it goes to another host.
    watch.allow(r"^422 POST /tasks/\d+/edit$")
    page.locator("#attempts > summary").click()
    page.fill("#max_attempts", "99")
    page.locator("#attempts > summary").click()
    asked = page.get_by_label("Send what is stored to the new host")
    expect(asked).to_be_hidden()
    page.fill("#api_endpoint", "https://a.test/v2")
    expect(asked).to_be_hidden()
    page.fill("#api_endpoint", "https://b.test/v1")
    expect(asked).to_be_visible()
    save.click()
    expect(page.locator("#max_attempts-error")).to_be_visible()
    expect(page.locator("#max_attempts")).to_be_visible()
    expect(page.locator("#keep_api_key-error")).to_contain_text("would now be sent to b.test")
    expect(unsaved).to_be_visible()
    assert too_wide(page) == []
    asked.check()
    page.fill("#max_attempts", "9")
    save.click()
    page.wait_for_url(site.base + "/tasks")
    stored = site.api.call("GET", f"/tasks/{task['id']}", 200)
    assert (stored["api_endpoint"], stored["max_attempts"]) == ("https://b.test/v1", 9)
    assert stored["api_key"]


def test_without_javascript_the_bar_saves(open_page: Open, site: Site) -> None:
    account = site.account(api_key=KEY)
    page = open_page(f"/accounts/{account['id']}/edit", java_script_enabled=False, viewport=PHONE)
    save = page.get_by_role("button", name="Save", exact=True)
    expect(save).to_be_in_viewport()
    page.get_by_label("Remove the stored key").check()
    save.click()
    page.wait_for_url(site.base + "/accounts")
    assert site.api.call("GET", f"/accounts/{account['id']}", 200)["api_key"] is None
