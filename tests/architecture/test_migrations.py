"""The schema: what the models say is what the migrations make, also for processes in a hurry."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from flask import Flask

from autoai import create_app
from autoai.startup import prepare
from tests.conftest import PASSWORD, make_settings
from tests.fakes import FakeClock

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
