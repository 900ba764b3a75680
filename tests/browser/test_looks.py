"""Languages, light and dark, and a phone."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.harness import Open, Site, Watch, too_wide

pytestmark = pytest.mark.xdist_group("browser-2")


PHONE = {"width": 390, "height": 844}
TABLET = {"width": 768, "height": 1024}
LONG = "A name that nobody would give a task, but which nothing forbids and which a phone must bear"


def choose(page: Page, menu: str, item: str) -> None:
    """Through one of the two menus in the header."""
    page.locator(f"#menu-{menu} summary").click()
    page.locator(f"#menu-{menu}").get_by_role("button", name=item, exact=True).click()


def background(page: Page) -> float:
    """How bright the page is, 0 to 255."""
    colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
    if colour in ("rgba(0, 0, 0, 0)", "transparent"):
        colour = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    red, green, blue = (float(part) for part in re.findall(r"[\d.]+", colour)[:3])
    return (red + green + blue) / 3


@pytest.fixture
def busy(site: Site) -> dict[str, Any]:
    """A task with a success and a failure, and one with a name that is too long."""
    task = site.task(name="Morning news")
    site.ran(task["id"])
    site.api.call("PATCH", f"/tasks/{task['id']}", 200, json={"model": "status?code=401"})
    site.ran(task["id"])
    site.task(name=LONG, model="organisation/a-model-with-a-long-name-" + "x" * 60, enabled=False)
    return task


def test_the_language_is_switched_and_remembered(open_page: Open, site: Site) -> None:
    site.task(name="Morning news")
    page = open_page("/tasks")
    html = page.locator("html")
    expect(html).to_have_attribute("lang", "en")
    choose(page, "language", "简体中文")
    expect(html).to_have_attribute("lang", "zh-Hans")
    expect(page.locator("h1")).to_have_text("任务")
    page.locator("nav a[href='/logs']").click()
    expect(page).to_have_url(site.base + "/logs")
    expect(html).to_have_attribute("lang", "zh-Hans")

    choose(page, "language", "繁體中文")
    expect(page).to_have_url(site.base + "/logs")
    expect(html).to_have_attribute("lang", "zh-Hant")
    page.goto(site.base + "/tasks")
    expect(page.locator("h1")).to_have_text("任務")

    choose(page, "language", "English")
    expect(html).to_have_attribute("lang", "en")
    expect(page.locator("h1")).to_have_text("Tasks")


def test_a_filter_outlives_a_change_of_the_language(open_page: Open, site: Site) -> None:
    page = open_page("/logs?status=failed&status=missed")
    choose(page, "language", "简体中文")
    expect(page).to_have_url(site.base + "/logs?status=failed&status=missed")


@pytest.mark.parametrize(
    ("browser_language", "expected", "wrong"),
    [
        ("zh-CN", "zh-Hans", "密码错误"),
        ("zh-TW", "zh-Hant", "密碼錯誤"),
        ("de-DE", "en", "Wrong password"),
    ],
)
def test_the_door_speaks_the_browsers_language(
    open_page: Open, watch: Watch, browser_language: str, expected: str, wrong: str
) -> None:
    watch.allow(r"^401 POST /login$")
    page = open_page("/login", signed_in=False, locale=browser_language)
    expect(page.locator("html")).to_have_attribute("lang", expected)
    page.locator("input[type=password]").fill("no")
    page.locator("input[type=password]").press("Enter")
    expect(page.get_by_text(wrong)).to_be_visible()


def test_times_are_written_in_the_persons_zone(open_page: Open, site: Site) -> None:
    task = site.task(name="Daily", schedule_type="fixed_time", fixed_time="00:30")
    page = open_page("/tasks", timezone_id="Asia/Shanghai")
    expect(page.get_by_text("Times in Asia/Shanghai (UTC+8)")).to_be_visible()
    row = page.locator(f"#task-{task['id']}")
    expect(row.locator("time")).to_contain_text("08:30:00")
    expect(row).to_contain_text("every day at 00:30 UTC")  # whose clock shows another time

    near = open_page("/tasks")
    expect(near.locator(f"#task-{task['id']}")).not_to_contain_text("every day at 00:30 UTC")


def test_light_and_dark_are_switched_and_remembered(open_page: Open, site: Site) -> None:
    page = open_page(color_scheme="light")
    assert background(page) > 200
    choose(page, "theme", "Dark")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    assert background(page) < 60
    page.goto(site.base + "/logs")
    assert background(page) < 60
    choose(page, "theme", "Light")
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
    assert background(page) > 200

    choose(page, "theme", "As the system")
    expect(page.locator("html")).not_to_have_attribute("data-theme", re.compile(".*"))
    page.emulate_media(color_scheme="dark")
    assert background(page) < 60


def test_the_system_decides_where_nobody_has_chosen(open_page: Open) -> None:
    assert background(open_page(color_scheme="dark")) < 60


@pytest.mark.parametrize("language", ["en-US", "zh-CN"])
def test_nothing_scrolls_sideways_on_a_phone_or_a_tablet(
    open_page: Open, site: Site, busy: dict[str, Any], watch: Watch, language: str
) -> None:
    watch.allow(r"^404 GET /nowhere$")
    page = open_page(viewport=PHONE, locale=language)
    run = site.api.logs(busy["id"])[0]
    paths = [
        "/",
        "/tasks",
        "/tasks/new",
        f"/tasks/{busy['id']}/edit",
        f"/tasks/{busy['id']}/delete",
        f"/tasks/{busy['id']}/logs",
        "/logs?status=failed&status=success",
        f"/logs/{run['id']}",
        "/tasks",
        "/usage",
        "/health",
        "/nowhere",
    ]
    for path in paths:
        page.goto(site.base + path)
        expect(page.locator("h1")).to_be_visible()
        assert too_wide(page) == [], path
        for tab in page.locator(".tabs [aria-current]").all():
            expect(tab).to_be_in_viewport(ratio=1)
        page.set_viewport_size(TABLET)
        assert too_wide(page) == [], f"{path} on a tablet"
        page.set_viewport_size(PHONE)
    small = open_page("/login", signed_in=False, viewport=PHONE, locale=language)
    assert too_wide(small) == []


def test_a_phone_opens_runs_menus_and_the_question(
    open_page: Open, site: Site, busy: dict[str, Any]
) -> None:
    page = open_page("/logs", viewport=PHONE, has_touch=True, is_mobile=True)
    row = page.locator("[data-row]").first
    row.locator(".opener").tap()
    expect(row.locator("[data-text=error]")).to_be_visible()
    assert too_wide(page) == []

    for menu in page.locator(
        "#menu-language, #menu-theme, #filter .main details, #menu-keep, .tools-row details"
    ).all():
        menu.locator("summary").tap()
        expect(menu.locator(".sheet")).to_be_in_viewport(ratio=0.98)
        assert too_wide(page) == []
        page.keyboard.press("Escape")

    page.goto(site.base + "/tasks")
    menu = page.locator(f"#menu-task-{busy['id']}")
    menu.locator("summary").tap()
    expect(menu.locator(".sheet")).to_be_in_viewport(ratio=0.98)
    assert too_wide(page) == []
    menu.get_by_role("link", name="Delete …").tap()
    expect(page.get_by_role("dialog")).to_be_in_viewport(ratio=0.98)
    page.get_by_role("dialog").get_by_role("link", name="Cancel").tap()
    expect(page.get_by_role("dialog")).to_be_hidden()


def test_what_is_touched_is_large_enough(open_page: Open, site: Site, busy: dict[str, Any]) -> None:
    """24 pixels each way, as WCAG 2.2 asks of what is not a word in a line of text."""
    page = open_page("/tasks", viewport=PHONE, has_touch=True, is_mobile=True)
    small = page.evaluate(
        """() => [...document.querySelectorAll("button, summary, .button, select, input")]
            .filter((element) => {
                if (!element.checkVisibility()) return false;
                element.scrollIntoView({block: "center", behavior: "instant"});
                const box = element.getBoundingClientRect();
                const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
                return [[-11, 0], [11, 0], [0, -11], [0, 11]].some(([right, down]) =>
                    !element.contains(document.elementFromPoint(x + right, y + down)));
            })
            .map((element) => element.outerHTML.slice(0, 90))"""
    )
    assert small == []
