"""Tasks out to a file and in again, and the commands around it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from flask import Flask
from sqlalchemy import select

from autoai.domain.errors import Invalid
from autoai.extensions import db
from autoai.models import InstanceState, Task
from autoai.security.encryption import Keyring
from autoai.services.connections import TASK_KEY
from autoai.services.ports import Ports
from autoai.services.task_files import Imported, export_tasks, import_tasks
from autoai.services.users import find_token
from tests.factories import KEY, make_task, task_values


def document(*items: dict[str, Any]) -> dict[str, Any]:
    return {"version": 1, "tasks": list(items)}


def tasks() -> list[Task]:
    return list(db.session.scalars(select(Task).order_by(Task.id)))


class TestImport:
    def test_twice_is_once(self, in_app: Flask, ports: Ports) -> None:
        file = document(
            task_values(name="a", api_key_env="A_KEY"),
            task_values(name="b", interval_seconds=..., interval_minutes=5),
        )
        assert import_tasks(ports, file, {"A_KEY": KEY}) == Imported(created=2)
        before = [(t.id, t.updated_at, t.next_run_at) for t in tasks()]
        assert import_tasks(ports, file, {"A_KEY": KEY}) == Imported(unchanged=2)
        assert [(t.id, t.updated_at, t.next_run_at) for t in tasks()] == before

    def test_what_goes_out_comes_in_as_it_was(self, in_app: Flask, ports: Ports) -> None:
        make_task(ports, name="a", api_key=KEY, retry_statuses=[503, 429], enabled=False)
        make_task(
            ports, name="每天", schedule_type="fixed_time", fixed_time="09:00", interval_seconds=...
        )
        out = json.loads(json.dumps(export_tasks()))
        assert KEY not in json.dumps(out)
        assert import_tasks(ports, out, {}) == Imported(unchanged=2)
        assert [t.get("api_key_env") for t in out["tasks"]] == ["A_API_KEY", None]

    def test_no_two_keys_go_out_under_one_name(self, in_app: Flask, ports: Ports) -> None:
        for name in ("早报", "晚报", "My news", "my-news"):
            make_task(ports, name=name, api_key=KEY)
        names = [task["api_key_env"] for task in export_tasks()["tasks"]]
        assert sorted(names) == [
            "MY_NEWS_2_API_KEY",
            "MY_NEWS_API_KEY",
            "TASK_2_API_KEY",
            "TASK_API_KEY",
        ]

    def test_into_an_empty_instance(self, in_app: Flask, ports: Ports) -> None:
        file = document(task_values(api_key_env="NEWS_KEY"))
        import_tasks(ports, file, {"NEWS_KEY": f" {KEY}\n"})
        (task,) = tasks()
        assert task.api_key_encrypted
        assert ports.keyring.decrypt(task.api_key_encrypted, task.secret_id, TASK_KEY) == KEY

    def test_a_change_and_another_key(self, in_app: Flask, ports: Ports) -> None:
        import_tasks(ports, document(task_values(api_key_env="K")), {"K": KEY})
        changed = document(task_values(api_key_env="K", model="m-2"))
        assert import_tasks(ports, changed, {"K": KEY}) == Imported(updated=1)
        assert import_tasks(ports, changed, {"K": KEY + "x"}) == Imported(updated=1)
        assert import_tasks(ports, changed, {}) == Imported(unchanged=1), "the stored key stays"

    def test_a_stored_key_goes_to_no_other_host(self, in_app: Flask, ports: Ports) -> None:
        import_tasks(ports, document(task_values(api_key_env="K")), {"K": KEY})
        moved = document(
            task_values(name="new"), task_values(api_key_env="K", api_endpoint="https://b.test/v1")
        )
        with pytest.raises(Invalid, match="api_key_env"):
            import_tasks(ports, moved, {})
        assert len(tasks()) == 1, "all of the file is checked before anything is stored"
        assert import_tasks(ports, moved, {"K": KEY}) == Imported(created=1, updated=1)

    @pytest.mark.parametrize(
        ("bad", "complaint"),
        [
            (task_values(name="b", model=""), "model"),
            (task_values(name="b", api_key=KEY), "api_key"),
            (task_values(name="b", api_key_env="MISSING"), "api_key_env"),
            (task_values(name="b", api_key_env="BAD"), "api_key"),
            (task_values(name="b", nonsense=1), "nonsense"),
            (task_values(name=5), "name"),
            (task_values(name="b", timezone=["UTC"]), "timezone"),
            (task_values(name="b", timezone={"a": 1}), "timezone"),
            (task_values(name="b", schedule_type={}), "schedule_type"),
            (task_values(name="b", interval_seconds="60"), "interval_seconds"),
            (task_values(name="b", retry_statuses=[[429]]), "retry_statuses"),
            (task_values(name="b", retry_statuses=[429.0]), "retry_statuses"),
            (task_values(name="b", retry_statuses={"429": 1}), "retry_statuses"),
            (task_values(name="b", enabled="yes"), "enabled"),
            (task_values(name=" a "), "name"),
            (task_values(name="a"), "name"),
        ],
    )
    def test_one_bad_task_and_nothing_is_imported(
        self, in_app: Flask, ports: Ports, bad: dict[str, Any], complaint: str
    ) -> None:
        file = document(task_values(name="a"), bad)
        with pytest.raises(Invalid, match=complaint):
            import_tasks(ports, file, {"BAD": "two words"})
        assert tasks() == []

    @pytest.mark.parametrize("file", [None, 5, "x", {}, {"tasks": {}}, {"tasks": [1]}, [None]])
    def test_no_list_of_tasks(self, in_app: Flask, ports: Ports, file: Any) -> None:
        with pytest.raises(Invalid):
            import_tasks(ports, file, {})

    def test_with_the_wrong_encryption_key_nothing_is_imported(
        self, in_app: Flask, ports: Ports
    ) -> None:
        canary = db.session.get_one(InstanceState, 1).key_canary
        ports.keyring = Keyring([Fernet.generate_key().decode()])
        ports.keyring.check_canary(canary or "")
        file = document(task_values(name="a"), task_values(name="b", api_key_env="K"))
        with pytest.raises(Invalid):
            import_tasks(ports, file, {"K": KEY})
        assert tasks() == []

    def test_two_stored_tasks_of_one_name(self, in_app: Flask, ports: Ports) -> None:
        make_task(ports, name="a"), make_task(ports, name="a")
        with pytest.raises(Invalid, match="rename"):
            import_tasks(ports, document(task_values(name="a", model="m-2")), {})


class TestCommands:
    def test_token_create_prints_the_token_alone(self, app: Flask) -> None:
        result = app.test_cli_runner().invoke(args=["token", "create", "my script"])
        assert result.exit_code == 0, result.output
        (token,) = result.stdout.splitlines()
        with app.app_context():
            found = find_token(token)
            assert found is not None and found.name == "my script"

    def test_export_and_import(
        self, app: Flask, ports: Ports, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        file = tmp_path / "tasks.json"
        file.write_text(json.dumps(document(task_values(name="每天", api_key_env="MY_KEY"))))
        monkeypatch.setenv("MY_KEY", KEY)
        runner = app.test_cli_runner()
        first = runner.invoke(args=["tasks", "import", str(file)])
        again = runner.invoke(args=["tasks", "import", str(file)])
        assert first.stdout == "1 created, 0 updated, 0 unchanged.\n"
        assert again.stdout == "0 created, 0 updated, 1 unchanged.\n"
        out = runner.invoke(args=["tasks", "export"])
        assert out.exit_code == 0
        assert json.loads(out.stdout)["tasks"][0]["name"] == "每天"
        assert KEY not in out.output

    @pytest.mark.parametrize(
        ("text", "complaint"),
        [
            ("{", "is not JSON"),
            ("[" * 100_000, "is not JSON"),
            ("[5]", "must be"),
            (json.dumps(document(task_values(model=""))), 'tasks[0] "Morning news": model'),
        ],
    )
    def test_a_bad_file_is_a_line_and_an_exit_code(
        self, app: Flask, tmp_path: Path, text: str, complaint: str
    ) -> None:
        file = tmp_path / "tasks.json"
        file.write_text(text)
        result = app.test_cli_runner().invoke(args=["tasks", "import", str(file)])
        assert result.exit_code == 1
        assert result.stdout == ""
        assert complaint in result.stderr
        assert "Traceback" not in result.output

    def test_a_file_in_another_encoding(self, app: Flask, tmp_path: Path) -> None:
        file = tmp_path / "tasks.json"
        file.write_bytes('{"tasks": [{"name": "Frühstück"}]}'.encode("latin-1"))
        result = app.test_cli_runner().invoke(args=["tasks", "import", str(file)])
        assert result.exit_code == 1
        assert "is not JSON" in result.stderr

    def test_keys_rotate(self, app: Flask, ports: Ports) -> None:
        with app.app_context():
            make_task(ports, api_key=KEY)
        old = Path(app.instance_path, "encryption.key").read_text().strip()
        new = Fernet.generate_key().decode()
        ports.keyring = Keyring([new, old])
        result = app.test_cli_runner().invoke(args=["keys", "rotate"])
        assert result.exit_code == 0, result.output
        with app.app_context():
            (task,) = tasks()
            assert task.api_key_encrypted
            alone = Keyring([new])
            assert alone.decrypt(task.api_key_encrypted, task.secret_id, TASK_KEY) == KEY
            assert alone.check_canary(db.session.get_one(InstanceState, 1).key_canary or "")
