"""Coming in and going out."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import quote

import requests
from playwright.sync_api import BrowserContext, expect

from tests.browser.harness import Open, Site, Watch, arrive, log_in
from tests.server import PASSWORD

NewContext = Callable[..., BrowserContext]


def cookies_of(context: BrowserContext) -> dict[str, str]:
    return {cookie["name"]: cookie["value"] for cookie in context.cookies()}


def test_a_wrong_password_stays_at_the_door_and_the_right_one_opens(
    open_page: Open, site: Site, watch: Watch
) -> None:
    watch.allow(r"^401 POST /login$")
    page = open_page("/", signed_in=False)
    arrive(page, site.base + "/login")
    password = page.get_by_label("Password")
    expect(password).to_be_focused()
    expect(password).to_have_attribute("type", "password")

    password.fill("wrong")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_text("Wrong password")).to_be_visible()
    arrive(page, site.base + "/login")
    expect(password).to_have_value("")
    expect(password).to_have_attribute("aria-invalid", "true")

    password.fill(PASSWORD)
    password.press("Enter")
    arrive(page, site.base + "/")
    expect(page.get_by_role("heading", name="Dashboard", exact=True)).to_be_visible()


def test_the_door_leads_to_where_the_person_wanted_to_go(open_page: Open, site: Site) -> None:
    page = open_page("/logs?status=failed", signed_in=False)
    arrive(page, re.compile("/login"))
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    arrive(page, site.base + "/logs?status=failed")


def test_the_door_leads_nowhere_else(open_page: Open, site: Site) -> None:
    page = open_page("/login?next=" + quote("//elsewhere.example/"), signed_in=False)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    arrive(page, site.base + "/")


def test_after_logging_out_back_shows_nothing_and_the_old_cookie_is_dead(
    new_context: NewContext, site: Site
) -> None:
    site.task(name="Nobody else's business")
    context = new_context()
    page = context.new_page()
    log_in(page, site.base)
    arrive(page, site.base + "/")
    page.goto(site.base + "/tasks")
    expect(page.get_by_text("Nobody else's business")).to_be_visible()
    page.get_by_role("link", name="Health").first.click()
    arrive(page, site.base + "/health")
    before = cookies_of(context)

    page.get_by_role("button", name="Log out").click()
    arrive(page, site.base + "/login")

    page.go_back()
    expect(page.get_by_label("Password")).to_be_visible()
    page.go_back()
    expect(page.get_by_label("Password")).to_be_visible()
    expect(page.get_by_text("Nobody else's business")).to_have_count(0)

    stolen = requests.get(site.base + "/", cookies=before, allow_redirects=False, timeout=30)
    assert (stolen.status_code, stolen.headers["Location"]) == (302, "/login")


def test_the_session_changes_its_name_at_the_door(new_context: NewContext, site: Site) -> None:
    context = new_context()
    page = context.new_page()
    page.goto(site.base + "/login")
    before = cookies_of(context)
    log_in(page, site.base)
    arrive(page, site.base + "/")
    session = next(name for name in cookies_of(context) if "session" in name)
    assert cookies_of(context)[session] != before.get(session)
    kept = next(cookie for cookie in context.cookies() if cookie["name"] == session)
    assert (kept["httpOnly"], kept["sameSite"]) == (True, "Lax")


def test_a_login_that_ended_meanwhile_leads_to_the_door_at_the_next_refresh(
    new_context: NewContext, site: Site
) -> None:
    site.task(name="Left open")
    context = new_context()
    page = context.new_page()
    log_in(page, site.base)
    arrive(page, site.base + "/")
    page.goto(site.base + "/tasks")
    expect(page.get_by_text("Left open")).to_be_visible()
    other = context.new_page()  # the same login, in another tab
    other.goto(site.base + "/health")
    other.get_by_role("button", name="Log out").click()
    arrive(other, site.base + "/login")

    arrive(page, re.compile("/login$"))
    expect(page.get_by_label("Password")).to_be_visible()
    expect(page.locator("table")).to_have_count(0)
