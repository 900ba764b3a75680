"""Numbered texts: every change is a version, a draft waits, and an old one can come back."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, func, insert, select

from autoai.domain.errors import Conflict, Invalid, NotFound
from autoai.extensions import db
from autoai.models import PromptVersion, Run, Task, TaskTag, write_transaction
from autoai.queries.prompt_versions import Uses, uses_of
from autoai.services.ports import Ports
from autoai.services.prompt_versions import (
    discard_draft,
    find_draft,
    get_version,
    publish_draft,
    restore_version,
    save_draft,
)
from autoai.services.task_files import export_tasks, import_tasks
from autoai.services.task_switches import set_enabled
from autoai.services.tasks import delete_task, duplicate_task, update_task
from tests.factories import make_task, task_values
from tests.fakes import START, FakeClock

pytestmark = pytest.mark.usefixtures("in_app")


def versions(task: Task) -> list[tuple[int, str, bool]]:
    """(number, message, is it published) of each, the oldest first."""
    rows = db.session.scalars(
        select(PromptVersion)
        .where(PromptVersion.task_id == task.id)
        .order_by(PromptVersion.number)
        .execution_options(populate_existing=True)
    )
    found = [(row.number, row.message_content, row.published_at is not None) for row in rows]
    db.session.commit()
    return found


def live(task: Task) -> tuple[int, str]:
    """What is sent now: the number, and the message in the task's own columns."""
    stored = db.session.get_one(Task, task.id, populate_existing=True)
    return stored.prompt_version, stored.message_content


def change(ports: Ports, task: Task, **fields: Any) -> None:
    update_task(ports, task.id, fields, partial=True)


class TestPublishing:
    def test_a_new_task_has_version_one(self, ports: Ports) -> None:
        talk = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
        task = make_task(ports, system_message="Be kind", messages=talk)
        assert live(task) == (1, "What is new?")
        one = get_version(task.id, 1)
        assert (one.system_message, one.messages) == ("Be kind", talk)
        assert one.published_at == one.created_at == START and one.restored_from is None

    def test_other_texts_are_the_next_version(self, ports: Ports, clock: FakeClock) -> None:
        task = make_task(ports)
        clock.step(60)
        change(ports, task, message_content="What is old?")
        update_task(ports, task.id, task_values(message_content="And now?"), partial=False)
        change(ports, task, system_message="Be short")
        change(ports, task, messages=[{"role": "user", "content": "Hi"}])
        assert [row[:2] for row in versions(task)] == [
            (1, "What is new?"),
            (2, "What is old?"),
            (3, "And now?"),
            (4, "And now?"),
            (5, "And now?"),
        ]
        assert live(task) == (5, "And now?")
        assert get_version(task.id, 2).published_at == START + timedelta(seconds=60)

    def test_the_same_texts_are_none(self, ports: Ports) -> None:
        task = make_task(ports)
        change(ports, task, message_content="What is new?", model="m-2", system_message="")
        set_enabled(ports, task.id, False)
        update_task(ports, task.id, task_values(name="Other"), partial=False)
        assert versions(task) == [(1, "What is new?", True)]

    def test_what_is_refused_is_none(self, ports: Ports) -> None:
        task = make_task(ports)
        with pytest.raises(Invalid):
            change(ports, task, message_content="Other", max_attempts=99)
        with pytest.raises(Invalid):
            change(ports, task, message_content=" ")
        assert versions(task) == [(1, "What is new?", True)] and live(task)[0] == 1

    def test_a_copy_begins_at_one(self, ports: Ports) -> None:
        task = make_task(ports)
        change(ports, task, message_content="Second")
        save_draft(ports, task.id, {"message_content": "Waiting"})
        copy = duplicate_task(ports, task.id)
        assert versions(copy) == [(1, "Second", True)] and live(copy) == (1, "Second")

    def test_an_import_makes_one_when_texts_differ(self, ports: Ports) -> None:
        task = make_task(ports)
        document = export_tasks()
        import_tasks(ports, document, {})
        assert live(task)[0] == 1
        document["tasks"][0]["message_content"] = "Imported"
        import_tasks(ports, document, {})
        assert versions(task)[1:] == [(2, "Imported", True)]

    def test_they_go_with_their_task(self, ports: Ports) -> None:
        task, other = make_task(ports), make_task(ports, name="Other")
        save_draft(ports, task.id, {"message_content": "Waiting"})
        delete_task(ports, task.id)
        assert db.session.scalar(select(func.count()).select_from(PromptVersion)) == 1
        assert versions(other) == [(1, "What is new?", True)]


class TestDraft:
    def test_it_waits_until_it_is_published(self, ports: Ports, clock: FakeClock) -> None:
        task = make_task(ports)
        draft = save_draft(ports, task.id, {"message_content": "Draft"})
        assert (draft.number, draft.published_at) == (2, None)
        assert live(task) == (1, "What is new?")
        clock.step(5)
        publish_draft(ports, task.id)
        assert live(task) == (2, "Draft")
        assert versions(task) == [(1, "What is new?", True), (2, "Draft", True)]
        two = get_version(task.id, 2)
        assert (two.created_at, two.published_at) == (START, START + timedelta(seconds=5))

    def test_there_is_one_and_what_is_absent_stays(self, ports: Ports) -> None:
        task = make_task(ports, system_message="Be kind")
        save_draft(ports, task.id, {"message_content": "Draft"})
        save_draft(ports, task.id, {"system_message": "Be short"})
        draft = find_draft(task.id)
        assert draft and (draft.message_content, draft.system_message) == ("Draft", "Be short")
        assert len(versions(task)) == 2

    def test_the_rest_of_a_form_counts_at_once(self, ports: Ports) -> None:
        task = make_task(ports, tags=["old"])
        values = task_values(name="Renamed", message_content="Draft", tags=["new"])
        update_task(ports, task.id, values, partial=False, as_draft=True)
        stored = db.session.get_one(Task, task.id, populate_existing=True)
        assert (stored.name, stored.message_content) == ("Renamed", "What is new?")
        assert db.session.scalars(select(TaskTag.tag)).all() == ["new"]
        assert versions(task)[1:] == [(2, "Draft", False)]

    def test_texts_that_are_given_take_its_place(self, ports: Ports) -> None:
        task = make_task(ports)
        save_draft(ports, task.id, {"message_content": "Draft"})
        change(ports, task, message_content="Direct")
        assert versions(task) == [(1, "What is new?", True), (2, "Direct", True)]
        save_draft(ports, task.id, {"message_content": "Draft"})
        change(ports, task, message_content="Direct")
        assert find_draft(task.id) is None and live(task) == (2, "Direct")

    def test_other_changes_leave_it(self, ports: Ports) -> None:
        task = make_task(ports)
        save_draft(ports, task.id, {"message_content": "Draft"})
        change(ports, task, model="m-2")
        set_enabled(ports, task.id, False)
        assert versions(task)[1:] == [(2, "Draft", False)]

    def test_it_is_checked_like_a_task(self, ports: Ports) -> None:
        task = make_task(ports)
        for texts in (
            {"message_content": ""},
            {"message_content": "x" * 100_001},
            {"messages": [{"role": "system", "content": "no"}]},
        ):
            with pytest.raises(Invalid) as caught:
                save_draft(ports, task.id, texts)
            assert set(caught.value.errors) == set(texts)
        assert find_draft(task.id) is None

    def test_what_is_live_keeps_its_variables(self, ports: Ports) -> None:
        task = make_task(ports, message_content="{{ city }}", variables={"city": "Oslo"})
        values = task_values(message_content="{{ town }}", variables={"town": "Bergen"})
        with pytest.raises(Invalid) as caught:
            update_task(ports, task.id, values, partial=False, as_draft=True)
        assert "city" in caught.value.errors["variables"][0]
        values["variables"] = {"city": "Oslo", "town": "Bergen"}
        update_task(ports, task.id, values, partial=False, as_draft=True)
        assert versions(task)[1:] == [(2, "{{ town }}", False)]

    def test_it_can_be_discarded(self, ports: Ports) -> None:
        task = make_task(ports)
        save_draft(ports, task.id, {"message_content": "Draft"})
        discard_draft(task.id)
        assert versions(task) == [(1, "What is new?", True)]
        for act in (lambda: discard_draft(task.id), lambda: publish_draft(ports, task.id)):
            with pytest.raises(Conflict, match="no draft"):
                act()

    def test_published_unchanged_it_is_no_version(self, ports: Ports) -> None:
        task = make_task(ports)
        save_draft(ports, task.id, {})
        publish_draft(ports, task.id)
        assert versions(task) == [(1, "What is new?", True)] and live(task)[0] == 1


class TestRestoring:
    def test_an_old_one_comes_back_as_a_new_one(self, ports: Ports) -> None:
        task = make_task(ports)
        change(ports, task, message_content="Second")
        restore_version(ports, task.id, 1)
        assert live(task) == (3, "What is new?")
        assert get_version(task.id, 3).restored_from == 1
        assert get_version(task.id, 1).restored_from is None

    def test_the_draft_stays_the_next_one(self, ports: Ports) -> None:
        task = make_task(ports)
        change(ports, task, message_content="Second")
        save_draft(ports, task.id, {"message_content": "Draft"})
        restore_version(ports, task.id, 1)
        assert versions(task)[2:] == [(3, "What is new?", True), (4, "Draft", False)]
        publish_draft(ports, task.id)
        assert live(task) == (4, "Draft")

    def test_what_is_live_stays_as_it_is(self, ports: Ports) -> None:
        task = make_task(ports)
        restore_version(ports, task.id, 1)
        assert versions(task) == [(1, "What is new?", True)]

    def test_texts_that_miss_a_variable_cannot(self, ports: Ports) -> None:
        task = make_task(ports, message_content="{{ city }}", variables={"city": "Oslo"})
        change(ports, task, message_content="Plain", variables={})
        with pytest.raises(Invalid) as caught:
            restore_version(ports, task.id, 1)
        assert "city" in caught.value.errors["message_content"][0]
        assert live(task) == (2, "Plain")

    def test_what_cannot_be_restored(self, ports: Ports) -> None:
        task, other = make_task(ports), make_task(ports, name="Other")
        change(ports, other, message_content="Second")
        save_draft(ports, task.id, {"message_content": "Draft"})
        with pytest.raises(Conflict):
            restore_version(ports, task.id, 2)
        for number in (0, 3, 2**70):
            with pytest.raises(NotFound):
                restore_version(ports, task.id, number)
        with pytest.raises(NotFound):
            restore_version(ports, 999, 1)


class TestUses:
    def rows(self, task: Task, first: int, count: int, version: int | None) -> None:
        """One run a minute, `first` minutes after the start."""
        with write_transaction() as session:
            session.execute(
                insert(Run),
                [
                    {
                        "task_id": task.id,
                        "source": "schedule",
                        "due_at": START + timedelta(minutes=first + minute),
                        "status": "success" if version else "skipped",
                        "prompt_version": version,
                    }
                    for minute in range(count)
                ],
            )

    def uses(self, task: Task, number: int) -> Uses | None:
        return uses_of(get_version(task.id, number))

    def test_each_version_has_its_own(self, ports: Ports, clock: FakeClock) -> None:
        task, other = make_task(ports), make_task(ports, name="Other")
        self.rows(task, 0, 3, 1)
        self.rows(task, 3, 2, None)
        self.rows(other, 0, 9, 1)
        clock.step(60 * 10)
        change(ports, task, message_content="Second")
        self.rows(task, 9, 4, 2)  # one was due before the version was there
        save_draft(ports, task.id, {"message_content": "Draft"})
        assert self.uses(task, 1) == Uses(3, False)
        assert self.uses(task, 2) == Uses(4, False)
        assert self.uses(task, 3) is None

    def test_beyond_a_thousand_they_are_not_counted(self, ports: Ports) -> None:
        task, quiet = make_task(ports), make_task(ports, name="Quiet")
        self.rows(task, 0, 1_001, 1)
        assert self.uses(task, 1) == Uses(1_000, True)
        self.rows(quiet, 0, 5, 1)
        self.rows(quiet, 5, 2_000, None)
        assert self.uses(quiet, 1) == Uses(0, True), "there may be some behind what was read"

    def test_no_more_is_read_than_the_index_gives(self, ports: Ports) -> None:
        task = make_task(ports)
        self.rows(task, 0, 5, 1)
        seen: list[str] = []

        def note(*args: Any) -> None:
            seen.append(args[2])

        event.listen(db.engine, "before_cursor_execute", note)
        self.uses(task, 1)
        event.remove(db.engine, "before_cursor_execute", note)
        counting = next(statement for statement in seen if "runs" in statement)
        with db.engine.connect() as connection:
            plan = connection.exec_driver_sql(
                f"EXPLAIN QUERY PLAN {counting}", (1, 1, "2026-01-01", 2_000, 0)
            )
            steps = " / ".join(row[-1] for row in plan)
        assert "USING INDEX ix_runs_task_id_due_at (task_id=? AND due_at>?" in steps, steps
        assert "TEMP B-TREE" not in steps
