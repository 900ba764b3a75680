"""What is asked: pages, parts and lists, each with the best SQL for the same rows beside it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from texts import COMMON, COMMON_CHINESE, RARE, RARE_CHINESE

Sql = tuple[str, ...]
"""Statements without parameters."""
PER_PAGE = 20


@dataclass(frozen=True)
class Aim:
    """Milliseconds of server time."""

    p50: float
    p99: float


LOG, DASHBOARD, SEARCH = Aim(5, 15), Aim(15, 15), Aim(40, 40)


@dataclass(frozen=True)
class Probe:
    """One address."""

    name: str
    path: str
    sql: Sql = ()
    aim: Aim | None = None
    part: bool = False
    """Asked for as htmx asks."""
    shared: bool = False
    """Asked for as often as if many did at once."""
    forgotten: bool = False
    """Each time as if nothing of it had been written before."""


@dataclass(frozen=True)
class Filter:
    """A filter of the log: as the address has it, and as SQL. Of the conditions, the first has the
    index; those after it begin with a plus, so that none of them is taken instead."""

    query: str
    where: str
    depth: int = 0
    """Also asked for at this page, both ways."""


def filters(now: datetime) -> list[Filter]:
    """Each alone, and combinations; some find nothing at all."""
    week = (now - timedelta(days=7)).date()
    since = f"due_at >= '{week} 00:00:00.000000'"
    took = "(julianday(finished_at) - julianday(started_at)) * 86400000"
    tagged = "task_id IN (SELECT task_id FROM task_tags WHERE tag = '{}')"
    unscheduled = "source <> 'schedule' AND source = '{}'"
    few = "(SELECT task_id FROM task_tags WHERE tag = 'lab')"
    return [
        Filter("", "1", 100_000),
        Filter("status=failed", "status = 'failed'", 10_000),
        Filter("status=success", "status = 'success'", 100_000),
        Filter("status=failed,missed,expired", "status IN ('failed', 'missed', 'expired')", 1_000),
        Filter("verdict=ok", "verdict = 'ok'", 100),
        Filter("verdict=degraded", "verdict = 'degraded'", 10_000),
        Filter("changed=true", "changed", 100),
        Filter("changed=false", "+changed = 0", 100),
        Filter("reason=timeout", "reason = 'timeout'", 1_000),
        Filter("reason=tls", "reason = 'tls'"),
        Filter("source=manual", unscheduled.format("manual"), 1_000),
        Filter("source=schedule", "+source = 'schedule'", 100_000),
        Filter("task_id=1", "task_id = 1", 5_000),
        Filter("task_id=200", "task_id = 200"),
        Filter("tag=lab", tagged.format("lab")),
        Filter("tag=news", "+" + tagged.format("news"), 100),
        Filter("account_id=1", "account_id = 1", 10_000),
        Filter("model=rare-model", "model = 'rare-model'"),
        Filter("model=small-1", "model = 'small-1'", 10_000),
        Filter("min_duration_ms=10000", f"{took} >= 9999 AND {took} >= 9999.5", 1_000),
        Filter("min_duration_ms=60000", f"{took} >= 59999 AND {took} >= 59999.5", 100),
        Filter("min_duration_ms=3000", f"{took} >= 2999.5", 100),
        Filter("max_duration_ms=450", f"{took} < 450.5", 100),
        Filter("min_cost=0.01", "cost >= 10000000000", 1_000),
        Filter("min_cost=1", "cost >= 1000000000000"),
        Filter("max_cost=0.001", "+cost <= 1000000000", 100),
        Filter(f"from={week}", since, 10_000),
        Filter("task_id=1&status=failed", "task_id = 1 AND +status = 'failed'", 100),
        Filter(
            f"account_id=1&status=failed&from={week}",
            f"status = 'failed' AND {since} AND +account_id = 1",
            10,
        ),
        Filter("model=large-1&reason=auth", "reason = 'auth' AND +model = 'large-1'", 10),
        Filter(
            "tag=news&verdict=degraded", "verdict = 'degraded' AND +" + tagged.format("news"), 100
        ),
        Filter(
            "status=failed&min_duration_ms=10000", f"status = 'failed' AND {took} >= 9999.5", 10
        ),
        Filter("changed=true&task_id=3", "task_id = 3 AND +changed", 10),
        Filter(
            "source=manual&status=failed", unscheduled.format("manual") + " AND +status = 'failed'"
        ),
        Filter("status=success&reason=tls", "reason = 'tls' AND +status = 'success'"),
        Filter("account_id=1&model=rare-model", "model = 'rare-model' AND +account_id = 1"),
        Filter(
            "status=interrupted&min_cost=1", "cost >= 1000000000000 AND +status = 'interrupted'"
        ),
        Filter("status=failed&verdict=ok", "status = 'failed' AND +verdict = 'ok'"),
        Filter(
            "status=success&model=small-1&account_id=2",
            "model = 'small-1' AND +account_id = 2 AND +status = 'success'",
        ),
        Filter("tag=lab&status=failed", f"task_id IN {few} AND +status = 'failed'"),
        Filter("source=schedule&max_cost=0.00001", "+cost <= 10000000 AND +source = 'schedule'"),
    ]


def log_probes(database: sqlite3.Connection, now: datetime) -> Iterator[Probe]:
    """The log under every filter: its first page, and pages far away."""
    for found in filters(now):
        path = f"/logs?{found.query}"
        yield Probe(f"log {found.query or 'of all'}", path, _page(found.where) + _count(found), LOG)
        if not found.depth:
            continue
        place = _place(database, found.where, found.depth * PER_PAGE)
        if place is None:
            continue
        micros, run_id, due_at = place
        for way, sign in (("before", "<"), ("after", ">")):
            beyond = (
                f"(due_at {sign}= '{due_at}' AND (due_at {sign} '{due_at}' OR id {sign} {run_id}))"
            )
            yield Probe(
                f"  page {found.depth:,}, {'older' if sign == '<' else 'newer'}",
                f"{path}&{way}={micros}.{run_id}",
                _page(f"{found.where} AND {beyond}", sign) + _count(found),
                LOG,
            )


def search_probes() -> Iterator[Probe]:
    """Full-text search, alone and under a filter."""
    pair = f'"{COMMON_CHINESE}"'
    for name, typed, match in (
        ("a rare word", RARE, RARE),
        ("a common word", COMMON, COMMON),
        ("two Chinese characters", COMMON_CHINESE, pair),
        ("two rare ones", RARE_CHINESE, f'"{RARE_CHINESE}"'),
        ("two common words", f"{COMMON} market", f"{COMMON} market"),
        ("a phrase", '"of the market"', '"of the market"'),
        ("nothing", "zzyzzyva", "zzyzzyva"),
    ):
        sql = (
            "SELECT r.*, t.name FROM run_search s JOIN runs r ON r.id = s.rowid JOIN tasks t ON"
            f" t.id = r.task_id WHERE run_search MATCH '{match}' ORDER BY s.rowid DESC LIMIT 21",
            "SELECT count(*) FROM (SELECT 1 FROM run_search WHERE run_search"
            f" MATCH '{match}' LIMIT 1001)",
        )
        probe = Probe(f"search for {name}", f"/logs?q={quote(typed)}", sql, SEARCH)
        yield probe
        if typed in (RARE, COMMON, COMMON_CHINESE):
            for more in ("status=failed", "task_id=1", "task_id=200", "verdict=degraded"):
                yield replace(probe, name=f"  and {more}", path=f"{probe.path}&{more}", sql=())


BESIDE = (
    "status=failed",
    "status=failed&min_duration_ms=10000",
    "source=schedule&max_cost=0.00001",
    "status=failed&verdict=ok",
    f"q={COMMON}",
)
"""Filters that a run's neighbours are looked for under: common, rare, by no index, none, by words."""


def page_probes(database: sqlite3.Connection) -> Iterator[Probe]:
    """Everything but the log."""
    newest = "SELECT id FROM run_texts ORDER BY run_id DESC LIMIT 1".replace("id F", "run_id F")
    success = database.execute(
        f"SELECT id FROM runs WHERE status = 'success' AND id <= ({newest}) ORDER BY id DESC LIMIT 1"
    ).fetchone()[0]
    failed = database.execute(
        "SELECT id FROM runs WHERE status = 'failed' ORDER BY due_at DESC LIMIT 1"
    ).fetchone()[0]
    one = (
        "SELECT * FROM runs r JOIN tasks t ON t.id = r.task_id LEFT JOIN run_texts x"
        f" ON x.run_id = r.id WHERE r.id = {success}",
        f"SELECT * FROM attempts WHERE run_id = {success}",
    )
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    figures = (
        f"SELECT status, sum(due), sum(started) FROM hourly_totals WHERE hour >= '{today}' GROUP BY 1",
        "SELECT measure, bucket, sum(runs) FROM hourly_timings"
        f" WHERE hour >= '{today}' GROUP BY 1, 2",
        "SELECT sum(input_tokens), sum(output_tokens), sum(cost) FROM daily_totals"
        f" WHERE day = '{today}'",
        "SELECT count(*) FROM tasks",
    )
    month = (
        "SELECT day, status, sum(occurrences), sum(degraded) FROM daily_totals"
        " WHERE day > date('now', '-30 days') GROUP BY 1, 2",
    )
    used = (
        "SELECT day, sum(input_tokens), sum(output_tokens), sum(cost) FROM usage_totals"
        " WHERE day > date('now', '-30 days') GROUP BY 1",
    )
    tasks = ("SELECT * FROM tasks ORDER BY lower(name) LIMIT 21",)
    yield Probe("dashboard", "/", figures + month, DASHBOARD)
    yield Probe("dashboard, while many ask", "/", aim=DASHBOARD, shared=True)
    yield Probe("dashboard, its live part", "/", figures + month, DASHBOARD, part=True)
    yield Probe("dashboard, nothing kept", "/", figures + month, DASHBOARD, forgotten=True)
    yield Probe("log, nothing kept", "/logs", _page("1"), LOG, forgotten=True)
    yield Probe("tasks", "/tasks", tasks)
    yield Probe("tasks, page 10", "/tasks?page=10", tasks)
    yield Probe("tasks, searched", "/tasks?q=news", tasks)
    yield Probe("task", "/tasks/1", ("SELECT * FROM tasks WHERE id = 1",))
    yield Probe("log of a task", "/tasks/1/logs", _page("task_id = 1"), LOG)
    yield Probe("task form", "/tasks/1/edit", ("SELECT * FROM tasks WHERE id = 1",))
    yield Probe("versions of its texts", "/tasks/1/prompts")
    yield Probe("run, a success", f"/logs/{success}", one)
    yield Probe("run, a failure", f"/logs/{failed}", one)
    yield Probe("run, its part", f"/logs/{success}", one, part=True)
    for query in BESIDE:
        yield Probe(f"run, among {query}", f"/logs/{success}?{query}", one)
    yield Probe("usage", "/usage", used)
    yield Probe("accounts", "/accounts", ("SELECT * FROM accounts ORDER BY lower(name)",))
    yield Probe("health", "/health")
    yield Probe("settings", "/settings")
    yield Probe("API: runs", "/api/logs?limit=50", _page("1"))
    yield Probe("API: failed runs", "/api/logs?limit=50&status=failed", _page("status = 'failed'"))
    yield Probe("API: tasks", "/api/tasks?limit=50", ("SELECT * FROM tasks ORDER BY id LIMIT 51",))
    yield Probe("API: figures", "/api/dashboard/stats", figures, DASHBOARD)
    yield Probe("API: performance", "/api/dashboard/performance", month, DASHBOARD)
    yield Probe("API: usage", "/api/usage", used)


def _page(where: str, sign: str = "<") -> Sql:
    order = "DESC" if sign == "<" else "ASC"
    ids = f"SELECT id FROM runs WHERE {where} ORDER BY due_at {order}, id {order} LIMIT 21"
    return (
        f"SELECT r.*, t.name FROM ({ids}) i JOIN runs r ON r.id = i.id"
        " JOIN tasks t ON t.id = r.task_id",
    )


def _count(found: Filter) -> Sql:
    if found.query == "":
        return ("SELECT status, due, due_degraded FROM status_totals",)
    return (f"SELECT count(*) FROM (SELECT 1 FROM runs WHERE {found.where} LIMIT 1001)",)


def _place(database: sqlite3.Connection, where: str, offset: int) -> tuple[int, int, str] | None:
    row = database.execute(
        "SELECT CAST(round((julianday(due_at) - 2440587.5) * 86400000) AS INTEGER) * 1000, id, due_at"
        f" FROM runs WHERE {where} ORDER BY due_at DESC, id DESC LIMIT 1 OFFSET {offset}"
    ).fetchone()
    return tuple(row) if row else None
