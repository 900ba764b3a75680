"""The watch itself: what every other test relies on is seen when it happens."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.harness import Open, Site, Watch

pytestmark = pytest.mark.xdist_group("browser-2")


ACTS = {
    "console: sorry": "console.error('sorry')",
    "uncaught: .*oops": "setTimeout(() => { throw new Error('oops'); })",
    "CSP: script-src": """const script = document.createElement("script");
        script.textContent = "window.taken = true"; document.body.append(script)""",
    "CSP: style-src": "document.body.setAttribute('style', 'color: red')",
    "CSP: img-src": """const image = new Image(); image.src = "http://127.0.0.1:9/x.png";
        document.body.append(image)""",
    "^404 GET /nowhere": "fetch('/nowhere')",
    "CSP: connect-src|CSP: default-src": "fetch('http://127.0.0.1:9/').catch(() => 0)",
}


@pytest.mark.parametrize("seen", ACTS)
def test_what_a_page_must_not_do_is_seen(
    open_page: Open, site: Site, watch: Watch, seen: str
) -> None:
    page = open_page("/health")
    expect(page.locator("h1")).to_be_visible()
    assert watch.unexpected() == []
    page.evaluate(f"() => {{ {ACTS[seen]} }}")
    watch.allow(seen)
    for _ in range(600):
        if any(re.search(seen, problem) for problem in watch.problems):
            break
        page.evaluate("new Promise(requestAnimationFrame)")  # a frame passes, and events arrive
    assert any(re.search(seen, problem) for problem in watch.problems), watch.problems
    watch.allow("violates|Refused|CSP|foreign|ERR_")
    assert page.evaluate("window.taken") is None


def test_a_request_to_elsewhere_is_seen(open_page: Open, watch: Watch) -> None:
    page = open_page("/health")
    page.context.route("http://elsewhere.example/**", lambda route: route.fulfill(body="hello"))
    page.goto("http://elsewhere.example/")
    assert [problem for problem in watch.unexpected() if problem.startswith("foreign: GET")]
    watch.allow("elsewhere.example")
