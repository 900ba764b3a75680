"""The task form and the buttons beside a task."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient

from autoai.extensions import db
from autoai.models import Run, Task
from autoai.web.tasks.schedule_fields import SCHEDULE_FIELDS

from ..factories import KEY, MASK
from ..fakes import START
from .conftest import HTMX, form_values


def stored(app: Flask, task_id: int) -> Task:
    with app.app_context():
        return db.session.get_one(Task, task_id)


def next_times(text: str) -> list[str]:
    return re.findall(r'<tr><td><time datetime="([^"]+)"', text)


def only_task(app: Flask) -> Task:
    with app.app_context():
        return db.session.query(Task).one()


def test_a_task_is_made_and_the_list_says_so(app: Flask, signed_in: FlaskClient, post) -> None:
    answer = post("/tasks/new", **form_values(api_key=f" {KEY} ", retry_statuses=["429", "503"]))
    assert (answer.status_code, answer.location) == (303, "/tasks")
    assert "“Morning news” was created." in signed_in.get("/").text
    task = only_task(app)
    assert (task.interval_seconds, task.timezone) == (900, "Europe/Berlin")
    assert (task.api_key_mask, task.retry_statuses) == (MASK, [429, 503])
    assert task.enabled and task.retry_network and task.system_message is None


def test_with_htmx_the_browser_is_sent_to_the_list(app: Flask, post) -> None:
    answer = post("/tasks/new", htmx=True, **form_values())
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (200, "/tasks")
    assert only_task(app).name == "Morning news"


def test_line_ends_are_those_that_the_person_saw(app: Flask, post) -> None:
    post("/tasks/new", **form_values(message_content="one\r\ntwo"))
    assert only_task(app).message_content == "one\ntwo"


def test_what_is_typed_is_what_is_stored(app: Flask, post) -> None:
    for changes, column, value in (
        ({"interval_minutes": "", "interval_seconds": "10"}, "interval_seconds", 10),
        ({"interval_minutes": "2", "interval_seconds": "120"}, "interval_seconds", 120),
        ({"schedule_type": "fixed_time", "interval_minutes": "x"}, "fixed_times", ["09:00"]),
        ({"enabled": ...}, "enabled", False),
        ({"retry_network": ...}, "retry_network", False),
        ({"timeout_seconds": ""}, "timeout_seconds", 30),
        ({"timezone": ""}, "timezone", "UTC"),
    ):
        assert post("/tasks/new", **form_values(**changes)).status_code == 303
        with app.app_context():
            newest = db.session.query(Task).order_by(Task.id.desc()).first()
            assert getattr(newest, column) == value, changes


WRONG = [
    ("name", ""),
    ("name", "x" * 201),
    ("message_content", "  "),
    ("api_endpoint", "ftp://example.org"),
    ("model", ""),
    ("api_key", "sk with blanks"),
    ("interval_minutes", "0"),
    ("interval_minutes", "1.5"),
    ("interval_minutes", "9" * 30),
    ("interval_seconds", "61"),
    ("timezone", "Mars/Olympus"),
    ("timeout_seconds", "-1"),
    ("max_attempts", "eleven"),
    ("max_attempts", "11"),
    ("retry_statuses", "418"),
    ("schedule_type", "never"),
]


@pytest.mark.parametrize("htmx", [False, True])
def test_what_is_wrong_stands_beside_its_field(app: Flask, post, htmx: bool) -> None:
    for field, value in WRONG:
        answer = post("/tasks/new", htmx=htmx, **form_values(**{field: value}))
        assert answer.status_code == 422, (field, value)
        assert ("<html" in answer.text) is not htmx
        assert f'id="{field}-error"' in answer.text, (field, value)
        if field not in ("schedule_type", "retry_statuses"):
            control = re.search(rf'<(?:input|textarea)[^>]*id="{field}"[^>]*>', answer.text)
            assert control and 'aria-invalid="true"' in control[0], (field, value)
            assert f"{field}-error" in control[0]
    with app.app_context():
        assert db.session.query(Task).count() == 0


def test_what_was_typed_is_kept_but_not_the_key(post) -> None:
    answer = post(
        "/tasks/new",
        **form_values(
            name="", api_key=KEY, max_attempts="many", message_content="Keep <this>", enabled=...
        ),
    )
    text = answer.text
    assert "Keep &lt;this&gt;" in text and 'value="many"' in text and 'value="15"' in text
    assert KEY not in text
    assert re.search(r"<details[^>]* open", text), "the folded part holds an error: it is open"
    assert not re.search(r'<input checked[^>]*name="enabled"', text)


def folds(text: str) -> dict[str, tuple[bool, bool, str]]:
    """The folded parts of a form: is it open, is it marked as changed, and what does it say?"""
    is_open = set(re.findall(r'<details[^>]*id="([\w-]+)" open', text))
    found = re.findall(r'<span class="quiet said( changed)?" id="([\w-]+)-said">(.*?)</span>', text)
    return {
        name: (name in is_open, bool(changed), re.sub(r"<svg.*?</svg> ", "", said))
        for changed, name, said in found
    }


def test_folded_parts_say_what_they_hold(signed_in: FlaskClient, post, task) -> None:
    usual = folds(signed_in.get("/tasks/new").text)
    assert [state[:2] for state in usual.values()] == [(False, False)] * 7
    assert usual["policies"][2] == "catches up once, skips overlaps"
    assert usual["attempts"][2] == "30 s each, 3 attempts, network errors are retried"
    task_id = task(overlap="allow", cost_budget_day="5", max_tokens=9)
    kept = folds(signed_in.get(f"/tasks/{task_id}/edit").text)
    assert kept["policies"] == (False, True, "catches up once, allows overlaps")
    assert kept["more-budgets"] == (False, True, "$5.00 a day")
    assert kept["attempts"] == usual["attempts"]


def test_summaries_follow_what_is_typed(app: Flask, post, task) -> None:
    for path in ("/tasks/new", f"/tasks/{task(name='Kept')}/edit"):
        typed = form_values(overlap="queue", max_attempts="many", cost_budget_day="sNaN", name="")
        answer = post(f"{path}?summaries=1", htmx=True, **typed)
        assert answer.status_code == 200 and answer.text.count("<hx-partial") == 7
        said = {name: state[2] for name, state in folds(answer.text).items()}
        assert said["policies"] == "catches up once, one waits"
        assert said["attempts"] == "30 s each, network errors are retried"
        assert f'hx-post="{path}?summaries=1"' in answer.text, (
            "and asks again after the next change"
        )
    assert only_task(app).name == "Kept", "nothing is saved"


def test_a_mistake_opens_the_part_that_hides_it(post) -> None:
    for name, field, value in (
        ("answer", "temperature", "warm"),
        ("more-when", "jitter_seconds", "-1"),
        ("policies", "expires_after_seconds", "soon"),
        ("more-budgets", "cost_budget_day", "much"),
        ("attempts", "max_attempts", "0"),
        ("prompt", "conversation_turns", "99"),
        ("more-checks", "change_fields", "no path"),
    ):
        more = {"change_watch": "json"} if field == "change_fields" else {}
        answer = post("/tasks/new", **form_values(**{field: value, **more}))
        assert answer.status_code == 422, field
        assert [fold for fold, state in folds(answer.text).items() if state[0]] == [name]


def test_editing_shows_the_task_and_never_its_key(app: Flask, signed_in: FlaskClient, task) -> None:
    task_id = task(api_key=KEY, system_message="Be brief", retry_statuses=[429])
    text = signed_in.get(f"/tasks/{task_id}/edit").text
    assert "Be brief" in text and 'value="Morning news"' in text
    assert f'placeholder="{MASK}"' in text and KEY not in text
    key = re.search(r'<input[^>]*id="api_key"[^>]*>', text)
    assert key and 'type="password"' in key[0] and 'value=""' in key[0]
    assert 'autocomplete="off"' in key[0]
    assert re.search(r'<input checked[^>]*value="429"', text)
    assert re.search(r'id="interval_minutes"[^>]*value="1"', text)


def test_an_empty_key_keeps_the_stored_one(app: Flask, post, task) -> None:
    task_id = task(api_key=KEY)
    before = stored(app, task_id).api_key_encrypted
    answer = post(f"/tasks/{task_id}/edit", **form_values(name="Renamed"))
    assert (answer.status_code, answer.location) == (303, "/tasks")
    after = stored(app, task_id)
    assert (after.name, after.api_key_mask, after.api_key_encrypted) == ("Renamed", MASK, before)


def test_the_stored_key_is_removed_by_a_tick(app: Flask, signed_in, post, task) -> None:
    task_id = task(api_key=KEY)
    assert 'name="remove_api_key"' in signed_in.get(f"/tasks/{task_id}/edit").text
    post(f"/tasks/{task_id}/edit", **form_values(remove_api_key="y"))
    after = stored(app, task_id)
    assert after.api_key_mask is None and after.api_key_encrypted is None
    assert 'name="remove_api_key"' not in signed_in.get(f"/tasks/{task_id}/edit").text


def test_another_host_asks_before_it_gets_the_stored_key(app: Flask, signed_in, post, task) -> None:
    task_id = task(api_key=KEY)
    asked = re.compile(r"<div data-moved( hidden)?>")
    path = f"/tasks/{task_id}/edit"
    assert asked.search(signed_in.get(path).text)[1], "not before it is asked"
    moved = form_values(api_endpoint="https://other.test/v1")
    answer = post(path, **moved)
    assert answer.status_code == 422 and not asked.search(answer.text)[1]
    assert "was entered for 127.0.0.1:9 and would now be sent to other.test" in answer.text
    assert post(path, **moved, keep_api_key="y").status_code == 303
    after = stored(app, task_id)
    assert (after.api_endpoint, after.api_key_mask) == ("https://other.test/v1", MASK)


def test_an_interval_in_seconds_is_offered_in_seconds(signed_in: FlaskClient, task) -> None:
    text = signed_in.get(f"/tasks/{task(interval_seconds=90)}/edit").text
    assert re.search(r'id="interval_seconds"[^>]*value="90"', text)
    assert re.search(r'id="interval_minutes"[^>]*value=""', text)


def test_the_form_of_a_task_shows_its_real_next_times(signed_in: FlaskClient, task, clock) -> None:
    task_id = task(interval_seconds=3600)
    clock.step(minutes=20)
    text = signed_in.get(f"/tasks/{task_id}/edit").text
    times = next_times(text)
    assert times[:2] == ["2026-03-02T13:00:00Z", "2026-03-02T14:00:00Z"] and len(times) == 10


def test_the_receipt_tells_the_next_ten_times(signed_in: FlaskClient) -> None:
    query = "schedule_type=fixed_time&fixed_time=09:00&timezone=Asia/Shanghai&interval_minutes=5"
    text = signed_in.get(f"/tasks/preview?{query}", headers=HTMX).text
    assert text.lstrip().startswith('<div id="preview"')
    assert "every day at 09:00" in text and "Asia/Shanghai" in text
    assert len(next_times(text)) == 10 and "Tue, Mar 3, 09:00:00" in text


def test_an_unfinished_schedule_has_no_times_yet(signed_in: FlaskClient) -> None:
    for query in (
        "",
        "schedule_type=interval",
        "schedule_type=interval&interval_minutes=0",
        "schedule_type=interval&interval_seconds=" + "9" * 400,
        "schedule_type=fixed_time&fixed_time=25:00",
        "schedule_type=interval&interval_minutes=5&timezone=../../etc/passwd",
        "schedule_type=interval&interval_minutes=5&timezone=%00",
    ):
        answer = signed_in.get(f"/tasks/preview?{query}", headers=HTMX)
        assert answer.status_code == 200, query
        assert "as soon as the schedule is complete" in answer.text


def test_the_preview_is_not_sent_the_key(signed_in: FlaskClient) -> None:
    text = signed_in.get("/tasks/new").text
    assert 'hx-include="[data-schedule]"' in text
    included = re.findall(r"<(?:input|select)[^>]*data-schedule[^>]*>", text)
    names = {re.search(r'name="([^"]+)"', field)[1] for field in included}
    assert {re.sub(r"-\d-.*", "", name) for name in names} == {*SCHEDULE_FIELDS}


def test_the_switch_without_and_with_javascript(app: Flask, signed_in, post, task) -> None:
    task_id = task()
    answer = post(f"/tasks/{task_id}/toggle", enabled="")
    assert (answer.status_code, answer.location) == (303, "/tasks")
    assert not stored(app, task_id).enabled
    assert "is off." in signed_in.get("/").text
    answer = post(f"/tasks/{task_id}/toggle", htmx=True, enabled="y")
    assert stored(app, task_id).enabled
    assert "is on." in answer.text and '"#table"' in answer.headers["HX-Trigger"]
    post(f"/tasks/{task_id}/toggle", enabled="y")
    assert stored(app, task_id).enabled, "a stale page does not switch it to the other side"


def test_run_now_queues_a_run_of_its_own(app: Flask, signed_in, post, task) -> None:
    task_id = task(enabled=False)
    answer = post(f"/tasks/{task_id}/run", next=f"/tasks/{task_id}/logs")
    assert answer.location == f"/tasks/{task_id}/logs"
    with app.app_context():
        run = db.session.query(Run).one()
        assert (run.source, run.status, run.scheduled_for) == ("manual", "queued", None)
    assert "A run of “Morning news” was started." in signed_in.get("/").text


def test_a_copy_is_off_and_open_for_editing(app: Flask, signed_in, post, task) -> None:
    answer = post(f"/tasks/{task(api_key=KEY)}/duplicate")
    assert answer.status_code == 303
    text = signed_in.get(answer.location).text
    assert "Morning news (copy)" in text and "It is off" in text and MASK in text


def test_deleting_asks_first_and_says_what_goes_with_it(
    app: Flask, signed_in, post, task, run
) -> None:
    task_id = task()
    assert "It has no runs yet" in signed_in.get(f"/tasks/{task_id}/delete").text
    run(task_id, START)
    run(task_id, START.replace(minute=1))
    page = signed_in.get(f"/tasks/{task_id}/delete")
    assert "2 runs and all that was recorded" in page.text and "<html" in page.text
    part = signed_in.get(f"/tasks/{task_id}/delete", headers=HTMX)
    assert "2 runs" in part.text and "<html" not in part.text
    with app.app_context():
        assert db.session.query(Task).count() == 1, "asking deletes nothing"
    answer = post(f"/tasks/{task_id}/delete")
    assert (answer.status_code, answer.location) == (303, "/tasks")
    assert "was deleted" in signed_in.get("/").text
    with app.app_context():
        assert db.session.query(Task).count() == db.session.query(Run).count() == 0


def test_what_is_not_there_is_not_found(signed_in: FlaskClient) -> None:
    for task_id in ("7", "0", 2**63 - 1, 2**63, "9" * 30, "9" * 5000):
        for what in ("edit", "delete", "logs"):
            answer = signed_in.get(f"/tasks/{task_id}/{what}")
            assert answer.status_code == 404
            assert "Nothing here" in answer.text


def test_a_change_of_what_no_column_can_hold_is_not_found(post) -> None:
    for task_id in (10**18, 2**63 - 1, 2**63, "9" * 30):
        for what in ("edit", "delete", "toggle", "run", "duplicate"):
            assert post(f"/tasks/{task_id}/{what}").status_code == 404


def test_a_button_of_a_task_that_is_gone_says_so(post) -> None:
    for what in ("toggle", "run", "duplicate", "delete", "edit"):
        assert post(f"/tasks/7/{what}").status_code == 404
        answer = post(f"/tasks/7/{what}", htmx=True)
        assert answer.status_code == 404
        assert 'hx-target="#toasts"' in answer.text and "Load the page again" in answer.text
