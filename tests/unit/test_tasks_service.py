"""Creating, changing, switching, copying and deleting tasks."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from cryptography.fernet import Fernet
from flask import Flask
from sqlalchemy import func, select

from autoai.domain.errors import Conflict, Invalid, KeyUnreadable, NotFound
from autoai.extensions import db
from autoai.models import Attempt, InstanceState, Run, RunText, Task
from autoai.security.encryption import Keyring
from autoai.services.connections import TASK_KEY
from autoai.services.instance import reencrypt_keys
from autoai.services.ports import Ports
from autoai.services.task_switches import set_enabled
from autoai.services.tasks import (
    count_runs,
    create_task,
    delete_task,
    duplicate_task,
    get_task,
    update_task,
)
from tests.factories import KEY, MASK, make_run, make_task, run_now, task_values
from tests.fakes import START, FakeClock
from tests.ticks import tick


def key_of(ports: Ports, task: Task) -> str | None:
    task = db.session.get_one(Task, task.id, populate_existing=True)
    if task.api_key_encrypted is None:
        return None
    return ports.keyring.decrypt(task.api_key_encrypted, task.secret_id, TASK_KEY)


def rows() -> list[tuple[str, datetime | None]]:
    found = db.session.execute(select(Run.status, Run.scheduled_for).order_by(Run.id)).all()
    db.session.commit()
    return [tuple(row) for row in found]


def cursor(task: Task) -> datetime | None:
    return db.session.scalar(select(Task.next_run_at).where(Task.id == task.id))


@pytest.fixture
def woken(in_app: Flask, ports: Ports) -> list[int]:
    """Grows by one with each call that reaches the scheduler; holds the revision at that time."""
    found: list[int] = []
    ports.wake = lambda: found.append(db.session.scalar(select(InstanceState.revision)) or 0)
    return found


class TestCreate:
    def test_defaults(self, in_app: Flask, ports: Ports) -> None:
        task = create_task(ports, task_values(timezone=None))
        assert (task.enabled, task.max_attempts, task.retry_network) == (True, 3, True)
        assert (task.retry_statuses, task.timeout_seconds, task.timezone) == ([], 30, "UTC")
        assert task.next_run_at == START + timedelta(seconds=60)
        assert task.api_key_encrypted is None and task.api_key_mask is None

    def test_an_interval_is_due_on_whole_seconds(
        self, in_app: Flask, ports: Ports, clock: FakeClock
    ) -> None:
        clock.step(0.7)
        assert make_task(ports, interval_seconds=1).next_run_at == START + timedelta(seconds=1)

    def test_a_disabled_task_has_no_cursor(self, in_app: Flask, ports: Ports) -> None:
        assert make_task(ports, enabled=False).next_run_at is None

    def test_the_key_is_stored_for_its_row_alone(self, in_app: Flask, ports: Ports) -> None:
        one, two = make_task(ports, api_key=f" {KEY}\n"), make_task(ports, api_key=KEY)
        assert key_of(ports, one) == key_of(ports, two) == KEY
        assert one.api_key_mask == MASK
        assert one.api_key_encrypted and KEY not in one.api_key_encrypted
        with pytest.raises(KeyUnreadable):
            ports.keyring.decrypt(one.api_key_encrypted, two.secret_id, TASK_KEY)

    def test_all_errors_at_once(self, in_app: Flask, ports: Ports) -> None:
        with pytest.raises(Invalid) as caught:
            create_task(ports, {"api_key": "two words", "max_attempts": 0})
        assert set(caught.value.errors) == {
            "name",
            "api_endpoint",
            "api_key",
            "model",
            "message_content",
            "max_attempts",
            "schedule_type",
        }
        assert db.session.scalar(select(func.count(Task.id))) == 0


def test_every_change_reaches_the_scheduler_after_its_commit(
    woken: list[int], ports: Ports
) -> None:
    task = make_task(ports)
    update_task(ports, task.id, {"name": "x"}, partial=True)
    set_enabled(ports, task.id, False)
    run_now(ports, task.id)
    delete_task(ports, task.id)
    assert len(woken) == 5
    assert woken == sorted(set(woken)), "each sees a revision of its own"


class TestUpdate:
    def test_what_was_due_is_written_by_the_old_rule(
        self, in_app: Flask, ports: Ports, clock: FakeClock
    ) -> None:
        task = make_task(ports, interval_seconds=60)
        clock.step(150)
        update_task(ports, task.id, {"interval_seconds": 7}, partial=True)
        minute = timedelta(seconds=60)
        assert rows() == [("missed", START + minute), ("queued", START + 2 * minute)]
        assert cursor(task) == clock.now() + timedelta(seconds=7)

    def test_another_text_does_not_move_the_rhythm(
        self, in_app: Flask, ports: Ports, clock: FakeClock
    ) -> None:
        task = make_task(ports, interval_seconds=60)
        clock.step(30)
        update_task(ports, task.id, {"message_content": "new"}, partial=True)
        assert cursor(task) == START + timedelta(seconds=60)

    def test_another_schedule(self, in_app: Flask, ports: Ports, clock: FakeClock) -> None:
        task = make_task(ports, interval_seconds=60)
        fixed = {"schedule_type": "fixed_time", "fixed_time": "12:00", "timezone": "Europe/Berlin"}
        update_task(ports, task.id, fixed, partial=True)
        assert cursor(task) == START + timedelta(hours=23), "12:00 in Berlin is 11:00 UTC"
        assert get_task(task.id).interval_seconds is None

    @pytest.mark.parametrize("given", [..., None, "", "  ", MASK])
    @pytest.mark.parametrize("partial", [True, False])
    def test_the_key_is_kept(self, in_app: Flask, ports: Ports, given: Any, partial: bool) -> None:
        task = make_task(ports, api_key=KEY)
        update_task(ports, task.id, task_values(api_key=given), partial=partial)
        assert key_of(ports, task) == KEY

    def test_a_new_key(self, in_app: Flask, ports: Ports) -> None:
        task = make_task(ports, api_key=KEY)
        update_task(ports, task.id, {"api_key": "sk-new-0123456789wxyz"}, partial=True)
        assert key_of(ports, task) == "sk-new-0123456789wxyz"
        assert get_task(task.id).api_key_mask == "sk-…wxyz"

    @pytest.mark.parametrize("given", ["sk-…zzzz", "…", "sk\nnew", "schlüssel", "a" * 1_001])
    def test_another_mask_is_no_key(self, in_app: Flask, ports: Ports, given: str) -> None:
        task = make_task(ports, api_key=KEY)
        with pytest.raises(Invalid) as caught:
            update_task(ports, task.id, {"api_key": given}, partial=True)
        assert set(caught.value.errors) == {"api_key"}
        assert key_of(ports, task) == KEY

    def test_put_takes_defaults_patch_keeps(self, in_app: Flask, ports: Ports) -> None:
        task = make_task(ports, max_attempts=7, system_message="Be brief.")
        update_task(ports, task.id, {"name": "new"}, partial=True)
        assert (get_task(task.id).max_attempts, get_task(task.id).name) == (7, "new")
        update_task(ports, task.id, task_values(), partial=False)
        assert get_task(task.id).max_attempts == 3
        assert get_task(task.id).system_message is None

    def test_an_invalid_change_changes_nothing(
        self, in_app: Flask, ports: Ports, clock: FakeClock
    ) -> None:
        task = make_task(ports)
        clock.step(90)
        with pytest.raises(Invalid):
            update_task(ports, task.id, {"name": "new", "interval_seconds": 0}, partial=True)
        db.session.rollback()
        assert get_task(task.id).name == "Morning news"
        assert rows() == []


class TestDuplicate:
    def test_a_copy_has_the_key_but_not_the_ciphertext(self, in_app: Flask, ports: Ports) -> None:
        task = make_task(ports, api_key=KEY, max_attempts=5)
        copy = duplicate_task(ports, task.id)
        assert (copy.name, copy.enabled, copy.max_attempts) == ("Morning news (copy)", False, 5)
        assert copy.next_run_at is None
        assert key_of(ports, copy) == KEY
        assert copy.api_key_encrypted != task.api_key_encrypted
        assert copy.secret_id != task.secret_id

    def test_a_long_name_still_fits(self, in_app: Flask, ports: Ports) -> None:
        task = make_task(ports, name="n" * 200)
        copy = duplicate_task(ports, task.id)
        assert len(copy.name) <= 200
        update_task(ports, copy.id, {"enabled": True}, partial=True)


def test_delete_takes_all_that_hangs_on_it(in_app: Flask, ports: Ports, clock: FakeClock) -> None:
    task, other = make_task(ports), make_task(ports, name="other")
    for of in (task, other):
        make_run(
            of,
            clock.now(),
            texts={"response_text": "x"},
            attempt_list=[{"number": 1, "started_at": clock.now(), "duration_ms": 1, "kind": "ok"}],
        )
    assert count_runs(task.id) == 1
    delete_task(ports, task.id)
    for table in (Task, Run, RunText, Attempt):
        assert db.session.scalar(select(func.count()).select_from(table)) == 1
    with pytest.raises(NotFound):
        delete_task(ports, task.id)


@pytest.mark.parametrize("task_id", [0, -1, 99, 2**63, 10**30])
def test_what_is_not_there(in_app: Flask, ports: Ports, task_id: int) -> None:
    for call in (
        lambda: get_task(task_id),
        lambda: run_now(ports, task_id),
        lambda: delete_task(ports, task_id),
        lambda: duplicate_task(ports, task_id),
        lambda: update_task(ports, task_id, {"name": "x"}, partial=True),
    ):
        with pytest.raises(NotFound):
            call()


class TestRunNow:
    def test_a_run_by_hand(self, in_app: Flask, ports: Ports, clock: FakeClock) -> None:
        task = make_task(ports, enabled=False)
        run = run_now(ports, task.id)
        assert (run.status, run.source, run.scheduled_for) == ("queued", "manual", None)
        clock.step(0.1)
        (outcome,) = tick(in_app)
        assert outcome.order.run_id == run.id
        task = db.session.get_one(Task, task.id, populate_existing=True)
        assert (task.last_status, task.last_run_at) == ("success", clock.now())

    def test_as_often_as_asked(self, in_app: Flask, ports: Ports) -> None:
        task = make_task(ports)
        assert len({run_now(ports, task.id).id for _ in range(3)}) == 3
        assert len(tick(in_app)) == 3


class TestAnotherEncryptionKey:
    @pytest.fixture
    def task(self, in_app: Flask, ports: Ports) -> Task:
        """A task with a key, and then the keyring of a start with the wrong ENCRYPTION_KEY."""
        made = make_task(ports, api_key=KEY)
        ports.keyring = Keyring([Fernet.generate_key().decode()])
        canary = db.session.get_one(InstanceState, 1).key_canary
        assert canary and not ports.keyring.check_canary(canary)
        return made

    def test_nothing_is_overwritten(self, task: Task, ports: Ports) -> None:
        before = task.api_key_encrypted
        with pytest.raises(Invalid) as caught:
            update_task(ports, task.id, {"api_key": "sk-new-0123456789"}, partial=True)
        assert "api_key" in caught.value.errors
        with pytest.raises(Conflict):
            duplicate_task(ports, task.id)
        with pytest.raises(KeyUnreadable):
            reencrypt_keys(ports)
        update_task(ports, task.id, {"name": "other fields can change"}, partial=True)
        stored = db.session.get_one(Task, task.id, populate_existing=True)
        assert stored.api_key_encrypted == before

    def test_the_run_says_why_and_sends_nothing(
        self, task: Task, in_app: Flask, clock: FakeClock
    ) -> None:
        clock.step(60)
        (outcome,) = tick(in_app)
        assert (outcome.status, outcome.reason) == ("failed", "key_unreadable")
        assert outcome.attempts == []

    def test_tasks_without_a_key_go_on(self, task: Task, in_app: Flask, ports: Ports) -> None:
        run_now(ports, make_task(ports, name="no key").id)
        assert [o.status for o in tick(in_app)] == ["success"]
