"""What a first visit costs: bytes on the wire, requests, and parts that move while they load."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, StorageState

from tests.browser.harness import Site

pytestmark = pytest.mark.xdist_group("browser-2")

MOST_BYTES = 100_000
MOST_REQUESTS = 20
_SHIFTS = """() => new Promise((done) => {
    const found = [];
    new PerformanceObserver((list) => {
        for (const { value, sources } of list.getEntries()) if (value > 0)
            found.push([value, ...sources.map(({ node, previousRect: a, currentRect: b }) =>
                `${a.x},${a.y} ${a.width}×${a.height} → ${b.x},${b.y} ${b.width}×${b.height}: ` +
                (node?.outerHTML ?? node?.data ?? "").slice(0, 90))]);
    }).observe({ type: "layout-shift", buffered: true });
    setTimeout(() => done(found), 400);
})"""
"""Buffered entries come at once; what the first second's live parts would move comes in the wait."""


def test_a_first_visit(
    site: Site, login_state: StorageState, new_context: Callable[..., BrowserContext]
) -> None:
    tasks = [site.task(name=f"Task {number}", tags=["daily"]) for number in range(25)]
    for task in tasks[:3]:
        site.ran(task["id"])
    account = site.account()
    run = site.logs_of(tasks[0])[0]
    paths = ["/", "/tasks", "/tasks/new", f"/tasks/{tasks[0]['id']}/edit", "/logs", "/usage"]
    paths += [f"/tasks/{tasks[0]['id']}/logs", f"/logs/{run['id']}", "/gallery", "/settings"]
    paths += ["/accounts", f"/accounts/{account['id']}/edit", "/health"]
    for path, width in [(path, 1280) for path in paths] + [("/", 360), ("/health", 360)]:
        context = new_context(storage_state=login_state, viewport={"width": width, "height": 800})
        page = context.new_page()  # a context of its own: nothing is kept from the page before
        wire = context.new_cdp_session(page)
        wire.send("Network.enable")
        sizes: list[float] = []  # of pictures inside a style sheet: 0
        wire.on("Network.loadingFinished", lambda e, s=sizes: s.append(e["encodedDataLength"]))
        page.goto(site.base + path, wait_until="load")
        shifts = page.evaluate(_SHIFTS)
        asked = sum(size > 0 for size in sizes)
        print(f"{path} at {width} px: {sum(sizes):,.0f} bytes, {asked} requests")
        assert sum(shift[0] for shift in shifts) < 0.0005, (
            path,
            shifts,
        )  # 0.000, as browsers say it
        assert 5_000 < sum(sizes) <= MOST_BYTES, path
        assert asked <= MOST_REQUESTS, path
        fresh = len(sizes)
        page.goto(site.base + path, wait_until="load")
        assert sum(sizes[fresh:]) < sum(sizes[:fresh]) / 2, f"{path}: kept by its hash"
        context.close()
