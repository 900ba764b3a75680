"""What the benches share: the upstream's process, tasks at known instants, and the yardstick."""

from __future__ import annotations

import json
import math
import os
import resource
import sqlite3
import statistics
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import requests

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.server import Instance, free_port, wait_until  # noqa: E402

KEY = "sk-bench-0123456789abcdef"
_TICKS = os.sysconf("SC_CLK_TCK")
_SOFT_LIMIT = 1024
"""Open files that a service gets by default; what is measured has to get along with that."""
_FORM = "%Y-%m-%d %H:%M:%S.%f"
_IDLE_EVERY = 100 * 86_400
_IDLE_FROM = 3_600


class Wire:
    """The upstream's process."""

    def __init__(self, port: int) -> None:
        self.root = f"http://127.0.0.1:{port}"
        self._session = requests.Session()
        self._session.trust_env = False

    @property
    def url(self) -> str:
        return f"{self.root}/v1/chat/completions"

    def clear(self) -> None:
        self._session.post(f"{self.root}/_control/clear", timeout=10)

    def seen(self) -> list[dict[str, Any]]:
        """The requests that arrived, oldest first."""
        found = self._session.get(f"{self.root}/_control/requests", timeout=30).json()
        return list(found["requests"])

    def lateness(self, firsts: Sequence[float], every: float, turns: range) -> list[float]:
        """Seconds from when each request was due to its arrival, of these turns.

        A request is `launch=NUMBER`, whose first instant is `firsts[NUMBER]`.
        """
        arrivals: dict[int, list[float]] = defaultdict(list)
        for request in self.seen():
            arrivals[int(request["launch"])].append(request["arrived"])
        return [
            at - (firsts[number] + turn * every)
            for number, instants in arrivals.items()
            for turn, at in enumerate(sorted(instants))
            if turn in turns
        ]


@contextmanager
def upstream() -> Iterator[Wire]:
    """Started, and ended again."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.upstream", "--port", str(port)],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
    )
    wire = Wire(port)
    try:
        wait_until(lambda: _answers(wire), 20, "the upstream")
        yield wire
    finally:
        process.kill()
        process.wait()


def _answers(wire: Wire) -> bool:
    try:
        wire.seen()
    except requests.RequestException:
        return False
    return True


def import_tasks(instance: Instance, wire: Wire, count: int, every: int, model: str) -> None:
    """`count` tasks that call `wire`, with the numbers from 0 as their launch."""
    tasks = [
        {
            "name": f"task {number}",
            "api_endpoint": wire.url,
            "api_key_env": "BENCH_KEY",
            "model": model,
            "message_content": f"launch={number}",
            "schedule_type": "interval",
            "interval_seconds": every,
            "timezone": "UTC",
            "max_attempts": 1,
        }
        for number in range(count)
    ]
    file = instance.folder / "tasks.json"
    file.write_text(json.dumps({"tasks": tasks}))
    done = instance.command("tasks", "import", str(file), BENCH_KEY=KEY)
    if done.returncode:
        raise SystemExit(done.stderr)


def set_due(database: Path, firsts: Sequence[float], every: float) -> None:
    """Nobody runs yet: the tasks 1, 2, … are due at these Unix times, and then as they are."""
    with opened(database) as connection:
        connection.executemany(
            "UPDATE tasks SET anchor_at = ?, next_run_at = ? WHERE id = ?",
            [
                (_stored(first - every), _stored(first), number)
                for number, first in enumerate(firsts, 1)
            ],
        )


def add_idle_tasks(database: Path, count: int) -> None:
    """Copies of the first task that are due in a long time, each at an instant of its own."""
    with opened(database) as connection:
        columns = [row[1] for row in connection.execute("PRAGMA table_info(tasks)")][1:]
        now = datetime.now(UTC)
        changed = {
            "name": "'idle ' || n.value",
            "secret_id": "lower(hex(randomblob(16)))",
            "api_key_encrypted": "NULL",
            "interval_seconds": str(_IDLE_EVERY),
            "anchor_at": f"'{_stored(now.timestamp())}'",
            "next_run_at": f"strftime('%Y-%m-%d %H:%M:%S', '{_stored(now.timestamp())}',"
            f" ({_IDLE_FROM} + n.value * 60) || ' seconds') || '.000000'",
        }
        chosen = ", ".join(changed.get(name, name) for name in columns)
        connection.execute(
            "WITH RECURSIVE n(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n"
            f" WHERE value < {int(count)}) INSERT INTO tasks ({', '.join(columns)})"
            f" SELECT {chosen} FROM tasks, n WHERE id = 1"
        )


@contextmanager
def opened(database: Path) -> Iterator[sqlite3.Connection]:
    """A connection that commits and is closed in the end."""
    connection = sqlite3.connect(database, timeout=10)
    try:
        with connection:
            yield connection
    finally:
        connection.close()


def _stored(instant: float) -> str:
    instant = round(instant, 3)  # so that sums of them come to the same microsecond
    return datetime.fromtimestamp(instant, UTC).replace(tzinfo=None).strftime(_FORM)


@contextmanager
def bare(
    wire: Wire,
    model: str,
    firsts: Sequence[float],
    every: int,
    turns: int,
    slots: int,
    idle: int = 0,
) -> Iterator[subprocess.Popen[str]]:
    """The yardstick's process: says a line once it has started, and one once all is over."""
    numbers = {"slots": slots, "every": every, "turns": turns, "idle": idle}
    options = [text for name, value in numbers.items() for text in (f"--{name}", str(value))]
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("bare.py")), wire.url, model, *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent"},
    )
    try:
        assert process.stdin
        process.stdin.write(json.dumps(list(firsts)))
        process.stdin.close()
        yield process
    finally:
        process.kill()
        process.wait()


def told(process: subprocess.Popen[str]) -> Any:
    """The next line of the yardstick."""
    assert process.stdout
    return json.loads(process.stdout.readline())


def cpu(pid: int) -> float:
    """Seconds that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def memory(pids: Sequence[int], what: str = "VmHWM") -> float:
    """Megabytes of these processes together: at their highest, or now with `VmRSS`."""
    total = 0
    for pid in pids:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(what + ":"):
                total += int(line.split()[1])
    return total / 1024


def quantile(values: Sequence[float], share: float) -> float:
    """The value that `share` of `values` do not exceed."""
    return sorted(values)[max(0, math.ceil(len(values) * share - 1e-9) - 1)]


def spread(values: Sequence[float]) -> tuple[float, float]:
    """The median and the 99th percentile, in milliseconds."""
    return statistics.median(values) * 1000, quantile(values, 0.99) * 1000


def limit_files() -> None:
    """As many open files as a service has."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(_SOFT_LIMIT, hard), hard))
