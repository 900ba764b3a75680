"""The form's kinds of schedule, its choices for bad days, and the receipt."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from flask import Flask
from flask.testing import FlaskClient

from autoai.extensions import db
from autoai.models import Task
from autoai.providers.base import Usage
from autoai.runtime import runtime
from autoai.services.accounts import update_account

from ..factories import make_account, make_task, run_now
from ..fakes import START, FakeClock, ScriptedProvider, completion
from ..ticks import tick
from .conftest import HTMX, form_values


def newest(app: Flask) -> Task:
    with app.app_context():
        return db.session.query(Task).order_by(Task.id.desc()).first()


def receipt(browser: FlaskClient, **fields: Any) -> str:
    query = urlencode({"timezone": "Europe/Berlin", **fields}, doseq=True)
    answer = browser.get(f"/tasks/preview?{query}", headers=HTMX)
    assert answer.status_code == 200
    return answer.text


def next_times(text: str) -> list[str]:
    return re.findall(r'<tr><td><time datetime="([^"]+)"', text)


def errors(text: str) -> dict[str, str]:
    return dict(re.findall(r'id="([\w-]+)-error">.*?<span>([^<]*)</span>', text))


def submitted(text: str) -> list[tuple[str, str]]:
    """What a browser without JavaScript would send from the form in `text`."""
    form = text[text.index('<form id="form"') :]
    pairs = []
    for tag in re.findall(r"<input[^>]*>", form[: form.index("</form>")]):
        name, value = re.search(r'name="([^"]+)"', tag), re.search(r'value="([^"]*)"', tag)
        if name and ("checked" in tag or not re.search(r'type="(radio|checkbox)"', tag)):
            pairs.append((name[1], value[1] if value else "on"))
    for name, body in re.findall(r'<textarea[^>]*name="([^"]+)"[^>]*>\s*(.*?)</textarea>', form):
        pairs.append((name, body))
    for name, body in re.findall(r'<select[^>]*name="([^"]+)"[^>]*>(.*?)</select>', form, re.S):
        chosen = re.search(r'<option value="([^"]*)" selected', body)
        pairs.append((name, chosen[1] if chosen else ""))
    return pairs


KINDS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    (
        {"schedule_type": "fixed_time", "fixed_time": "17:30， 9:00", "weekdays": ["fri", "mon"]},
        {"fixed_times": ["09:00", "17:30"], "weekdays": ["mon", "fri"]},
    ),
    ({"schedule_type": "cron", "cron": " 0 9 * * 1-5 "}, {"cron": "0 9 * * 1-5"}),
    (
        {"schedule_type": "once", "once_at": "2026-07-01T09:00"},
        {"once_at": datetime(2026, 7, 1, 7, 0, tzinfo=UTC)},
    ),
    ({"schedule_type": "manual", "cron": "nonsense"}, {"schedule_type": "manual", "cron": None}),
    (
        {"starts_at": "2026-03-03T00:00", "ends_at": "2026-04-01T00:00", "jitter_seconds": "60"},
        {
            "starts_at": datetime(2026, 3, 2, 23, 0, tzinfo=UTC),
            "ends_at": datetime(2026, 3, 31, 22, 0, tzinfo=UTC),
            "jitter_seconds": 60,
        },
    ),
    (
        {
            "blackouts-0-from": "23:00",
            "blackouts-0-to": "07:00",
            "blackouts-1-from": "",
            "blackouts-7-from": "12:00",
            "blackouts-7-to": "13:00",
            "blackouts-7-weekdays": "sat,sun",
        },
        {
            "blackouts": [
                {"from": "23:00", "to": "07:00"},
                {"from": "12:00", "to": "13:00", "weekdays": ["sat", "sun"]},
            ]
        },
    ),
    (
        {
            "catch_up": "all",
            "catch_up_window_seconds": "60",
            "overlap": "queue",
            "expires_after_seconds": "600",
            "pause_after_failures": "",
            "rerun_interrupted": "y",
            "priority": "high",
            "tags": "news, weekly，news",
        },
        {
            "catch_up": "all",
            "catch_up_window_seconds": 60,
            "overlap": "queue",
            "expires_after_seconds": 600,
            "pause_after_failures": None,
            "rerun_interrupted": True,
            "priority": 0,
            "tags": ["news", "weekly"],
        },
    ),
]


@pytest.mark.parametrize(("typed", "stored"), KINDS)
def test_what_is_typed_is_stored_and_comes_back_the_same(
    app: Flask, signed_in: FlaskClient, post, typed: dict[str, Any], stored: dict[str, Any]
) -> None:
    answer = post("/tasks/new", **form_values(**typed))
    assert answer.status_code == 303, errors(answer.text)
    task = newest(app)
    assert {name: getattr(task, name) for name in stored} == stored
    cursor = task.next_run_at
    form = signed_in.get(f"/tasks/{task.id}/edit").text
    answer = signed_in.post(f"/tasks/{task.id}/edit", data=_multi(submitted(form)))
    assert answer.status_code == 303, errors(answer.text)
    task = newest(app)
    assert {name: getattr(task, name) for name in stored} == stored
    assert task.next_run_at == cursor, "saving without a change changes nothing"


def test_an_instant_left_as_it_was_is_the_same_to_the_microsecond(
    app: Flask, signed_in: FlaskClient, task
) -> None:
    second = "2026-10-25T01:30:00.250000+00:00"  # 02:30 in Berlin, the second time
    task_id = task(
        schedule_type="once", interval_seconds=..., once_at=second, timezone="Europe/Berlin"
    )
    form = signed_in.get(f"/tasks/{task_id}/edit").text
    assert 'value="2026-10-25T02:30"' in form
    signed_in.post(f"/tasks/{task_id}/edit", data=_multi(submitted(form)))
    assert newest(app).once_at == datetime.fromisoformat(second)


def _multi(pairs: list[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return found


WRONG = [
    ({"schedule_type": "fixed_time", "fixed_time": "09:00, 25:00"}, "fixed_time"),
    ({"schedule_type": "fixed_time", "fixed_time": ""}, "fixed_time"),
    ({"schedule_type": "fixed_time", "weekdays": ["someday"]}, "weekdays"),
    ({"schedule_type": "cron", "cron": "61 * * * *"}, "cron"),
    ({"schedule_type": "cron", "cron": ""}, "cron"),
    ({"schedule_type": "once", "once_at": "tomorrow"}, "once_at"),
    ({"schedule_type": "once", "once_at": "2020-01-01T00:00"}, "once_at"),
    ({"starts_at": "2026-05-01T00:00", "ends_at": "2026-04-01T00:00"}, "ends_at"),
    ({"jitter_seconds": "-1"}, "jitter_seconds"),
    ({"blackouts-0-from": "23:00"}, "blackouts"),
    ({"catch_up": "some"}, "catch_up"),
    ({"overlap": "x"}, "overlap"),
    ({"priority": "urgent"}, "priority"),
    ({"catch_up_window_seconds": "1h"}, "catch_up_window_seconds"),
    ({"pause_after_failures": "0"}, "pause_after_failures"),
    ({"expires_after_seconds": "0"}, "expires_after_seconds"),
    ({"tags": "x" * 51}, "tags"),
]


@pytest.mark.parametrize(("typed", "field"), WRONG)
def test_what_is_wrong_stands_beside_its_field(
    app: Flask, post, typed: dict[str, Any], field: str
) -> None:
    answer = post("/tasks/new", htmx=True, **form_values(**typed, message_content="Keep me"))
    assert answer.status_code == 422
    assert list(errors(answer.text)) == [field] and "Keep me" in answer.text
    part = re.search(r'<details[^>]*id="policies"[^>]*>', answer.text)
    more = re.search(r'<details[^>]*id="more-when"[^>]*>', answer.text)
    folded = {"jitter_seconds": more, "blackouts": more, "catch_up": part, "overlap": part}
    if field in folded:
        assert " open" in folded[field][0]
    with app.app_context():
        assert db.session.query(Task).count() == 0


def test_the_receipt_in_full(signed_in: FlaskClient, task, run) -> None:
    signed_in.set_cookie("timezone", "Asia/Shanghai")
    other = task(interval_seconds=3600)  # due at 13:00
    text = receipt(signed_in, schedule_type="cron", cron="30 2 * * *", jitter_seconds="60")
    assert next_times(text)[0] == "2026-03-03T01:30:00Z" and len(next_times(text)) == 10
    assert "Tue, Mar 3, 02:30:00" in text and "Tue, Mar 3, 09:30:00" in text
    assert "Asia/Shanghai (yours)" in text and "up to 1 min 0 s later" in text
    assert "Due about 1 × a day, 30 × a month." in text
    assert "Clocks go forward from 02:00 to 03:00. A time that is left out" in text
    assert "Clocks go back from 03:00 to 02:00. A time that comes twice" in text
    assert "no run has been measured" in text and "same minute" not in text
    text = receipt(
        signed_in, schedule_type="interval", interval_minutes=60, timezone="Asia/Shanghai"
    )
    assert "yours" not in text and "Clocks" not in text
    assert "1 other task is due in the same minute" in text
    own = receipt(signed_in, schedule_type="interval", interval_minutes=60, task_id=other)
    assert "same minute" not in own
    run(other, START - timedelta(days=1), input_tokens=1000, output_tokens=10)
    own = receipt(signed_in, schedule_type="interval", interval_minutes=1440, task_id=other)
    assert "About 30,400 tokens sent and 304 received a month, by the last 1" in own


def test_the_receipt_of_a_task_whose_account_has_its_own_prices(
    app: Flask, signed_in: FlaskClient, clock: FakeClock
) -> None:
    """Its runs are priced as they end; a price that comes or goes counts from the next run on."""

    def of_the_task(prices: dict[str, Any] | None, more: int) -> str:
        with app.app_context():
            update_account(ports, account, {"prices": prices}, partial=True)
            for _ in range(more):
                run_now(ports, task)
                clock.step(1)
        tick(app, ScriptedProvider(completion(usage=Usage(1000, 500))))
        return receipt(signed_in, schedule_type="interval", interval_minutes=1440, task_id=task)

    ports = runtime(app).ports
    with app.app_context():
        account = make_account(ports).id
        task = make_task(
            ports, api_endpoint=..., model=..., account_id=account, schedule_type="manual"
        ).id
    assert "there is no price for this model" in of_the_task(None, 2)
    text = of_the_task({"*": {"input": "2", "output": "4"}}, 1)
    assert "by the last 3 successful runs" in text
    assert "About $0.12 a month." in text  # 30.4 × (1,000 × 2 + 500 × 4) / 1,000,000
    text = of_the_task({"m-1": {"input": "6", "output": "4"}, "*": {"input": 9, "output": 9}}, 1)
    assert "About $0.18 a month." in text  # each in the middle of 0.004 and 0.008
    text = of_the_task({"m-1": {"input": 0, "output": 0}}, 1)
    assert "About $0.12 a month." in text
    assert "there is no price for this model" in of_the_task(None, 1)


def test_blackouts_are_left_out_of_the_receipt(signed_in: FlaskClient) -> None:
    text = receipt(
        signed_in,
        schedule_type="cron",
        cron="0 * * * *",
        **{"blackouts-0-from": "00:00", "blackouts-0-to": "23:00"},
    )
    assert next_times(text)[:2] == ["2026-03-02T22:00:00Z", "2026-03-03T22:00:00Z"]
    assert "Due about 1 × a day" in text


def test_a_receipt_without_times_says_why(signed_in: FlaskClient) -> None:
    assert "runs only when you" in receipt(signed_in, schedule_type="manual")
    past = receipt(signed_in, schedule_type="once", once_at="2020-01-01T00:00")
    assert "Nothing is due any more" in past


def test_only_what_has_been_typed_is_judged(signed_in: FlaskClient) -> None:
    for fields, wrong in (
        ({"schedule_type": "cron"}, []),
        ({"schedule_type": "cron", "cron": "0 9"}, ["cron"]),
        ({"schedule_type": "interval"}, []),
        ({"schedule_type": "interval", "interval_minutes": "x"}, ["interval_minutes"]),
        ({"schedule_type": "manual", "blackouts-0-from": "23:00"}, []),
        ({"schedule_type": "manual", "timezone": "Mars"}, ["timezone"]),
    ):
        text = receipt(signed_in, **fields)
        assert list(errors(text)) == wrong, fields
        assert text.count("<hx-partial") == 11, "what was wrong before goes away"


def test_what_the_receipt_promises_is_what_the_task_does(
    app: Flask, signed_in: FlaskClient, task, clock, ports
) -> None:
    task_id = task(interval_seconds=3600)
    clock.step(minutes=20)
    asked = {"schedule_type": "interval", "timezone": "UTC", "task_id": task_id, "enabled": "y"}
    kept = next_times(receipt(signed_in, interval_minutes=60, **asked))
    assert kept[0] == "2026-03-02T13:00:00Z", "an unchanged rule goes on from where it began"
    changed = next_times(receipt(signed_in, interval_minutes=30, **asked))
    assert changed[0] == "2026-03-02T12:50:00Z"
