"""A degraded answer and a changed one, as they look; checks typed into the form."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.harness import Open, Site, Watch, arrive, row_of, too_wide

pytestmark = pytest.mark.xdist_group("browser-2")

PHONE = {"width": 375, "height": 667}


def answer(site: Site, task: dict[str, Any], text: str, **more: Any) -> dict[str, Any]:
    """Let the upstream say it."""
    finish = f"&finish={more['finish']}" if "finish" in more else ""
    site.api.call("PATCH", f"/tasks/{task['id']}", 200, json={"model": f"ok?text={text}{finish}"})
    return site.ran(task["id"])


@pytest.fixture
def watched(site: Site) -> dict[str, Any]:
    """A task whose answers are compared, and checked."""
    return site.task(
        name="Weather",
        schedule_type="manual",
        change_watch="text",
        checks=[{"kind": "contains", "value": "Bern"}],
    )


def rgb(where: Locator, what: str) -> tuple[float, ...]:
    """A colour as the browser computed it."""
    colour = where.evaluate("(e, what) => getComputedStyle(e)[what]", what)
    return tuple(float(part) for part in re.findall(r"[\d.]+", colour)[:3])


def brightness(colour: tuple[float, ...]) -> float:
    """Relative luminance, as WCAG has it."""
    parts = [c / 255 / 12.92 if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in colour]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def contrast(chip: Locator) -> float:
    one, two = brightness(rgb(chip, "color")), brightness(rgb(chip, "backgroundColor"))
    return (max(one, two) + 0.05) / (min(one, two) + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_degraded_run_looks_like_nothing_else(
    open_page: Open, site: Site, watched: dict[str, Any], scheme: str
) -> None:
    answer(site, watched, "Rain in Bern")
    bad = answer(site, watched, "Rain in Biel")
    page = open_page("/logs", color_scheme=scheme)
    chips = page.locator("table.runs [data-status=success]")
    expect(chips).to_have_count(2)
    degraded, good = chips.nth(0), chips.nth(1)
    expect(degraded).to_have_text("Degraded")
    expect(good).to_have_text("Success")
    assert rgb(degraded, "color") != rgb(good, "color")
    assert rgb(degraded, "backgroundColor") != rgb(good, "backgroundColor")
    assert contrast(degraded) >= 4.5
    icons = [chip.locator("use").get_attribute("href") for chip in (degraded, good)]
    assert icons[0] != icons[1]
    assert degraded.locator("svg").bounding_box()["width"] > 8  # type: ignore[index]
    bar = page.locator(".plot .piece.degraded")
    expect(bar).to_have_attribute("fill", "url(#fill-degraded)")
    assert rgb(page.locator("#fill-degraded rect"), "fill") == rgb(degraded, "color")
    expect(page.locator("[data-figure=degraded]")).to_have_text("1")

    page.goto(site.base + "/tasks")
    expect(row_of(page, watched).locator("[data-verdict=degraded]")).to_have_text("Degraded")
    page.goto(site.base + "/")
    page.locator("[data-figure=degraded_today]").click()
    arrive(page, re.compile(r"/logs\?verdict=degraded&from=(\S+)&to=\1$"))
    expect(page.locator("[data-row]")).to_have_count(1)

    page.goto(f"{site.base}/logs/{bad['id']}")
    expect(page.locator(".findings li")).to_have_count(1)
    expect(page.locator(".findings")).to_contain_text("Check 1: “Bern” is not in the answer.")


def test_what_changed_is_seen_and_accepted(
    open_page: Open, site: Site, watched: dict[str, Any]
) -> None:
    first = answer(site, watched, "Rain in Bern")
    other = answer(site, watched, "Sun in Bern")
    page = open_page("/logs")
    row = page.locator(f"#run-{other['id']}")
    expect(row.locator(".chip.changed")).to_have_text("Changed")
    row.locator("a.opener").click()
    sides = row.locator(".sides")
    expect(sides.locator("del")).to_have_text("Rain ")
    expect(sides.locator("ins")).to_have_text("Sun ")
    row.get_by_role("button", name="Accept as baseline").click()
    arrive(page, f"{site.base}/logs/{other['id']}")
    expect(page.get_by_role("status")).to_contain_text("Later answers are compared with this one.")
    expect(page.locator(".watch")).to_contain_text("This answer is the baseline")
    expect(page.locator(".watch a")).to_have_attribute("href", f"/logs/{first['id']}")
    again = answer(site, watched, "Sun in Bern")
    assert (again["changed"], again["compared_with"]) == (False, other["id"])


def test_checks_are_typed(
    open_page: Open, site: Site, watch: Watch, watched: dict[str, Any]
) -> None:
    watch.allow("422 POST /tasks/")
    page = open_page(f"/tasks/{watched['id']}/edit")
    part = page.locator("#more-checks")
    part.locator("summary").click()
    rows = part.locator("#checks [data-item]")
    expect(rows).to_have_count(2)
    expect(rows.nth(0).locator("[name$=-path]")).to_be_hidden()
    rows.nth(1).locator("select").select_option("json_path")
    rows.nth(1).locator("[name$=-path]").fill("$.price")
    rows.nth(1).locator("[name$=-value]").fill("5")
    part.get_by_role("button", name="Another check").click()
    expect(rows).to_have_count(3)
    rows.nth(2).locator("[name$=-value]").fill("(?=a)")
    rows.nth(2).locator("select").select_option("regex")
    paths = part.get_by_label("Only look at")
    expect(paths).to_be_hidden()
    part.get_by_label("Compare the JSON").check()
    paths.fill("$.price")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(part.locator(".error")).to_contain_text("Check 3: Look-ahead")
    rows.nth(2).get_by_role("button", name="Take this row away").click()
    page.get_by_role("button", name="Save", exact=True).click()
    arrive(page, site.base + "/tasks")
    task = site.api.call("GET", f"/tasks/{watched['id']}", 200)
    assert task["checks"] == [
        {"kind": "contains", "value": "Bern"},
        {"kind": "json_path", "path": "$.price", "value": 5},
    ]
    assert (task["change_watch"], task["change_fields"]) == ("json", ["$.price"])


def test_it_all_fits_a_phone(open_page: Open, site: Site, watched: dict[str, Any]) -> None:
    answer(site, watched, "Rain in Bern " + "x" * 120)
    bad = answer(site, watched, "Rain " + "y" * 120, finish="length")
    page: Page = open_page(f"/logs/{bad['id']}", viewport=PHONE)
    expect(page.locator(".sides")).to_be_visible()
    assert too_wide(page) == []
    for path in ("/logs", f"/tasks/{watched['id']}/edit", "/"):
        page.goto(site.base + path)
        expect(page.locator("h1")).to_be_visible()
        assert too_wide(page) == [], path
