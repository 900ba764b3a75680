"""A running server does by itself what takes long, and goes on with it after it was killed."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing

from tests.server import Instance, wait_until

LEFT = 6_000
_LEFT_BEHIND = f"""
WITH RECURSIVE n (value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n WHERE value < {LEFT})
INSERT INTO runs (task_id, source, due_at, started_at, finished_at, status, attempts,
  maybe_double_billed, occurrences)
SELECT 7, 'manual', at, at, at, 'success', 1, 0, 1
FROM (SELECT datetime('now', -value || ' minutes') || '.000000' AS at FROM n)
"""


def test_what_a_deletion_left_behind_goes_and_old_texts_are_indexed(instance: Instance) -> None:
    file = instance.folder / "tasks.json"
    task = {"name": "kept", "api_endpoint": "http://127.0.0.1:9/v1", "model": "m", "enabled": False}
    task |= {"message_content": "x", "schedule_type": "manual"}
    file.write_text(json.dumps({"tasks": [task]}))
    done = instance.command("tasks", "import", str(file))
    assert done.returncode == 0, done.stderr
    with closing(sqlite3.connect(instance.database)) as base, base:  # foreign keys are off in it
        base.execute(_LEFT_BEHIND)
        kept = _LEFT_BEHIND.replace("SELECT 7", "SELECT 1").replace(f"< {LEFT}", "< 1")
        base.execute(kept.replace("-value", "-20000"))  # the oldest: no total is asked for it
        base.execute("INSERT INTO run_texts (run_id, response_text) SELECT max(id), 'w' FROM runs")
        base.execute(
            "UPDATE instance_state SET hours_counted = 0,"
            " unindexed_below = (SELECT max(id) + 1 FROM runs)"
        )

    def left() -> int:
        return int(instance.rows("SELECT count(*) AS n FROM runs WHERE task_id = 7")[0]["n"])

    server = instance.gunicorn()
    wait_until(lambda: left() < LEFT, 30, "the first of them to go", pause=0.02)
    server.kill()
    assert 0 < left() < LEFT, "killed in the middle"
    assert instance.command("rebuild-stats").stdout == "All totals were right.\n"
    instance.gunicorn()
    wait_until(lambda: not left(), 30, "the last of them to go")
    wait_until(
        lambda: not instance.rows("SELECT unindexed_below AS n FROM instance_state")[0]["n"],
        30,
        "the older texts to be indexed",
    )
    found = instance.rows("SELECT rowid AS n FROM run_search WHERE run_search MATCH 'w'")
    assert [row["n"] for row in found] == [LEFT + 1]
    hours = instance.rows("SELECT sum(due) AS n FROM hourly_totals")
    assert hours[0]["n"] == 1
