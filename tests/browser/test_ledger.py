"""The ledger as a person sees it: the receipt, what was missed while away, a run that is cancelled."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

from playwright.sync_api import BrowserContext, expect

from tests.browser.harness import Open, Site, Watch, log_in, row_of
from tests.server import Instance, wait_until


def test_the_receipt_follows_the_typing(open_page: Open) -> None:
    page = open_page("/tasks/new", timezone_id="Asia/Shanghai")
    receipt = page.locator("#preview")
    expect(receipt).to_contain_text("every hour")
    page.check("input[value=cron]")
    page.fill("#timezone", "Europe/Berlin")
    page.fill("#cron", "0 25 * * *")
    expect(page.locator("#cron-error")).to_contain_text("The hour is not right")
    expect(page.locator("#cron")).to_have_attribute("aria-invalid", "true")
    expect(receipt).to_contain_text("as soon as the schedule is complete")
    page.fill("#cron", "30 2 * * *")
    expect(page.locator("#cron-error")).to_have_count(0)
    expect(page.locator("#cron")).not_to_have_attribute("aria-invalid", "true")
    expect(receipt.locator("tbody tr")).to_have_count(10)
    expect(receipt).to_contain_text("Asia/Shanghai (yours)")
    expect(receipt).to_contain_text("A time that is left out runs right after the change.")
    page.select_option("#build-kind", "weekly")
    page.select_option("#build-weekday", "3")
    page.fill("#build-time", "17:05")
    expect(page.locator("#cron")).to_have_value("5 17 * * 3")
    expect(receipt).to_contain_text("Wednesday")
    page.click("#more-when > summary")
    page.click("#add-blackout")
    page.fill("#blackouts-2-from", "17:00")
    page.fill("#blackouts-2-to", "18:00")
    expect(receipt).to_contain_text("Nothing is due any more")
    assert page.evaluate("document.activeElement.id") == "blackouts-2-to", "typing goes on"


def test_a_form_that_is_wrong_loses_nothing(open_page: Open, watch: Watch) -> None:
    watch.allow("422 POST /tasks/new")
    page = open_page("/tasks/new")
    page.fill("#name", "Kept")
    page.check("input[value=fixed_time]")
    page.fill("#fixed_time", "9:00, 17:30")
    page.locator("label[for=weekdays-0]").click()
    page.click("#policies > summary")
    page.check("input[value=queue]")
    page.fill("#expires_after_seconds", "soon")
    page.get_by_role("button", name="Create task").click()
    expect(page.locator("#expires_after_seconds-error")).to_be_visible()
    for field, value in (("name", "Kept"), ("fixed_time", "9:00, 17:30")):
        expect(page.locator(f"#{field}")).to_have_value(value)
    expect(page.locator("#weekdays-0")).to_be_checked()
    expect(page.locator("input[value=queue]")).to_be_checked()
    expect(page.locator("#preview")).to_contain_text("every Monday at 09:00 and 17:30")


def test_a_running_run_is_cancelled(open_page: Open, site: Site) -> None:
    task = site.task(model="slow?seconds=60", schedule_type="manual", interval_seconds=None)
    run = site.api.run(task["id"])
    page = open_page(f"/tasks/{task['id']}/logs")
    row = page.locator(f"#run-{run['id']}")
    expect(row.locator("[data-status=running]")).to_be_visible()
    row.locator(".line").click()
    row.get_by_role("button", name="Cancel this run").click()
    expect(row.locator(".line [data-status=cancelled]")).to_be_visible()
    expect(row.locator(".detail")).to_contain_text("This run was cancelled.")
    ended = site.api.ended(run["id"])
    assert (ended["status"], ended["reason"]) == ("cancelled", "cancelled")
    row.get_by_role("button", name="Run again with the same input").click()
    page.wait_for_url(re.compile(r"/logs/\d+$"))
    expect(page.locator("#messages")).to_contain_text(f"It answers run {run['id']}.")
    page.get_by_role("button", name="Cancel this run").click()
    expect(page.locator(".detail [data-status=cancelled]").first).to_be_visible()


def test_several_tasks_at_once(open_page: Open, site: Site) -> None:
    first = site.task(name="First of the pair", tags=["pair"])
    site.task(name="Second of the pair", tags=["pair"])
    site.task(name="Another")
    page = open_page("/tasks")
    page.fill("#filter-q", "of the pair")
    expect(page.locator("table.tasks tbody tr")).to_have_count(2)
    assert "q=of+the+pair" in page.url
    expect(page.locator(".bulk")).to_be_hidden()
    page.check("[data-all=ids]")
    page.wait_for_timeout(2_500)  # a refresh in between takes nothing away
    page.locator("#menu-pause summary").click()
    page.get_by_role("button", name="Pause for an hour").last.click()
    expect(page.locator("#toasts")).to_contain_text("2 tasks are paused until")
    expect(page.locator("table.tasks [data-status=paused]")).to_have_count(2)
    expect(page.locator(".bulk")).to_be_hidden()
    row_of(page, first).get_by_role("button", name=re.compile("^Resume")).click()
    expect(page.locator("table.tasks [data-status=paused]")).to_have_count(1)


def test_what_was_missed_while_away(
    new_context: Callable[..., BrowserContext], site: Site, watch: Watch, tmp_path: Path
) -> None:
    with Instance(tmp_path) as away:
        first = away.gunicorn()
        task = first.api.create(
            name="Every minute",
            api_endpoint=site.upstream.base_url,
            interval_seconds=60,
            catch_up="none",
        )
        first.terminate()
        _stopped_earlier(away, timedelta(minutes=10))
        second = away.gunicorn()
        wait_until(lambda: second.api.logs(task["id"], status="missed"), 10, "the missed rows")
        watch.allow(f"foreign: [A-Z]+ {second.base}/")
        page = new_context().new_page()
        log_in(page, second.base)
        page.get_by_role("link", name="Decide what to do").click()
        card = page.locator(f"#missed-{task['id']}")
        expect(card).to_contain_text("due times were missed")
        card.get_by_role("button", name=re.compile("^Run all")).click()
        expect(card).to_contain_text("You had all")
        made = away.rows("SELECT * FROM runs WHERE for_instant IS NOT NULL")
        missed = away.rows("SELECT sum(occurrences) AS n FROM runs WHERE status = 'missed'")
        assert len(made) == missed[0]["n"] >= 9
        page.goto(f"{second.base}/")
        expect(page.get_by_role("link", name="Decide what to do")).to_have_count(0)


def _stopped_earlier(instance: Instance, distance: timedelta) -> None:
    """The process is gone; let all that it noted be older, as if it had been gone for longer."""
    columns = [
        ("tasks", "anchor_at"),
        ("tasks", "next_run_at"),
        ("tasks", "created_at"),
        ("instance_state", "last_tick_at"),
    ]
    with closing(sqlite3.connect(instance.database)) as connection:
        for table, column in columns:
            rows = connection.execute(f"SELECT id, {column} FROM {table}").fetchall()
            for row_id, text in rows:
                earlier = datetime.fromisoformat(text) - distance
                connection.execute(
                    f"UPDATE {table} SET {column} = ? WHERE id = ?",
                    (f"{earlier:%Y-%m-%d %H:%M:%S.%f}", row_id),
                )
        connection.commit()


def test_in_chinese(open_page: Open) -> None:
    for locale, words in (("zh-CN", "出问题时"), ("zh-TW", "出問題時")):
        page = open_page("/tasks/new", locale=locale)
        expect(page.locator("#policies > summary")).to_contain_text(words)
        page.check("input[value=fixed_time]")
        page.fill("#fixed_time", "09:00, 12:00, 17:30")
        expect(page.locator("#preview .words")).to_have_text("每天09:00、12:00和17:30")
        seen = page.locator("main").inner_text()
        left = re.findall(r"\b(?:the|runs?|task|next|every|about)\b", seen, re.I)
        assert left == [], left
