"""A task's life: made in the form, run, changed, copied, deleted."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.browser.harness import Open, Site, Watch, arrive, is_marked, mark, row_of

KEY = "sk-typed-by-hand-7f3a9c1b"


def fill(page: Page, site: Site, name: str) -> None:
    """What every task needs."""
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Message", exact=True).fill("Three lines of good news, please.")
    page.get_by_label("API endpoint").fill(site.upstream.base_url)
    page.get_by_label("Model", exact=True).fill("ok")
    page.get_by_label("API key").fill(KEY)


def test_a_task_is_made_runs_and_is_read(open_page: Open, site: Site) -> None:
    page = open_page("/tasks")
    page.get_by_role("link", name="Create the first task").click()
    expect(page.get_by_label("Name", exact=True)).to_be_focused()
    fill(page, site, "Good news")
    expect(page.get_by_label("API key")).to_have_attribute("type", "password")
    preview = page.locator("#preview")
    expect(preview).to_contain_text("every hour", ignore_case=True)
    expect(preview.locator("tbody tr")).to_have_count(10)

    page.get_by_label("Minutes between runs").fill("")
    page.get_by_label("… or seconds").fill("2")
    expect(preview).to_contain_text("every 2 seconds", ignore_case=True)
    page.get_by_role("button", name="Create task").click()

    arrive(page, site.base + "/tasks")
    expect(page.get_by_role("status")).to_contain_text("“Good news” was created.")
    mark(page)
    row = row_of(page, site.task_named("Good news"))
    expect(row).to_contain_text("every 2 seconds", ignore_case=True)
    expect(row.locator("[data-status=success]")).to_be_visible()
    expect(page.locator("[data-figure=tasks]")).to_have_text("1")
    assert is_marked(page)

    sent = site.upstream.requests()[0]
    assert sent.headers["authorization"] == f"Bearer {KEY}"
    assert sent.json["messages"] == [
        {"role": "user", "content": "Three lines of good news, please."}
    ]

    row.get_by_role("link", name="Good news").first.click()
    expect(page.get_by_role("heading", name="Good news")).to_be_visible()
    page.get_by_role("main").get_by_role("link", name="Logs").click()
    first = page.locator("[data-row]").last
    first.locator(".opener").click()
    detail = first.locator(".detail")
    expect(detail.locator("[data-text=response]")).not_to_be_empty()
    expect(detail).to_contain_text("On schedule")
    expect(detail).to_contain_text("Three lines of good news, please.")
    assert KEY not in page.content()


def test_the_preview_follows_the_kind_of_schedule_and_its_zone(open_page: Open) -> None:
    page = open_page("/tasks/new")
    preview = page.locator("#preview")
    page.get_by_text("At times of day").click()
    expect(page.get_by_label("Minutes between runs")).to_be_hidden()
    page.get_by_label("Times of day", exact=True).fill("06:45")
    expect(preview).to_contain_text("06:45")
    expect(preview.locator("tbody tr")).to_have_count(10)
    page.get_by_label("Time zone").fill("Asia/Shanghai")
    expect(preview).to_contain_text("Asia/Shanghai")
    expect(preview.locator("time").first).to_have_attribute("datetime", re.compile("T22:45:00Z$"))

    page.get_by_label("Time zone").fill("Asia/Nowhere")
    expect(preview).to_contain_text("as soon as the schedule is complete")
    assert "api_key" not in page.url


def test_what_is_wrong_stands_beside_its_field_and_nothing_is_lost(
    open_page: Open, site: Site, watch: Watch
) -> None:
    watch.allow(r"^422 POST /tasks/new$")
    page = open_page("/tasks/new")
    fill(page, site, "Good news")
    page.get_by_label("API endpoint").fill("ftp://example.com")
    page.get_by_label("Minutes between runs").fill("0")
    page.get_by_role("button", name="Create task").click()

    endpoint = page.get_by_label("API endpoint")
    expect(endpoint).to_have_attribute("aria-invalid", "true")
    expect(endpoint).to_be_focused()
    expect(page.locator("#api_endpoint-error")).not_to_be_empty()
    expect(page.locator("#interval_minutes-error")).not_to_be_empty()
    expect(page.get_by_label("Message", exact=True)).to_have_value(
        "Three lines of good news, please."
    )
    endpoint.fill(site.upstream.base_url)
    page.get_by_label("Minutes between runs").fill("90")
    page.get_by_label("API key").fill(KEY)
    page.get_by_role("button", name="Create task").click()
    arrive(page, site.base + "/tasks")
    assert site.task_named("Good news")["interval_seconds"] == 5400


def test_editing_with_an_empty_key_keeps_the_key(open_page: Open, site: Site) -> None:
    task = site.task(name="Old name", api_key=KEY)
    page = open_page("/tasks")
    row_of(page, task).get_by_role("link", name="Edit").click()
    key = page.get_by_label("API key")
    expect(key).to_have_value("")
    expect(key).to_have_attribute("placeholder", "sk-…9c1b")
    assert KEY not in page.content()

    page.get_by_label("Name", exact=True).fill("New name")
    page.get_by_role("button", name="Save", exact=True).click()
    arrive(page, site.base + "/tasks")
    expect(page.get_by_role("status")).to_contain_text("“New name” was saved.")
    expect(row_of(page, task)).to_contain_text("New name")

    assert site.ran(task["id"])["status"] == "success"
    assert site.upstream.requests()[-1].headers["authorization"] == f"Bearer {KEY}"


def test_a_switch_stops_the_schedule_and_starts_it_again(open_page: Open, site: Site) -> None:
    task = site.task(name="Every hour")
    page = open_page("/tasks")
    mark(page)
    row = row_of(page, task)
    switch = row.get_by_role("switch", name="Enabled: Every hour")
    expect(switch).to_have_attribute("aria-checked", "true")
    switch.click()
    expect(switch).to_have_attribute("aria-checked", "false")
    expect(page.locator("#toasts")).to_contain_text("“Every hour” is off.")
    expect(page.locator("[data-figure=enabled_tasks]")).to_have_text("0")
    assert site.api.call("GET", f"/tasks/{task['id']}")["enabled"] is False

    switch.click()
    expect(switch).to_have_attribute("aria-checked", "true")
    expect(row.locator("time")).to_have_count(1)  # when it runs next
    assert site.api.call("GET", f"/tasks/{task['id']}")["enabled"] is True
    assert is_marked(page)


def test_run_now_shows_the_run_under_way_and_what_came_of_it(open_page: Open, site: Site) -> None:
    task = site.task(name="Slow one", model="slow?seconds=3")
    bad = site.task(name="Bad one", model="status?code=401")
    page = open_page("/tasks")
    mark(page)
    row_of(page, task).get_by_role("button", name="Run now: Slow one").click()
    expect(page.locator("#toasts")).to_contain_text("A run of “Slow one” was started.")
    expect(row_of(page, task).locator("[data-status=running]")).to_be_visible()
    expect(row_of(page, task).locator("[data-status=success]")).to_be_visible()

    row_of(page, bad).get_by_role("button", name="Run now: Bad one").click()
    expect(row_of(page, bad).locator("[data-status=failed]")).to_be_visible()
    expect(row_of(page, bad)).to_have_class(re.compile("alarm"))
    assert is_marked(page)


def test_run_now_on_the_tasks_own_page_adds_a_row(open_page: Open, site: Site) -> None:
    task = site.task(name="By hand")
    page = open_page(f"/tasks/{task['id']}/logs")
    expect(page.get_by_role("heading", name="No runs yet")).to_be_visible()
    mark(page)
    page.get_by_role("button", name="Run now").click()
    expect(page.locator("[data-row] [data-status=success]")).to_be_visible()
    expect(page.locator("[data-figure=runs]")).to_have_text("1")
    assert is_marked(page)


def test_a_copy_is_off_and_opens_for_editing(open_page: Open, site: Site) -> None:
    task = site.task(name="The first", api_key=KEY)
    page = open_page("/tasks")
    row_of(page, task).locator("summary").click()
    page.get_by_role("button", name="Duplicate").click()
    arrive(page, re.compile(r"/tasks/\d+/edit$"))
    expect(page.get_by_role("status")).to_contain_text("off until you switch it on")
    expect(page.get_by_label("Enabled", exact=True)).not_to_be_checked()
    page.get_by_label("Name", exact=True).fill("The second")
    page.get_by_role("button", name="Save", exact=True).click()
    arrive(page, site.base + "/tasks")

    second = site.task_named("The second")
    assert second["enabled"] is False
    assert site.ran(second["id"])["status"] == "success"
    assert site.upstream.requests()[-1].headers["authorization"] == f"Bearer {KEY}"


def test_deleting_asks_first_and_says_how_many_runs_go(open_page: Open, site: Site) -> None:
    task, other = site.task(name="Old news"), site.task(name="Stays")
    for _ in range(3):
        site.ran(task["id"])
    page = open_page("/tasks")
    more = row_of(page, task).locator("summary")
    dialog = page.get_by_role("dialog")

    more.click()
    page.get_by_role("link", name="Delete …").click()
    expect(dialog).to_contain_text("Delete “Old news”?")
    expect(dialog).to_contain_text("3 runs")
    dialog.get_by_role("link", name="Cancel").click()
    expect(dialog).to_be_hidden()
    expect(row_of(page, task)).to_be_visible()

    more.click()
    page.get_by_role("link", name="Delete …").click()
    dialog.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("status")).to_contain_text("“Old news” was deleted.")
    expect(row_of(page, task)).to_have_count(0)
    expect(row_of(page, other)).to_be_visible()
    site.api.call("GET", f"/tasks/{task['id']}", 404)


def test_what_a_message_becomes_is_seen_before_it_is_sent(open_page: Open, watch: Watch) -> None:
    page = open_page("/tasks/new")
    page.get_by_label("Name", exact=True).fill("Weather")
    page.get_by_label("Message", exact=True).fill("{{ city }} {{ town }} {{ secrets.PIN }}")
    page.locator("#prompt > summary").click()
    variables, secrets = page.locator("#variables"), page.locator("#secrets")
    variables.get_by_label("Variable").fill("city")
    variables.get_by_label("Value").fill("Rome")
    variables.get_by_role("button", name="Another variable").click()
    variables.get_by_label("Variable").nth(1).fill("town")
    variables.get_by_label("Value").nth(1).fill("Ostia")
    secrets.get_by_label("Secret").fill("PIN")
    expect(secrets.get_by_label("Value")).to_have_attribute("type", "password")
    secrets.get_by_label("Value").fill(KEY)

    rendered = page.locator("#rendered")
    page.get_by_role("button", name="Preview").click()
    expect(rendered.locator("pre")).to_have_text("Rome Ostia [secret: PIN]")
    expect(rendered).to_contain_text("Nothing was sent.")
    expect(variables.get_by_label("Value").nth(1)).to_have_value("Ostia")

    watch.allow(r"^422 POST /tasks/new$")
    page.get_by_label("Message", exact=True).fill("{{ citty }}")
    page.get_by_role("button", name="Preview").click()
    expect(rendered).to_contain_text("Line 1: There is no “citty”.")
    expect(rendered.locator("pre")).to_have_count(0)
