"""Draw docs/img/dashboard.png, the README's picture: `.venv/bin/python -m tests.browser.screenshot`.

An instance of its own is filled with the examples of `flask demo`, served by a real process, and
photographed while some of its runs go on. What it sends goes to the tests' own upstream.
"""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from flask import Flask
from playwright.sync_api import sync_playwright
from sqlalchemy import select

from autoai import create_app
from autoai.extensions import db
from autoai.models import Task, write_transaction
from autoai.runtime import runtime
from autoai.services.demo_data import fill_demo
from autoai.startup import prepare
from tests.browser.conftest import CHROMIUM, FLAGS
from tests.browser.harness import log_in
from tests.conftest import make_settings
from tests.server import ROOT, Instance
from tests.upstream import Upstream

PICTURE = ROOT / "docs" / "img" / "dashboard.png"
SIZE = {"width": 1280, "height": 1080}
ZONES = [
    "America/Los_Angeles",
    "America/New_York",
    "America/Sao_Paulo",
    "Atlantic/Azores",
    "Europe/Berlin",
    "Europe/Istanbul",
    "Asia/Dubai",
    "Asia/Dhaka",
    "Asia/Shanghai",
    "Australia/Sydney",
    "Pacific/Auckland",
    "Pacific/Honolulu",
]
UNDER_WAY = ("Support inbox: what needs an answer", "Translate the release notes")
SOON = timedelta(minutes=4)


def fill(app: Flask, upstream: str) -> list[int]:
    """The examples; the ids of those that are to be under way."""
    with app.app_context():
        fill_demo(runtime(app).ports, upstream)
        with write_transaction() as session:
            for task in session.scalars(select(Task)):
                task.model = "slow?seconds=60"
                if task.name == "Nightly log digest":
                    task.preflight_reason, task.preflight_at = "model_missing", datetime.now(UTC)
                if task.next_run_at is not None:  # nothing becomes due while the picture is taken
                    task.next_run_at = max(task.next_run_at, datetime.now(UTC) + SOON)
        ids = list(db.session.scalars(select(Task.id).where(Task.name.in_(UNDER_WAY))))
        db.session.remove()
        db.engine.dispose()
    return ids


def afternoon() -> str:
    """A zone where it is about half past two now: the figures of "today" are then those of a day."""
    now = datetime.now(UTC)

    def distance(zone: str) -> timedelta:
        here = now.astimezone(ZoneInfo(zone))
        return abs(here - here.replace(hour=14, minute=30))

    return min(ZONES, key=distance)


def main() -> None:
    """Fill, serve, photograph."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Instance(Path(folder)) as instance,
        Upstream() as upstream,
    ):
        zone = afternoon()
        app = create_app(make_settings(Path(folder) / "instance", timezone=zone))
        prepare(app)
        under_way = fill(app, upstream.base_url)
        process = instance.gunicorn(TIMEZONE=zone)
        for task_id in under_way:
            process.api.run(task_id)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            page = browser.new_page(
                viewport=SIZE, locale="en-US", timezone_id=zone, color_scheme="light"
            )
            log_in(page, process.base)
            page.wait_for_url(process.base + "/")
            page.locator("#active li").nth(1).wait_for()
            page.wait_for_timeout(9_000)  # so that the clocks show something
            PICTURE.parent.mkdir(parents=True, exist_ok=True)
            page.screenshot(path=PICTURE)
            browser.close()
    print(f"{PICTURE}: {PICTURE.stat().st_size // 1000} kB")


if __name__ == "__main__":
    main()
