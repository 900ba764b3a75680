"""Languages, light and dark, and a phone."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import update

from autoai import create_app
from autoai.extensions import db
from autoai.models import DailyTotal, Run, Task, UsageTotal, write_transaction
from tests.browser.harness import Open, Site, Watch, arrive, every_page, out_of_card, too_wide
from tests.conftest import make_settings

pytestmark = pytest.mark.xdist_group("browser-2")


PHONE = {"width": 360, "height": 780}
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
    arrive(page, site.base + "/logs")
    expect(html).to_have_attribute("lang", "zh-Hans")

    choose(page, "language", "繁體中文")
    arrive(page, site.base + "/logs")
    expect(html).to_have_attribute("lang", "zh-Hant")
    page.goto(site.base + "/tasks")
    expect(page.locator("h1")).to_have_text("任務")

    choose(page, "language", "English")
    expect(html).to_have_attribute("lang", "en")
    expect(page.locator("h1")).to_have_text("Tasks")


def test_a_filter_outlives_a_change_of_the_language(open_page: Open, site: Site) -> None:
    page = open_page("/logs?status=failed&status=missed")
    choose(page, "language", "简体中文")
    arrive(page, site.base + "/logs?status=failed&status=missed")


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


def make_wide(site: Site) -> None:
    """Times of another day and figures of a long life: what is short in a new ledger."""
    app = create_app(make_settings(site.instance.folder / "instance"))
    before = datetime.now(UTC) - timedelta(days=2)
    with app.app_context():
        with write_transaction() as session:
            session.execute(update(Task).values(last_run_at=before, last_status="interrupted"))
            session.execute(update(Run).values(due_at=before, cost=Decimal("1234.000056")))
            session.execute(update(DailyTotal).values(occurrences=1_234_567, degraded=123_456))
            session.execute(update(UsageTotal).values(input_tokens=9_876_543_210, unpriced=12_345))
        db.session.remove()
        db.engine.dispose()


@pytest.mark.timeout(300)
def test_nothing_sticks_out_on_a_phone_or_a_tablet(
    open_page: Open, site: Site, busy: dict[str, Any], watch: Watch
) -> None:
    watch.allow(r"^404 GET /nowhere$")
    paths = [*every_page(site), f"/tasks/{busy['id']}", f"/tasks/{busy['id']}/logs?status=failed"]
    make_wide(site)
    found = []

    def look(page: Page, where: str) -> None:
        found.extend(f"{where}: {what}" for what in too_wide(page) + out_of_card(page))

    for language in ("en-US", "zh-TW"):
        page = open_page("/health", viewport=PHONE, locale=language)
        for path in paths:
            page.goto(site.base + path)
            expect(page.locator("h1")).to_be_visible()
            for tab in page.locator(".tabs [aria-current]").all():
                expect(tab).to_be_in_viewport(ratio=1)
            folds = page.locator("main details:not(.menu)")
            folds.evaluate_all("folds => folds.forEach((fold) => { fold.open = true; })")
            look(page, f"{path}, {language}")
            if language == "en-US":
                page.set_viewport_size(TABLET)
                look(page, f"{path}, on a tablet")
                page.set_viewport_size(PHONE)
        page.goto(site.base + "/")
        page.locator("[data-palette]").click()
        expect(page.locator("#palette [role=option]").first).to_be_visible()
        look(page, f"palette, {language}")
        small = open_page("/login", signed_in=False, viewport=PHONE, locale=language)
        look(small, f"/login, {language}")
    assert not found, "\n".join(found)


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
