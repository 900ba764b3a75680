"""The schema: what the models say is what the migrations make, also for processes in a hurry."""

from __future__ import annotations

import json
import os
import sqlite3
import stat
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select

from autoai import create_app
from autoai.extensions import db
from autoai.models import PromptVersion, Run, Task, UsageTotal
from autoai.runtime import runtime
from autoai.startup import prepare
from tests.conftest import PASSWORD, make_settings
from tests.factories import make_run, make_task, run_now
from tests.fakes import START, FakeClock, ScriptedProvider
from tests.ticks import tick

ROOT = Path(__file__).resolve().parents[2]
_START = """
import sys
from autoai import create_app
from autoai.settings import load_settings
from autoai.startup import prepare
app = create_app(load_settings(_env_file=None))
print("ready", flush=True)
sys.stdin.readline()
prepare(app)
"""


def tables(path: Path) -> dict[str, str]:
    with sqlite3.connect(path) as connection:
        rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")
        return dict(rows.fetchall())


def test_flask_db_check_finds_nothing(app: Flask) -> None:
    result = app.test_cli_runner().invoke(args=["db", "check"])
    assert result.exit_code == 0, result.output


def test_down_and_up_again(app: Flask) -> None:
    path = Path(app.instance_path, "autoai.db")
    before = tables(path)
    runner = app.test_cli_runner()
    assert runner.invoke(args=["db", "downgrade", "base"]).exit_code == 0
    assert set(tables(path)) <= {"alembic_version", "sqlite_sequence"}
    assert runner.invoke(args=["db", "upgrade"]).exit_code == 0
    assert tables(path) == before


def test_from_nothing(tmp_path: Path) -> None:
    settings = make_settings(tmp_path / "deep" / "instance")
    app = create_app(settings, FakeClock())
    prepare(app)
    prepare(app)
    assert {"tasks", "runs", "run_texts", "attempts", "users"} <= set(
        tables(settings.database_path)
    )
    with sqlite3.connect(settings.database_path) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("SELECT count(*) FROM users").fetchone() == (1,)
    for file in settings.instance_dir.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file.name


@pytest.mark.parametrize("count", [3])
def test_processes_that_start_at_once_do_not_collide(tmp_path: Path, count: int) -> None:
    environment = {
        **os.environ,
        "ADMIN_PASSWORD": PASSWORD,
        "INSTANCE_DIR": str(tmp_path),
        "PYTHONPATH": str(ROOT),
    }
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", _START],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(count)
    ]
    for process in processes:
        assert process.stdout and process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
        assert "Traceback" not in errors
    with sqlite3.connect(tmp_path / "autoai.db") as connection:
        for table in ("users", "instance_state", "alembic_version"):
            assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (1,)


def test_what_was_there_before_there_were_templates(app: Flask) -> None:
    """Braces are sent as they were, texts are version 1, and what was used is in the totals."""
    runner = app.test_cli_runner()
    with app.app_context():
        ports = runtime(app).ports
        plain = make_task(ports, name="Plain", message_content="Hello").id
        braces = make_task(ports, name="Braces", message_content="Hello").id
        make_run(
            db.session.get_one(Task, plain),
            START,
            input_tokens=10,
            output_tokens=5,
            cost=Decimal("0.25"),
        )
        db.session.remove()
    assert runner.invoke(args=["db", "downgrade", "0003"]).exit_code == 0
    said = [{"role": "user", "content": "{% or {{"}, {"role": "assistant", "content": "Yes."}]
    with sqlite3.connect(Path(app.instance_path, "autoai.db")) as connection:
        connection.execute(
            "UPDATE tasks SET message_content = ?, messages = ? WHERE id = ?",
            ("As {{ it }} is", json.dumps(said), braces),
        )
    result = runner.invoke(args=["db", "upgrade"])
    assert result.exit_code == 0, result.output
    with app.app_context():
        assert db.session.get_one(Task, plain).dynamic is False
        changed = db.session.get_one(Task, braces)
        assert changed.dynamic is True
        run_id = run_now(ports, braces).id
        versions = db.session.scalars(select(PromptVersion).where(PromptVersion.task_id == braces))
        assert [(v.number, v.message_content) for v in versions] == [(1, changed.message_content)]
        used = db.session.scalars(select(UsageTotal)).one()
        assert (used.task_id, used.runs, used.cost) == (plain, 1, Decimal("0.25"))
        assert (used.input_tokens, used.output_tokens, used.day) == (10, 5, START.date())
        db.session.remove()
    provider = ScriptedProvider()
    tick(app, provider)
    assert [message["content"] for message in provider.requests[0].messages] == [
        "{% or {{",
        "Yes.",
        "As {{ it }} is",
    ]
    with app.app_context():
        assert db.session.get_one(Run, run_id).status == "success"
