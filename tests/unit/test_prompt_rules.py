"""What makes a task's texts, variables and secrets valid, and what saving does with them."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from autoai.domain.errors import Invalid
from autoai.extensions import db
from autoai.models import Task, TaskSecret
from autoai.services.instance import reencrypt_keys
from autoai.services.ports import Ports
from autoai.services.prompt_preview import preview_prompt
from autoai.services.prompt_secrets import masks, open_secrets
from autoai.services.task_files import export_tasks, import_tasks
from autoai.services.tasks import delete_task, duplicate_task, update_task
from tests.factories import make_run, make_task, task_values
from tests.fakes import START

SECRET = "0123456789-very-secret"


@pytest.fixture(autouse=True)
def _app(in_app: Flask) -> None:
    """All of these are about services."""


def complaints(ports: Ports, **fields: Any) -> dict[str, list[str]]:
    with pytest.raises(Invalid) as caught:
        make_task(ports, **fields)
    return caught.value.errors


def fresh(task: Task) -> Task:
    db.session.expire_all()
    return db.session.get_one(Task, task.id)


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        ({"message_content": "a\n{{ citty }}"}, "message_content", "Line 2: There is no “citty”."),
        ({"system_message": "{% if %}"}, "system_message", "Line 1: The template is not"),
        (
            {
                "messages": [
                    {"role": "user", "content": "x"},
                    {"role": "user", "content": "{{ a }}"},
                ]
            },
            "messages",
            "Message 2: Line 1: There is no “a”.",
        ),
        ({"message_content": "{{ secrets.PIN }}"}, "message_content", "secrets.PIN"),
        (
            {"message_content": "{{ secrets.PIN | upcase }}", "secrets": {"PIN": "1"}},
            "message_content",
            "A secret cannot go through a filter.",
        ),
        ({"language": "fr"}, "language", "Choose one of: en, zh_Hans, zh_Hant."),
        ({"variables": {"now": "x"}}, "variables", "means something already"),
        ({"variables": {"1a": "x"}}, "variables", "A name has"),
        ({"variables": {"a b": "x"}}, "variables", "A name has"),
        ({"variables": {"a": 1}}, "variables", "names and texts"),
        ({"variables": {"a": "x" * 20_001}}, "variables", "a: At most"),
        ({"variables": {"a": "\x00"}}, "variables", "cannot be stored"),
        ({"variables": {f"a{n}": "x" for n in range(51)}}, "variables", "At most 50 names."),
        ({"secrets": {f"a{n}": "x" for n in range(21)}}, "secrets", "At most 20 names."),
        ({"secrets": {"A": "x" * 4_001}}, "secrets", "A: At most"),
        ({"secrets": {"A": None}}, "secrets", "A needs a value."),
        ({"secrets": ["A"]}, "secrets", "names and texts"),
        ({"conversation_turns": 51}, "conversation_turns", "0 to 50"),
        ({"conversation_tokens": 99}, "conversation_tokens", "100 to 1000000"),
    ],
)
def test_what_is_wrong(ports: Ports, fields: dict[str, Any], field: str, words: str) -> None:
    errors = complaints(ports, **fields)
    assert list(errors) == [field] and words in " ".join(errors[field])


@pytest.mark.parametrize(
    ("fields", "dynamic"),
    [
        ({}, False),
        ({"variables": {"a": "b"}}, False),
        ({"message_content": "{{ now }}"}, True),
        ({"system_message": "{% raw %}{{{% endraw %}"}, True),
        ({"messages": [{"role": "user", "content": "{{ now }}"}]}, True),
        ({"conversation_turns": 1}, True),
    ],
)
def test_which_tasks_have_to_be_rendered(
    ports: Ports, fields: dict[str, Any], dynamic: bool
) -> None:
    task = make_task(ports, **fields)
    assert task.dynamic is dynamic
    update_task(
        ports,
        task.id,
        {"conversation_turns": 0, "message_content": "x", "messages": None, "system_message": ""},
        partial=True,
    )
    assert fresh(task).dynamic is False


def test_secrets_are_kept_changed_and_removed(ports: Ports) -> None:
    task = make_task(ports, secrets={"A": SECRET, "B": "other-secret-value"})
    shown = masks(task)
    assert shown == {"A": "012…cret", "B": "oth…alue"}
    update_task(ports, task.id, {"name": "x"}, partial=True)
    update_task(ports, task.id, task_values(), partial=False)
    assert masks(fresh(task)) == shown
    update_task(
        ports, task.id, {"secrets": {"A": shown["A"], "C": "third-value-of-all"}}, partial=True
    )
    assert open_secrets(ports, fresh(task)) == {"A": SECRET, "C": "third-value-of-all"}
    update_task(ports, task.id, {"secrets": {"A": None, "C": ""}}, partial=True)
    assert open_secrets(ports, fresh(task)) == {"A": SECRET, "C": "third-value-of-all"}
    update_task(ports, task.id, {"secrets": {}}, partial=True)
    assert masks(fresh(task)) == {}


def test_a_secret_that_is_used_cannot_be_removed(ports: Ports) -> None:
    task = make_task(ports, secrets={"A": SECRET}, message_content="{{ secrets.A }}")
    with pytest.raises(Invalid) as caught:
        update_task(ports, task.id, {"secrets": {}}, partial=True)
    assert "message_content" in caught.value.errors


def test_secrets_are_encrypted_for_their_task_and_name(ports: Ports) -> None:
    task = make_task(ports, secrets={"A": SECRET})
    (row,) = db.session.scalars(select(TaskSecret))
    assert SECRET not in row.value_encrypted
    assert ports.keyring.decrypt(row.value_encrypted, task.secret_id, "task.secret:A") == SECRET
    assert ports.redactor.clean(f"x {SECRET}") == "x [redacted]"
    db.session.commit()
    assert reencrypt_keys(ports) == 1
    assert open_secrets(ports, fresh(task)) == {"A": SECRET}
    db.session.commit()
    delete_task(ports, task.id)
    assert db.session.scalars(select(TaskSecret)).all() == []


def test_a_copy_has_the_same_secrets(ports: Ports) -> None:
    task = make_task(
        ports, secrets={"A": SECRET}, variables={"v": "w"}, message_content="{{ secrets.A }}{{ v }}"
    )
    copy = duplicate_task(ports, task.id)
    assert open_secrets(ports, fresh(copy)) == {"A": SECRET}
    assert copy.variables == {"v": "w"} and copy.dynamic
    rows = {row.value_encrypted for row in db.session.scalars(select(TaskSecret))}
    assert len(rows) == 2


def test_a_file_names_the_variable_of_each_secret(ports: Ports) -> None:
    task = make_task(ports, secrets={"PIN": SECRET}, message_content="{{ secrets.PIN }}")
    document = export_tasks()
    assert document["tasks"][0]["secrets_env"] == {"PIN": "MORNING_NEWS_SECRET_PIN"}
    assert SECRET not in repr(document)
    assert import_tasks(ports, document, {}).unchanged == 1
    changed = import_tasks(ports, document, {"MORNING_NEWS_SECRET_PIN": "another-secret"})
    assert changed.updated == 1
    assert open_secrets(ports, fresh(task)) == {"PIN": "another-secret"}
    db.session.commit()
    delete_task(ports, task.id)
    with pytest.raises(Invalid, match="MORNING_NEWS_SECRET_PIN is not set"):
        import_tasks(ports, document, {})
    assert import_tasks(ports, document, {"MORNING_NEWS_SECRET_PIN": SECRET}).created == 1


class TestPreview:
    def test_it_shows_what_would_be_sent(self, ports: Ports) -> None:
        shown = preview_prompt(
            ports,
            {
                "system_message": "{{ date }}",
                "message_content": "{{ city }} {{ secrets.PIN }}",
                "variables": {"city": "Rome"},
                "secrets": {"PIN": SECRET},
            },
        )
        assert [m["content"] for m in shown.messages] == ["March 2, 2026", "Rome [secret: PIN]"]
        assert shown.tokens == 9 and shown.turns_sent is None

    def test_of_a_task_with_a_past(self, ports: Ports) -> None:
        task = make_task(ports, secrets={"PIN": SECRET})
        for answer in ("one", "two"):
            make_run(task, START, scheduled_for=None, texts={
                "request_messages": [{"role": "user", "content": "Q"}], "response_text": answer,
            })  # fmt: skip
        shown = preview_prompt(
            ports,
            {
                "task_id": task.id,
                "message_content": "{{ last.response }} {{ secrets.PIN }} {{ task.name }}",
                "conversation_turns": 1,
            },
        )
        assert [m["content"] for m in shown.messages] == [
            "Q", "two", "two [secret: PIN] Morning news",
        ]  # fmt: skip
        assert (shown.turns_sent, shown.turns_cut) == (1, 0)

    def test_what_is_wrong_is_said(self, ports: Ports) -> None:
        with pytest.raises(Invalid) as caught:
            preview_prompt(ports, {"message_content": "{{ x }}", "timezone": "Mars/Base"})
        assert set(caught.value.errors) == {"message_content", "timezone"}
        with pytest.raises(Invalid) as caught:
            preview_prompt(ports, {"message_content": "{{ last.response }}"})
        assert caught.value.errors == {"message_content": ["The message comes out empty."]}
