"""Hostile texts, everywhere that a text is shown: nothing runs, nothing is loaded, nothing breaks.

`watch` fails a test whose page writes an error, breaks the policy or asks another origin.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Page, expect
from sqlalchemy import delete, insert, update

from autoai import create_app
from autoai.extensions import db
from autoai.models import Attempt, Run, RunText, Task, write_transaction
from autoai.runtime import runtime
from tests.browser.harness import Open, Site, too_wide
from tests.conftest import make_settings
from tests.factories import make_task
from tests.hostile import MEGABYTE, TEXTS

pytestmark = [pytest.mark.xdist_group("browser-2"), pytest.mark.timeout(300)]

DESKTOP, PHONE = {"width": 1280, "height": 800}, {"width": 360, "height": 740}
BUNDLE = 12
"""Texts that stand together in one answer."""

# What of this page is more than text and not from a template of ours. Written for a page that has
# been taken over as well: then the bait was swallowed before anybody looked.
_ALIVE = """() => {
    const found = [];
    const add = (what, e) => found.push(what + ": " + e.outerHTML.slice(0, 160));
    if (window.__pwned) found.push("the bait was taken");
    if (!document.querySelector("body > main#main h1")) found.push("the page is gone");
    const strange = `script:not([src^="/static/"]), style, iframe, frame,
        link:not([href^="/static/"], [rel=expect][href="#toasts"]), object, embed, base, meta[http-equiv], video, audio, math, marquee, foreignObject, [style],
        [hx-on], [hx-swap-oob], img:not([src^="/static/"]), form:not([action^="/"])`;
    for (const e of document.querySelectorAll(strange)) add("strange", e);
    for (const e of document.querySelectorAll("*")) {
        for (const { name, value } of e.attributes) {
            if (/^on|^hx-on|^data-hx/i.test(name)) add("handler", e);
            const address = /^(href|src|action|formaction|xlink:href|data)$/.test(name);
            if (address && /^[^/?#]*:/.test(value) && !/^(https?|mailto):/i.test(value)) add("address", e);
            if (/^hx-(get|post|put|patch|delete)$/.test(name) && !/^[/](?![/])/.test(value)) add("asks", e);
        }
        if (e.closest(".prose") && !e.matches(".prose")) {
            const known = ["href", "target", "rel", "class", "tabindex", "start"];
            if ([...e.attributes].some(({ name }) => !known.includes(name))) add("attribute", e);
        }
        if (e.matches("a[href^=http], a[href^='//']")
            && !(e.closest(".prose") && e.rel.includes("noopener") && e.target === "_blank")) add("leads away", e);
    }
    return found;
}"""


@dataclass(frozen=True)
class Hostile:
    """What was put into the ledger."""

    tasks: list[int]
    bundles: list[int]
    """Runs whose answers hold several texts, the last one all of them as JSON."""
    megabyte: int


@pytest.fixture
def hostile(site: Site) -> Iterator[Hostile]:
    """Every text as a task's name and model, as a message, an answer and an error of a run."""
    app = create_app(make_settings(site.instance.folder / "instance"))
    with app.app_context():
        yield _fill(app)
        with write_transaction() as session:  # one by one it takes as long as the test
            session.execute(delete(Task))
        db.session.remove()
        db.engine.dispose()


def _fill(app: Flask) -> Hostile:
    ports, now = runtime(app).ports, datetime.now(UTC).replace(microsecond=0)
    tasks = [make_task(ports, name="x", schedule_type="manual").id for _ in range(len(TEXTS) // 3)]
    rows: list[dict[str, Any]] = []
    for place, text in enumerate(TEXTS):
        rows.append(_columns(place + 1, tasks[place % len(tasks)], now, text, text))
    bundles = [TEXTS[at : at + BUNDLE] for at in range(0, len(TEXTS), BUNDLE)]
    answers = ["\n\n".join(bundle) for bundle in bundles] + [json.dumps(TEXTS[:150])]
    for answer in answers:
        rows.append(_columns(len(rows) + 1, tasks[0], now, answer, answer[:3_000]))
    rows.append(_columns(len(rows) + 1, tasks[0], now, MEGABYTE, MEGABYTE))
    with write_transaction() as session:
        first = session.execute(insert(Run).returning(Run.id), [row["run"] for row in rows])
        ids = sorted(first.scalars())
        session.execute(
            insert(RunText),
            [row["texts"] | {"run_id": i} for i, row in zip(ids, rows, strict=True)],
        )
        session.execute(
            insert(Attempt),
            [row["attempt"] | {"run_id": i} for i, row in zip(ids, rows, strict=True)],
        )
        for task, text in zip(tasks, TEXTS, strict=False):
            session.execute(
                update(Task)
                .where(Task.id == task)
                .values(name=text[:200], model=text[:200], message_content=text)
            )
    return Hostile(tasks, ids[len(TEXTS) : -1], ids[-1])


def _columns(number: int, task: int, now: datetime, text: str, error: str) -> dict[str, Any]:
    at = now - timedelta(minutes=number)
    failed = number % 2 == 0
    return {
        "run": {
            "task_id": task,
            "source": "manual",
            "due_at": at,
            "queued_at": at,
            "started_at": at,
            "finished_at": at,
            "status": "failed" if failed else "success",
            "reason": None,
            "verdict": None if failed else "ok",
            "model": text[:200],
            "model_answered": text[:200],
            "finish_reason": text[:64],
            "attempts": 1,
            "response_summary": text[:200],
            "error_summary": error[:500] if failed else None,
        },
        "texts": {
            "request_messages": [
                {"role": "user", "content": text},
                {"role": text[:64], "content": text[::-1][:3_000]},
            ],
            "response_text": text,
            "error_message": error,
            "secrets": [text[:60]],
            "findings": [
                {
                    "reason": "check_failed",
                    "level": "degraded",
                    "check": 1,
                    "detail": {"kind": "contains", "value": text[:500]},
                }
            ],
        },
        "attempt": {
            "number": 1,
            "started_at": at,
            "duration_ms": 5,
            "kind": "ok",
            "error_message": error[:2_000],
        },
    }


@pytest.fixture
def looked_at(open_page: Open) -> Iterator[Page]:
    """A page on which nothing may pop up."""
    page = open_page("/health")
    popped: list[str] = []
    page.on("dialog", lambda dialog: (popped.append(dialog.message), dialog.dismiss()))
    page.context.on("page", lambda other: popped.append(other.url))
    yield page
    assert popped == []


def amiss(page: Page, what: str) -> list[str]:
    """What is more than text, and what is wider than the window, at both widths."""
    found = [f"{what}: {thing}" for thing in page.evaluate(_ALIVE)]
    for size in (PHONE, DESKTOP):
        page.set_viewport_size(size)
        if wide := too_wide(page):
            found.append(f"{what} at {size['width']}: {' '.join([wide[0], *wide[-12:]])}")
    return found


def test_in_the_log_and_under_its_rows(looked_at: Page, site: Site, hostile: Hostile) -> None:
    page, address, seen, found = looked_at, "/logs", 0, list[str]()
    while address:
        page.goto(site.base + address)
        rows = page.locator("[data-row]").count()
        page.evaluate("document.querySelectorAll('[data-row] .opener').forEach((o) => o.click())")
        expect(page.locator(".detail[id]")).to_have_count(rows)
        seen += rows
        found += amiss(page, address)
        older = page.get_by_role("link", name="Older", exact=True)
        address = (older.get_attribute("href") or "") if older.count() else ""
    assert not found, "\n".join(found)
    assert seen == len(TEXTS) + len(hostile.bundles) + 1


def test_on_the_pages_of_runs_and_tasks(looked_at: Page, site: Site, hostile: Hostile) -> None:
    page, found = looked_at, list[str]()
    run, task = f"/logs/{hostile.megabyte}", f"/tasks/{hostile.tasks[1]}"
    paths = ["/", "/tasks", "/tasks?page=2", "/usage", run, f"{run}?whole=1"]
    paths += [f"/logs/{bundle}?view=markdown" for bundle in hostile.bundles]
    paths += [f"/logs/{bundle}?view=raw&diff=previous" for bundle in hostile.bundles[::4]]
    paths += [f"/logs/{hostile.bundles[-1]}"]
    paths += [
        f"{task}/logs",
        f"{task}/edit",
        f"{task}/delete",
        f"{task}/prompts",
        f"{task}/prompts/1",
    ]
    page.emulate_media(color_scheme="dark")
    for path in paths:
        page.goto(site.base + path)
        found += amiss(page, path)
    page.goto(f"{site.base}/logs/{hostile.bundles[0]}?view=markdown")
    page.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
    page.mouse.move(400, 400)
    page.mouse.wheel(0, 3_000)
    found += amiss(page, "all opened")
    assert not found, "\n".join(found)
