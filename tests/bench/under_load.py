"""The same ledger behind the real server, while 50 runs a second are written and people look."""

from __future__ import annotations

import json
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import requests
from ledger import open_app
from measuring import Wire, _stored, import_tasks, limit_files, opened, quantile, spread, upstream

from autoai.extensions import db
from autoai.runtime import runtime
from autoai.services.leftovers import remove_leftovers
from autoai.services.tasks import delete_task
from tests.server import PASSWORD, Instance, Process

RUNS_A_SECOND = 50
_TOKEN = re.compile(r'name="csrf[-_]token"[^>]*?(?:content|value)="([^"]+)"')
_SECONDS = 15
_LEAD = 8.0


def measure_load(folder: Path, paths: Sequence[str]) -> None:
    """Lateness of the runs alone, beside people who look at everything, and beside 50 dashboards a
    second; and what the pages take meanwhile."""
    limit_files()
    with upstream() as wire, Instance(folder, MAX_CONCURRENT_RUNS="200") as instance:
        _rest(instance.database)
        ids = _tasks(instance, wire)
        server = instance.gunicorn()
        try:
            cookie = _log_in(server)
            print(f"\n{RUNS_A_SECOND} runs a second, {_SECONDS} s each")
            print(f"{'milliseconds':<44}{'lateness p50':>13}{'p99':>7}{'pages p50':>11}{'p99':>7}")
            for name, rate, asked in (
                ("nobody looks", 0.0, ["/"]),
                ("10 pages a second, of all kinds", 10.0, list(paths)),
                ("50 dashboards a second", 50.0, ["/"]),
            ):
                lateness, seen = _take(instance.database, ids, wire, server, cookie, rate, asked)
                _tell(name, lateness, seen)
        finally:
            server.terminate()
            _forget(folder, ids)


def _take(
    database: Path,
    ids: Sequence[int],
    wire: Wire,
    server: Process,
    cookie: str,
    rate: float,
    paths: Sequence[str],
) -> tuple[list[float], dict[str, list[float]]]:
    wire.clear()
    due = float(int(time.time() + _LEAD))
    firsts = [due + number / RUNS_A_SECOND for number in range(RUNS_A_SECOND)]
    _set_due(database, ids, firsts)
    time.sleep(max(0.0, due - time.time()))
    seen: dict[str, list[float]] = {}
    if rate:
        done = subprocess.run(
            [
                sys.executable,
                str(Path(__file__).with_name("visitors.py")),
                *(server.base, cookie, str(rate), str(_SECONDS), *paths),
            ],
            capture_output=True,
            text=True,
            check=True,
        )
        told: dict[str, Any] = json.loads(done.stdout)
        assert not any(told["bad"].values()), told["bad"]
        seen = told["took"]
    time.sleep(max(0.0, due + _SECONDS + 2 - time.time()))
    _rest_tasks(database, ids)
    return wire.lateness(firsts, 1, range(1, _SECONDS)), seen


def _tell(name: str, lateness: list[float], seen: dict[str, list[float]]) -> None:
    p50, p99 = spread(lateness)
    every = [took for times in seen.values() for took in times]
    pages = "{:>11.1f}{:>7.1f}".format(*spread(every)) if every else ""
    print(f"{name:<44}{p50:>13.1f}{p99:>7.1f}{pages}", flush=True)
    slow = sorted(seen.items(), key=lambda item: -statistics.median(item[1]))[:5]
    for path, times in slow if len(seen) > 1 else ():
        print(
            f"    {statistics.median(times) * 1000:>8.1f} {quantile(times, 0.99) * 1000:.1f} {path}"
        )


def _tasks(instance: Instance, wire: Wire) -> list[int]:
    """Fifty that are due every second; they wait until their turn comes."""
    import_tasks(instance, wire, RUNS_A_SECOND, 1, "ok")
    with opened(instance.database) as database:
        found = database.execute(
            "SELECT id FROM tasks WHERE message_content LIKE 'launch=%'"
            " ORDER BY CAST(substr(message_content, 8) AS INTEGER)"
        )
        ids = [row[0] for row in found]
    _rest_tasks(instance.database, ids)
    return ids


def _set_due(database: Path, ids: Sequence[int], firsts: Sequence[float]) -> None:
    with opened(database) as connection:
        connection.executemany(
            "UPDATE tasks SET enabled = 1, anchor_at = ?, next_run_at = ? WHERE id = ?",
            [
                (_stored(first - 1), _stored(first), task_id)
                for task_id, first in zip(ids, firsts, strict=True)
            ],
        )
        connection.execute("UPDATE instance_state SET revision = revision + 1")


def _rest_tasks(database: Path, ids: Sequence[int]) -> None:
    with opened(database) as connection:
        connection.executemany(
            "UPDATE tasks SET next_run_at = ? WHERE id = ?",
            [(_stored(time.time() + 86_400), task_id) for task_id in ids],
        )


def _rest(database: Path) -> None:
    """The ledger's own tasks are due later: they call nobody."""
    with opened(database) as connection:
        connection.execute(
            "UPDATE tasks SET next_run_at = ? WHERE next_run_at IS NOT NULL",
            (_stored(time.time() + 7_200),),
        )
        connection.execute("UPDATE instance_state SET last_tick_at = ?", (_stored(time.time()),))


def _forget(folder: Path, ids: Sequence[int]) -> None:
    """The tasks of the load go with their runs: whoever measures in this ledger again finds it as it
    was."""
    app = open_app(folder)
    with app.app_context():
        here = runtime()
        for task_id in ids:
            delete_task(here.ports, task_id)
            db.session.remove()
        while remove_leftovers(here.settings.zone):
            db.session.remove()


def _log_in(server: Process) -> str:
    """The cookie of a session."""
    with requests.Session() as session:
        session.trust_env = False
        page = session.get(f"{server.base}/login", timeout=30)
        token = _TOKEN.search(page.text)
        assert token is not None
        data = {"password": PASSWORD, "csrf_token": token[1]}
        session.post(f"{server.base}/login", data=data, timeout=30).raise_for_status()
        return "; ".join(f"{name}={value}" for name, value in session.cookies.items())
