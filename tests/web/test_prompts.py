"""The pages about the versions of a task's texts, and the edit form's drafts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from autoai.extensions import db
from autoai.models import PromptVersion, Task
from autoai.runtime import runtime
from autoai.services.prompt_versions import save_draft
from autoai.services.tasks import update_task

from ..fakes import START
from .conftest import form_values
from .test_task_answers import sent_back

Post = Callable[..., TestResponse]


@pytest.fixture
def changed(app: Flask, task: Callable[..., int]) -> int:
    """A task with three versions."""
    task_id = task(name="News", message_content="One\ncommon line")
    for text in ("Two\ncommon line", "Three <b>\ncommon line"):
        _change(app, task_id, text)
    return task_id


def _change(app: Flask, task_id: int, text: str) -> None:
    with app.app_context():
        update_task(runtime(app).ports, task_id, {"message_content": text}, partial=True)
        db.session.remove()


def _draft(app: Flask, task_id: int, text: str = "Draft text") -> None:
    with app.app_context():
        save_draft(runtime(app).ports, task_id, {"message_content": text})
        db.session.remove()


def stored(app: Flask, task_id: int) -> tuple[int, str]:
    with app.app_context():
        task = db.session.get_one(Task, task_id)
        return task.prompt_version, task.message_content


def test_the_list_says_what_is_live(signed_in: FlaskClient, app: Flask, changed: int) -> None:
    _draft(app, changed)
    page = signed_in.get(f"/tasks/{changed}/prompts").text
    assert (
        page.index('id="version-4"') < page.index('id="version-3"') < page.index('id="version-1"')
    )
    assert page.count('chip success"') == 1 and page.count('chip paused"') == 1
    assert "Three &lt;b&gt;" in page
    assert f'formaction="/tasks/{changed}/prompts/2/restore"' in page
    assert f'formaction="/tasks/{changed}/prompts/3/restore"' not in page, "it is live"
    assert f'formaction="/tasks/{changed}/prompts/publish"' in page


def test_a_single_version_has_nothing_to_compare(
    signed_in: FlaskClient, task: Callable[..., int]
) -> None:
    page = signed_in.get(f"/tasks/{task()}/prompts").text
    assert 'type="radio"' not in page and "Compare" not in page


def test_many_versions_come_in_pages(
    signed_in: FlaskClient, app: Flask, task: Callable[..., int]
) -> None:
    task_id = task()
    with app.app_context():
        for number in range(2, 42):
            values = {"task_id": task_id, "number": number, "message_content": f"No. {number}"}
            db.session.add(PromptVersion(**values, created_at=START, published_at=START))
        db.session.commit()
    first = signed_in.get(f"/tasks/{task_id}/prompts").text
    assert 'id="version-41"' in first and 'id="version-22"' in first
    assert 'id="version-21"' not in first and "?page=2" in first
    last = signed_in.get(f"/tasks/{task_id}/prompts?page=3").text
    assert 'id="version-1"' in last and "?page=4" not in last


def test_one_version_whole(signed_in: FlaskClient, task: Callable[..., int]) -> None:
    talk = [{"role": "user", "content": "Before"}]
    task_id = task(system_message="Be kind", messages=talk)
    page = signed_in.get(f"/tasks/{task_id}/prompts/1").text
    assert "Be kind" in page and "Before" in page and "What is new?" in page
    assert signed_in.get(f"/tasks/{task_id}/prompts/2").status_code == 404
    assert signed_in.get("/tasks/99/prompts").status_code == 404


def test_two_versions_beside_each_other(app: Flask, signed_in: FlaskClient, changed: int) -> None:
    for query in ("a=1&b=3", "a=3&b=1"):
        page = signed_in.get(f"/tasks/{changed}/prompts/compare?{query}").text
        assert "<del>One</del>" in page and "&lt;b&gt;" in page
        assert page.index("<del>One") < page.index("<ins>")
    _change(app, changed, "Three <b> \ncommon  line")
    blanks = signed_in.get(f"/tasks/{changed}/prompts/compare?a=3&b=4").text
    assert "Only blanks and line breaks differ." in blanks
    same = signed_in.get(f"/tasks/{changed}/prompts/compare?a=2&b=2").text
    assert "Both say the same" in same
    lost = signed_in.get(f"/tasks/{changed}/prompts/compare?a=2")
    assert lost.status_code == 303 and lost.location == f"/tasks/{changed}/prompts"
    assert signed_in.get(f"/tasks/{changed}/prompts/compare?a=2&b=99").status_code == 404


def test_restored_with_one_click(
    app: Flask, signed_in: FlaskClient, post: Post, changed: int
) -> None:
    answer = post(f"/tasks/{changed}/prompts/1/restore")
    assert answer.status_code == 303 and answer.location == f"/tasks/{changed}/prompts"
    assert stored(app, changed) == (4, "One\ncommon line")
    page = signed_in.get(answer.location).text
    assert "Version 1 is live again, as version 4." in page
    assert "restored from version 1" in page
    post(f"/tasks/{changed}/prompts/4/restore")
    assert "what is live already" in signed_in.get(f"/tasks/{changed}/prompts").text


def test_a_draft_from_the_form_to_live(
    app: Flask, signed_in: FlaskClient, post: Post, task: Callable[..., int]
) -> None:
    task_id = task()
    edit = f"/tasks/{task_id}/edit"
    values = form_values(name="Renamed", message_content="Draft text")
    answer = post(edit, draft="y", **values)
    assert answer.location == f"/tasks/{task_id}/prompts"
    assert stored(app, task_id) == (1, "What is new?")
    form = signed_in.get(edit).text
    assert "Renamed" in form and "Draft text</textarea>" in form and 'id="draft"' in form
    assert "Save and publish" in form

    answer = post(f"/tasks/{task_id}/prompts/publish", next=edit)
    assert answer.location == edit
    assert stored(app, task_id) == (2, "Draft text")
    assert 'id="draft"' not in signed_in.get(edit).text


def test_saving_the_form_publishes(
    app: Flask, signed_in: FlaskClient, post: Post, task: Callable[..., int]
) -> None:
    task_id = task()
    _draft(app, task_id)
    post(f"/tasks/{task_id}/edit", **form_values(message_content="Draft, finished"))
    assert stored(app, task_id) == (2, "Draft, finished")
    assert 'id="draft"' not in signed_in.get(f"/tasks/{task_id}/edit").text


def test_a_draft_that_is_wrong_is_shown_again(
    app: Flask, post: Post, task: Callable[..., int]
) -> None:
    task_id = task()
    answer = post(f"/tasks/{task_id}/edit", draft="y", **form_values(message_content=" "))
    assert answer.status_code == 422 and "message_content-error" in answer.text
    assert stored(app, task_id) == (1, "What is new?")


def test_a_draft_is_discarded(
    app: Flask, signed_in: FlaskClient, post: Post, task: Callable[..., int]
) -> None:
    task_id = task()
    _draft(app, task_id)
    post(f"/tasks/{task_id}/prompts/discard")
    assert "Draft text" not in signed_in.get(f"/tasks/{task_id}/prompts").text
    assert post(f"/tasks/{task_id}/prompts/discard").status_code == 409
    assert post(f"/tasks/{task_id}/prompts/publish").status_code == 409


def test_what_leads_there(
    signed_in: FlaskClient, task: Callable[..., int], run: Callable[..., int]
) -> None:
    task_id = task()
    run_id = run(task_id, START, prompt_version=1)
    for path in (f"/tasks/{task_id}/edit", f"/tasks/{task_id}/logs"):
        assert f'href="/tasks/{task_id}/prompts"' in signed_in.get(path).text
    assert f'href="/tasks/{task_id}/prompts/1"' in signed_in.get(f"/logs/{run_id}").text
    assert "/prompts/" not in signed_in.get(f"/logs/{run(task_id, START + timedelta(1))}").text


def test_runs_of_each_version_are_counted(
    signed_in: FlaskClient, app: Flask, task: Callable[..., int], run: Callable[..., int]
) -> None:
    task_id = task()
    for minute in range(3):
        run(task_id, START + timedelta(minutes=minute), prompt_version=1)
    run(task_id, START + timedelta(minutes=9), status="skipped")
    page = signed_in.get(f"/tasks/{task_id}/prompts").text
    assert 'class="number">3</td>' in page


def test_a_form_that_is_saved_as_it_came_makes_no_version(
    app: Flask, signed_in: FlaskClient, post: Post, task: Callable[..., int]
) -> None:
    """A browser sends CR LF, whatever the lines of a text end with."""
    talk = [{"role": "user", "content": "Before\nthat"}]
    task_id = task(system_message="Be kind\nand short", messages=talk, message_content="\nOne\n\n")
    form = sent_back(signed_in.get(f"/tasks/{task_id}/edit").text)
    typed = {
        name: value.replace("\n", "\r\n") if isinstance(value, str) else value
        for name, value in form.items()
    }
    assert post(f"/tasks/{task_id}/edit", **typed).status_code == 303
    assert stored(app, task_id) == (1, "\nOne\n\n")
