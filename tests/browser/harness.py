"""What a browser test stands on: a server of its own with its other side, and a watch over each page."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import (
    BrowserContext,
    ConsoleMessage,
    Locator,
    Page,
    Request,
    Response,
    expect,
)

from tests.server import PASSWORD, Api, Instance, Process, wait_until
from tests.upstream import Upstream

WAIT = 30_000
"""Milliseconds that the slowest thing may take on a busy machine; most take a tenth of a second."""
Open = Callable[..., Page]
"""`open_page(path="/", signed_in=True, **options)`: a page in a context of its own."""

# The policy's own event, and not only what Chromium writes about it.
_TELL_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (event) =>
    console.error("CSP: " + event.violatedDirective + " " + event.blockedURI));
"""
_STATUS = re.compile(r"Failed to load resource: the server responded with a status of \d+")


@dataclass
class Site:
    """One AutoAI process and the scripted upstream that its tasks talk to."""

    instance: Instance
    process: Process
    upstream: Upstream
    api: Api

    @property
    def base(self) -> str:
        return self.process.base

    def task(self, **fields: Any) -> dict[str, Any]:
        """A task that asks the upstream; an hour between its runs unless said otherwise."""
        return self.api.create(**{"api_endpoint": self.upstream.base_url, **fields})

    def account(self, **fields: Any) -> dict[str, Any]:
        """An account at the upstream."""
        values = {"name": "Work", "api_endpoint": self.upstream.base_url, "default_model": "ok"}
        made: dict[str, Any] = self.api.call("POST", "/accounts", 201, json={**values, **fields})
        return made

    def ran(self, task_id: int) -> dict[str, Any]:
        """Run it now, to its end."""
        return self.api.ended(self.api.run(task_id)["id"], WAIT / 1000)

    def logs_of(self, task: dict[str, Any]) -> list[dict[str, Any]]:
        """Its runs, newest first."""
        return self.api.logs(task["id"])

    def clear(self) -> None:
        """No tasks, no runs, nothing seen."""
        for task in self.api.call("GET", "/tasks", 200, params={"limit": 200})["items"]:
            self.api.call("DELETE", f"/tasks/{task['id']}", 204)
        for account in self.api.call("GET", "/accounts", 200, params={"limit": 200})["items"]:
            self.api.call("DELETE", f"/accounts/{account['id']}", 204)
        self.upstream.clear()

    def task_named(self, name: str) -> dict[str, Any]:
        """The task of that name, once there is one."""

        def look() -> dict[str, Any] | None:
            tasks = self.api.call("GET", "/tasks", 200, params={"limit": 200})["items"]
            return next((task for task in tasks if task["name"] == name), None)

        found: dict[str, Any] = wait_until(look, WAIT / 1000, f"a task named {name}")
        return found


@dataclass
class Watch:
    """Everything that a page should not have done: read at the end of each test."""

    base: str
    allowed: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def allow(self, pattern: str) -> None:
        """This is meant to happen, such as `401 POST /login`; a regular expression."""
        self.allowed.append(pattern)

    def over(self, context: BrowserContext) -> None:
        """Look at all that happens in this context."""
        context.add_init_script(_TELL_VIOLATIONS)
        context.on("console", self._console)
        context.on("weberror", lambda error: self._note(f"uncaught: {error.error}"))
        context.on("request", self._request)
        context.on("response", self._response)

    def unexpected(self) -> list[str]:
        """What is left when the allowed is taken out."""
        return [
            problem
            for problem in self.problems
            if not any(re.search(pattern, problem) for pattern in self.allowed)
        ]

    def _note(self, problem: str) -> None:
        self.problems.append(problem)

    def _console(self, message: ConsoleMessage) -> None:
        # A status is noted with its address where the response is seen.
        if message.type in ("error", "warning") and not _STATUS.match(message.text):
            self._note(f"console: {message.text}")

    def _request(self, request: Request) -> None:
        if not request.url.startswith((self.base + "/", "data:")):
            self._note(f"foreign: {request.method} {request.url}")

    def _response(self, response: Response) -> None:
        if response.status >= 400:
            path = response.url.removeprefix(self.base)
            self._note(f"{response.status} {response.request.method} {path}")


def every_page(site: Site) -> list[str]:
    """Every page, with something on it: good, degraded, failed, cancelled, off, on hold."""
    account = site.account()
    task = site.task(
        name="Morning news", tags=["daily", "news"], max_tokens=500, token_budget_day=900_000
    )
    site.ran(task["id"])
    change = {"model": "status?code=401", "message_content": "Say {{ now }}."}
    site.api.call("PATCH", f"/tasks/{task['id']}", 200, json=change)
    failed = site.ran(task["id"])
    site.task(name="Off", enabled=False)
    paused = site.task(name="Paused")
    site.api.call("POST", f"/tasks/{paused['id']}/pause", 200)
    checked = site.task(name="Checked", checks=[{"kind": "contains", "value": "not in there"}])
    good, degraded = site.logs_of(task)[-1], site.ran(checked["id"])
    one = f"/tasks/{task['id']}"
    return [
        *("/", "/tasks", "/tasks?q=nothing", "/tasks/new", one, f"{one}/edit", f"{one}/delete"),
        *(f"{one}/prompts", f"{one}/prompts/1", f"{one}/prompts/compare?a=1&b=2"),
        *(f"{one}/logs", "/logs", "/logs?status=missed", f"/logs/{good['id']}"),
        *(f"/logs/{failed['id']}", f"/logs/{degraded['id']}", "/usage", "/usage?days=7"),
        *("/gallery", "/accounts", "/accounts/new", f"/accounts/{account['id']}/edit"),
        *(f"/accounts/{account['id']}/delete", "/settings", "/health", "/find", "/find?q=o"),
        *("/shortcuts", "/zone", "/nowhere"),
    ]


def log_in(page: Page, base: str, password: str = PASSWORD) -> None:
    """Through the door, as a person does it."""
    page.goto(base + "/login")
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()


def arrive(page: Page, url: str | re.Pattern[str]) -> None:
    """Wait until the page is at `url` and its scripts are there: a page has its address before that,
    and a key that is pressed in between is lost."""
    expect(page).to_have_url(url)
    page.wait_for_load_state("load")


def row_of(page: Page, task: dict[str, Any]) -> Locator:
    """The task's row in the list of tasks."""
    return page.locator(f"#task-{task['id']}")


def mark(page: Page) -> None:
    """Leave something behind that a load of a new page would take away; see `is_marked`."""
    page.evaluate("window.notReloaded = true")


def is_marked(page: Page) -> bool:
    """Is this still the page that was marked?"""
    return bool(page.evaluate("window.notReloaded === true"))


def too_wide(page: Page) -> list[str]:
    """What sticks out of the window sideways: empty where nothing scrolls that way."""
    found: list[str] = page.evaluate(
        """() => {
            const root = document.documentElement;
            if (root.scrollWidth <= root.clientWidth) return [];
            return ["page: " + root.scrollWidth, ...[...document.querySelectorAll("body *")]
                .filter((e) => e.getBoundingClientRect().right > root.clientWidth + 0.5)
                .map((e) => e.tagName + "#" + e.id + "." + e.getAttribute("class"))];
        }"""
    )
    return found


def out_of_card(page: Page) -> list[str]:
    """What sticks out of the card that it belongs to, without being cut or scrolled there; and what
    has so little room there that its words stand letter below letter."""
    found: list[str] = page.evaluate(
        """() => {
            const cut = (element) => getComputedStyle(element).overflowX !== "visible";
            const inside = (element, card) => {
                for (let up = element.parentElement; up !== card; up = up.parentElement)
                    if (cut(up)) return true;
                return cut(card);
            };
            return [...document.querySelectorAll("main :is(.card, .figure, .say), dialog[open] .box")]
                .flatMap((card) => {
                    const {left, right} = card.getBoundingClientRect();
                    return [...card.querySelectorAll("*")].filter((element) => {
                        if (element.ownerSVGElement || element.closest(".sr, .sheet")) return false;
                        const box = element.getBoundingClientRect();
                        const out = box.right > right + 1 || box.left < left - 1;
                        const squeezed = box.width < 30 && box.height > 150 && element.innerText?.trim();
                        return box.width > 0 && (squeezed || (out && !inside(element, card)))
                            && element.checkVisibility();
                    });
                })
                .map((element) => element.outerHTML.slice(0, 120));
        }"""
    )
    return found
