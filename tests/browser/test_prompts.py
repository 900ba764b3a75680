"""Versions of a prompt and the gallery, as a person uses them."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.harness import Open, Site, arrive, too_wide

LONG = "Today is {{ date }}. What is new about tea?\n\nGive three points.\nName the source."


def versions_of(site: Site, task: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = site.api.call("GET", f"/tasks/{task['id']}/prompts", 200)["items"]
    return found


@pytest.fixture
def task(site: Site) -> dict[str, Any]:
    """A task with two versions."""
    made = site.task(name="Tea", message_content=LONG)
    site.api.call(
        "PATCH", f"/tasks/{made['id']}", 200, json={"message_content": "All about coffee"}
    )
    return made


def test_a_card_of_the_gallery_becomes_a_task(open_page: Open, site: Site) -> None:
    page = open_page("/")
    page.get_by_role("link", name="Begin with one from the gallery").click()
    page.get_by_role("link", name="Keep-alive ping").click()
    expect(page.get_by_label("Name", exact=True)).to_have_value("Keep-alive ping")
    expect(page.get_by_label("Message", exact=True)).to_have_value("Answer with exactly: OK")
    page.get_by_label("API endpoint").fill(site.upstream.base_url)
    page.get_by_label("Model", exact=True).fill("ok")
    page.get_by_role("button", name="Create task").click()
    arrive(page, site.base + "/tasks")
    made = site.task_named("Keep-alive ping")
    assert (made["max_tokens"], made["interval_minutes"], made["stream"]) == (200, 15, False)


def test_two_versions_are_compared_and_one_restored(
    open_page: Open, site: Site, task: dict[str, Any]
) -> None:
    page = open_page(f"/tasks/{task['id']}/edit")
    page.get_by_role("link", name="Version 2").click()
    page.get_by_role("button", name="Compare the two").click()
    expect(page.get_by_role("heading", name="Versions 1 and 2")).to_be_visible()
    expect(page.locator(".sides ins").first).to_be_visible()
    expect(page.locator(".sides del", has_text="Name the source.")).to_be_visible()
    page.get_by_role("button", name="Restore version 1").click()
    expect(page.get_by_role("status").first).to_contain_text("Version 1 is live again")
    expect(page.locator("#version-3")).to_contain_text("restored from version 1")
    assert site.api.call("GET", f"/tasks/{task['id']}", 200)["message_content"] == LONG


def test_a_draft_is_saved_and_then_published(
    open_page: Open, site: Site, task: dict[str, Any]
) -> None:
    page = open_page(f"/tasks/{task['id']}/edit")
    page.get_by_label("Message", exact=True).fill("All about cocoa")
    page.get_by_role("button", name="Save as draft").click()
    expect(page.get_by_role("status").first).to_contain_text("The draft was saved.")
    expect(page.locator("#version-3")).to_contain_text("Draft")
    run = site.ran(task["id"])
    assert run["prompt_version"] == 2

    page.get_by_role("link", name="Edit “Tea”").click()
    expect(page.locator("#draft")).to_contain_text("Version 2 is sent until you publish it.")
    expect(page.get_by_label("Message", exact=True)).to_have_value("All about cocoa")
    page.locator("#draft").get_by_role("button", name="Publish").click()
    expect(page.locator("#draft")).to_have_count(0)
    expect(page.get_by_label("Message", exact=True)).to_have_value("All about cocoa")
    run = site.ran(task["id"])
    assert run["prompt_version"] == 3
    page.goto(f"{site.base}/logs/{run['id']}")
    page.get_by_role("link", name="Version 3").click()
    expect(page.locator("pre.text")).to_have_text("All about cocoa")
    assert [version["draft"] for version in versions_of(site, task)] == [False] * 3


def test_a_prompt_is_kept_changed_and_deleted(
    open_page: Open, site: Site, task: dict[str, Any]
) -> None:
    page = open_page(f"/tasks/{task['id']}/prompts")
    page.get_by_role("button", name="Keep as a template").click()
    page.get_by_label("What it is good for").fill("Drinks of all kinds")
    page.get_by_role("button", name="Another variable").click()
    page.get_by_label("Value").first.fill("hot")
    page.get_by_label("Variable", exact=True).first.fill("kind")
    page.get_by_role("button", name="Save").click()
    card = page.locator(".pickable").first
    expect(card).to_contain_text("Drinks of all kinds")
    card.get_by_role("link", name="Tea", exact=True).click()
    expect(page.get_by_label("Message", exact=True)).to_have_value("All about coffee")
    page.goto(site.base + "/gallery")
    card.get_by_role("link", name="Delete: Tea").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_role("status").first).to_contain_text("“Tea” was deleted.")
    expect(page.get_by_role("heading", name="Your own")).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_sticks_out_on_a_phone(
    open_page: Open, site: Site, task: dict[str, Any], scheme: str
) -> None:
    site.api.call("POST", f"/tasks/{task['id']}/prompts", 201, json={"message_content": "w" * 300})
    path = f"/tasks/{task['id']}/prompts"
    page = open_page("/gallery", viewport={"width": 360, "height": 740}, color_scheme=scheme)
    for where in (
        "/gallery",
        path,
        f"{path}/3",
        f"{path}/compare?a=1&b=3",
        f"/tasks/{task['id']}/edit",
    ):
        page.goto(site.base + where)
        assert too_wide(page) == [], where


def test_without_javascript(open_page: Open, site: Site, task: dict[str, Any]) -> None:
    page = open_page(f"/tasks/{task['id']}/edit", java_script_enabled=False)
    page.get_by_label("Message", exact=True).fill("Draft without scripts")
    page.get_by_role("button", name="Save as draft").click()
    page.locator("#version-3").get_by_role("button", name="Publish").click()
    expect(page.locator("#version-3")).to_contain_text("Live")
    page.locator("#version-1").get_by_role("button", name="Restore version 1").click()
    expect(page.locator("#version-4")).to_contain_text("Live")
    page.goto(site.base + "/gallery")
    page.get_by_role("link", name="Page summary").click()
    expect(page.get_by_label("Name", exact=True)).to_have_value("Page summary")
