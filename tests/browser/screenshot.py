"""Draw docs/img/dashboard.png, the README's picture: `.venv/bin/python -m tests.browser.screenshot`.

An instance of its own is filled with a morning's worth of runs, served by a real process, and
photographed. None of its tasks is due soon, so nothing is sent anywhere.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from flask import Flask
from playwright.sync_api import sync_playwright

from autoai import create_app
from autoai.extensions import db
from autoai.models import Task
from autoai.runtime import runtime
from autoai.startup import prepare
from tests.browser.conftest import CHROMIUM, FLAGS
from tests.browser.harness import log_in
from tests.conftest import make_settings
from tests.factories import make_run, make_task
from tests.server import ROOT, Instance

PICTURE = ROOT / "docs" / "img" / "dashboard.png"
SIZE = {"width": 1280, "height": 640}
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
OPENAI, LOCAL = "https://api.openai.com/v1", "http://localhost:11434/v1"

# Name, endpoint, model, schedule, minutes between its runs today and how they ended, newest first.
TASKS: list[tuple[str, str, str, Mapping[str, Any], int, list[str]]] = [
    ("Morning briefing", OPENAI, "gpt-4o-mini", {"fixed_time": "07:30"}, 1440, ["success"]),
    (
        "Support inbox: what needs an answer",
        "https://openrouter.ai/api/v1",
        "anthropic/claude-sonnet-4",
        {"interval_seconds": 2 * 3600},
        120,
        ["success"] * 4,
    ),
    (
        "Translate the release notes",
        "https://api.deepseek.com/v1",
        "deepseek-chat",
        {"interval_seconds": 6 * 3600},
        360,
        ["failed", "success"],
    ),
    (
        "Is the shop's front page up to date?",
        "https://api.groq.com/openai/v1",
        "llama-3.3-70b-versatile",
        {"interval_seconds": 30 * 60},
        30,
        ["success"] * 17,
    ),
    ("Nightly log digest", LOCAL, "qwen3:8b", {"fixed_time": "02:15"}, 1440, ["success"]),
    ("Word of the day, 中文", LOCAL, "qwen3:8b", {"fixed_time": "18:00"}, 1440, []),
]


def fill(app: Flask, now: datetime, zone: str) -> None:
    """The tasks and their runs."""
    ports = runtime(app).ports
    with app.app_context():
        for number, (name, endpoint, model, schedule, minutes, endings) in enumerate(TASKS):
            kind = "fixed_time" if "fixed_time" in schedule else "interval"
            values = {"interval_seconds": ..., "schedule_type": kind, "timezone": zone, **schedule}
            task = make_task(ports, name=name, api_endpoint=endpoint, model=model, **values)
            latest = now - timedelta(minutes=7 + 4 * number, seconds=13 * number + 5)
            if kind == "fixed_time":
                hour, minute = (int(part) for part in schedule["fixed_time"].split(":"))
                latest = now.replace(hour=hour, minute=minute, second=0)
            for distance, status in reversed(list(enumerate(endings))):
                at = latest - timedelta(minutes=minutes * distance)
                make_run(task, at, status=status, finished_at=at + timedelta(seconds=3))
            stored = db.session.get_one(Task, task.id)
            if endings:
                stored.last_run_at, stored.last_status = latest, endings[0]
            if kind == "interval":
                stored.next_run_at = latest + timedelta(minutes=minutes)
            if name.startswith("Word"):
                stored.enabled = False
            db.session.commit()
        db.session.remove()
        db.engine.dispose()


def afternoon() -> str:
    """A zone where it is about half past two now: the figures of "today" are then those of a day."""
    now = datetime.now(UTC)

    def distance(zone: str) -> timedelta:
        here = now.astimezone(ZoneInfo(zone))
        return abs(here - here.replace(hour=14, minute=30))

    return min(ZONES, key=distance)


def main() -> None:
    """Fill, serve, photograph."""
    with tempfile.TemporaryDirectory() as folder, Instance(Path(folder)) as instance:
        zone = afternoon()
        now = datetime.now(ZoneInfo(zone)).replace(microsecond=0)
        app = create_app(make_settings(Path(folder) / "instance", timezone=zone))
        prepare(app)
        fill(app, now, zone)
        process = instance.gunicorn(TIMEZONE=zone)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            page = browser.new_page(
                viewport=SIZE, locale="en-US", timezone_id=zone, color_scheme="light"
            )
            log_in(page, process.base)
            page.wait_for_url(process.base + "/")
            page.wait_for_load_state("networkidle")
            PICTURE.parent.mkdir(parents=True, exist_ok=True)
            page.screenshot(path=PICTURE, full_page=True)
            browser.close()
    print(f"{PICTURE}: {PICTURE.stat().st_size // 1000} kB")


if __name__ == "__main__":
    main()
