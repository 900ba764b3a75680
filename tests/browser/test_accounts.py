"""An account's life, and an answer that is watched while it comes."""

from __future__ import annotations

import time
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.harness import Open, Site, Watch, arrive, is_marked, mark, row_of, too_wide

pytestmark = pytest.mark.xdist_group("browser-2")

KEY = "sk-typed-by-hand-7f3a9c1b"
GROWING = "stream?pieces=40&pause=0.3"


def through(site: Site, account: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A task that asks through an account."""
    values = {"api_endpoint": None, "api_key": None, "account_id": account["id"], **fields}
    return site.api.create(**values)


def test_an_account_is_made_tried_and_used(open_page: Open, site: Site, watch: Watch) -> None:
    page = open_page("/accounts")
    page.get_by_role("link", name="Create the first account").click()
    expect(page.get_by_label("Name", exact=True).first).to_be_focused()
    page.keyboard.type("Work")
    page.get_by_label("API endpoint").fill(site.upstream.base_url)
    page.get_by_label("API key").fill(KEY)
    mark(page)
    page.get_by_role("button", name="Fetch models").click()
    expect(page.locator("#offer")).to_contain_text("3 models found")
    expect(page.locator("#models option")).to_have_count(3)
    expect(page.get_by_label("API key")).to_have_value(KEY)
    assert is_marked(page)
    page.get_by_label("Default model").fill("ok")

    page.get_by_text("Headers, proxy, prices").click()
    headers = page.locator("#headers")
    headers.get_by_label("Name").fill("X-One")
    headers.get_by_label("Value").fill("1")
    headers.get_by_role("button", name="Another header").click()
    expect(headers.get_by_label("Name").nth(1)).to_be_focused()
    page.keyboard.type("X-Two")
    headers.get_by_label("Value").nth(1).fill("2")
    headers.get_by_role("button", name="Take this row away").first.click()
    expect(headers.get_by_label("Name")).to_have_value("X-Two")
    page.get_by_role("button", name="Create account").click()

    expect(page.get_by_role("status").first).to_contain_text("“Work” was created.")
    page.get_by_role("button", name="Test", exact=True).click()
    expect(page.locator("#test")).to_contain_text("It answered after")
    expect(page.locator("#test pre")).to_have_text("All is well.")
    sent = site.upstream.requests()[-1]
    assert sent.headers["authorization"] == f"Bearer {KEY}"
    assert sent.headers["x-two"] == "2" and "x-one" not in sent.headers
    assert KEY not in page.content()

    page.goto(site.base + "/tasks/new")
    page.get_by_label("Ask through").select_option(
        label=page.locator("#account_id option").nth(1).inner_text()
    )
    expect(page.get_by_label("API endpoint")).to_be_hidden()
    expect(page.get_by_label("Model", exact=True)).to_have_attribute("placeholder", "ok")
    page.get_by_role("button", name="Fetch models").click()
    expect(page.locator("#models option")).to_have_count(3)
    page.get_by_label("Name", exact=True).fill("Through it")
    page.get_by_label("Message", exact=True).fill("Hello?")
    page.get_by_role("button", name="Create task").click()
    arrive(page, site.base + "/tasks")
    row = row_of(page, site.task_named("Through it"))
    expect(row).to_contain_text("Work")
    row.get_by_role("button", name="Run now").click()
    expect(row.locator("[data-status=success]")).to_be_visible()


def test_a_test_that_fails_is_explained_in_the_list(
    open_page: Open, site: Site, watch: Watch
) -> None:
    account = site.account(default_model="status?code=401", api_key=KEY)
    page = open_page("/accounts")
    row = page.locator(f"#account-{account['id']}")
    row.locator("summary").click()
    row.get_by_role("button", name="Test").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("The provider did not accept the API key.")
    expect(dialog).to_contain_text("Enter a valid API key")
    dialog.get_by_role("link", name="Close").click()
    expect(dialog).to_be_hidden()
    row.get_by_role("switch").click()
    expect(row.get_by_role("switch")).to_have_attribute("aria-checked", "false")


def lines(page: Page) -> int:
    return page.locator("pre.growing").inner_text().count("Line ")


def test_a_growing_answer_is_watched_and_stays_where_it_is_read(
    open_page: Open, site: Site
) -> None:
    task = through(site, site.account(), name="Grows", model="stream?pieces=12&pause=0.4")
    page = open_page(f"/logs/{site.api.run(task['id'])['id']}")
    mark(page)
    growing = page.locator("pre.growing")
    expect(growing).to_contain_text("Line 2 of")
    growing.evaluate("pre => getSelection().setBaseAndExtent(pre.firstChild, 0, pre.firstChild, 6)")
    before = lines(page)
    expect(growing).to_contain_text(f"Line {before + 2} of")
    assert page.evaluate("String(getSelection())") == "Line 1"
    expect(page.locator(".detail [data-status=success]")).to_be_visible()
    expect(page.locator("[data-text=response]")).to_contain_text("Line 12 of the answer.")
    assert page.evaluate("String(getSelection())") == "Line 1"
    expect(page.locator(".timeline")).to_contain_text("First piece of the answer")
    expect(page.locator(".run-side")).to_contain_text("Work")
    assert is_marked(page)


def test_a_growing_answer_is_cancelled_and_what_had_come_is_kept(
    open_page: Open, site: Site
) -> None:
    task = through(site, site.account(), name="Grows", model=GROWING)
    page = open_page(f"/tasks/{task['id']}/logs")
    page.get_by_role("button", name="Run now").click()
    row = page.locator("[data-row]").first
    row.get_by_role("link").first.click()
    expect(row.locator("pre.growing")).to_contain_text("Line 3 of")
    run_id = site.logs_of(task)[0]["id"]
    start = time.monotonic()
    row.get_by_role("button", name="Cancel this run").click()
    found = site.api.ended(run_id)
    assert time.monotonic() - start < 3, "it does not wait for the rest of the answer"
    assert found["status"] == "cancelled" and "Line 3 of" in found["response_text"]
    expect(row.locator("[data-text=response]")).to_contain_text("Line 3 of")
    expect(row.locator(".detail")).to_contain_text("What had arrived of the answer")


def test_what_is_typed_into_rows_survives_a_mistake(
    open_page: Open, site: Site, watch: Watch
) -> None:
    watch.allow(r"^422 POST /tasks/new$")
    page = open_page("/tasks/new")
    page.locator("#answer > summary").click()
    before = page.locator("#messages-before")
    before.get_by_label("Text").fill("What is 1 + 1?")
    before.get_by_role("button", name="Another message").click()
    before.get_by_label("Who says it").nth(1).select_option("assistant")
    before.get_by_label("Text").nth(1).fill("2")
    page.get_by_label("Temperature").fill("0,7")
    page.get_by_text("JSON by a schema").click()
    page.get_by_label("JSON schema").fill('{"type":\n "object"')
    page.get_by_role("button", name="Create task").click()
    expect(page.locator("#temperature-error")).to_contain_text("0.7")
    expect(page.locator("#response_schema-error")).to_contain_text("line 2")
    expect(before.get_by_label("Text").nth(0)).to_have_value("What is 1 + 1?")
    expect(before.get_by_label("Text").nth(1)).to_have_value("2")
    expect(before.get_by_label("Who says it").nth(1)).to_have_value("assistant")


@pytest.mark.parametrize("path", ["/accounts", "/accounts/new", "/tasks/new", "/"])
@pytest.mark.parametrize(
    "options",
    [
        {"color_scheme": "dark", "viewport": {"width": 360, "height": 740}},
        {"locale": "zh-CN", "viewport": {"width": 360, "height": 740}},
    ],
    ids=["dark", "chinese"],
)
def test_on_a_phone(open_page: Open, site: Site, path: str, options: dict[str, Any]) -> None:
    account = site.account(
        name="An account with a name of some length, for a customer far away",
        default_model="organisation/a-model-with-a-long-name-" + "x" * 60,
        requests_per_minute=100_000,
    )
    through(site, account, name="Through it", model=None)
    page = open_page(path, **options)
    for fold in page.locator("main details.more").all():
        fold.evaluate("fold => { fold.open = true; }")
    assert too_wide(page) == []
