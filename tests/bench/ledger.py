"""A ledger of millions of runs, in a database that the app's own migrations made.

What the rows say is invented by SQL, a day at a time, from a table in memory that also gives the
totals: they equal the rows. Indexes are dropped before and made after, by the definitions that the
migrations left in the database.
"""

from __future__ import annotations

import json
import sqlite3
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from math import ceil
from pathlib import Path

from flask import Flask

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from texts import RARE, RARE_CHINESE, Texts  # noqa: E402

from autoai import create_app  # noqa: E402
from autoai.domain.percentiles import bucket_of  # noqa: E402
from autoai.domain.search import index_words  # noqa: E402
from autoai.extensions import db  # noqa: E402
from autoai.runtime import runtime  # noqa: E402
from autoai.settings import load_settings  # noqa: E402
from autoai.startup import prepare  # noqa: E402
from tests.factories import make_account, make_task  # noqa: E402
from tests.server import PASSWORD  # noqa: E402

TASKS, DAYS = 200, 90
TEXT_SHARE = 0.1
"""Of the runs have kept their texts: the newest, as text retention leaves them."""
_DAY_MS = 86_400_000
_EVERY = [(60, 1), (20, 2), (20, 5), (30, 15), (40, 60), (30, 1440)]
"""So many tasks run once in so many minutes."""
_MODELS = ["small-1", "small-2", "large-1", "large-2", "thinker-1", "vision-1"]
_TAGS = ["nightly", "news", "clients", "lab"]


@dataclass(frozen=True)
class Made:
    """The file, and what it took."""

    folder: Path
    runs: int
    texts: int
    seconds: float

    @property
    def database(self) -> Path:
        return self.folder / "instance" / "autoai.db"


def open_app(folder: Path) -> Flask:
    """The app on the database in `folder`, brought up to date; nothing runs."""
    settings = load_settings(
        _env_file=None,
        admin_password=PASSWORD,
        instance_dir=folder / "instance",
        timezone="UTC",
        log_level="ERROR",
    )
    app = create_app(settings)
    prepare(app)
    return app


def make_ledger(folder: Path, runs: int, say: Callable[[str], None] = print) -> Made:
    """About `runs` runs of the last 90 days, up to now, in a new instance in `folder`."""
    begun = time.perf_counter()
    app = open_app(folder)
    _make_tasks(app)
    path = runtime(app).settings.database_path
    with app.app_context():
        db.session.remove()
        db.engine.dispose()
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        made = _Loader(connection, runs, say).load()
    finally:
        connection.close()
    return Made(folder, *made, time.perf_counter() - begun)


def _make_tasks(app: Flask) -> None:
    """Through the services: accounts, tasks with tags, and when each is due next."""
    minutes = [every for count, every in _EVERY for _ in range(count)]
    with app.app_context():
        ports = runtime(app).ports
        accounts = [make_account(ports, name=f"Account {n}").id for n in range(5)]
        for number, every in enumerate(minutes):
            own = number % 5 == 4
            make_task(
                ports,
                name=f"{['Weather', 'News', 'Prices', 'Digest', '摘要'][number % 5]} {number}",
                api_endpoint="http://127.0.0.1:9/v1" if own else ...,
                account_id=... if own else accounts[number % 5],
                model="rare-model" if number == TASKS - 1 else _MODELS[number % len(_MODELS)],
                interval_seconds=every * 60,
                tags=[_TAGS[number % 3], *(["lab"] if number > TASKS - 3 else [])],
            )


# The columns of what is thought up first, in memory: four random numbers for each run.
_RAW = """
CREATE TABLE temp.raw AS
WITH RECURSIVE unit(n) AS (SELECT :first UNION ALL SELECT n + 1 FROM unit WHERE n + 1 < :last)
SELECT t.id AS task, :begin + unit.n * :unit / 1000 * 1000 AS due, unit.n * 1009 + t.id AS seed
FROM unit CROSS JOIN bench_tasks t WHERE unit.n % t.every = t.id % t.every
"""
_MIX = "((seed * {0}) & 4294967295) >> 8"
_ROLL = f"""
CREATE TABLE temp.rolled AS SELECT rowid + :ids AS id, task, due,
{_MIX.format(2654435761)} AS a, {_MIX.format(2246822519)} AS b,
{_MIX.format(3266489917)} AS c, {_MIX.format(668265263)} AS d FROM temp.raw
"""
_STATUS = """
CREATE TABLE temp.ended AS SELECT r.*, t.account, t.model, t.dear, t.watched,
CASE WHEN a % 1000 < 930 - t.fails THEN 'success' WHEN a % 1000 < 970 THEN 'failed'
  WHEN a % 1000 < 985 THEN 'skipped' WHEN a % 1000 < 993 THEN 'missed'
  WHEN a % 1000 < 996 THEN 'expired' WHEN a % 1000 < 998 THEN 'cancelled' ELSE 'interrupted'
END AS status,
CASE WHEN b % 100 < 97 THEN 'schedule' WHEN b % 100 = 97 THEN 'catch_up'
  WHEN b % 100 = 98 THEN 'manual' ELSE 'retry' END AS source,
4 + c % 40 + (c % 1000 = 0) * (c % 3000) AS late,
CASE WHEN d % 1000 < 950 THEN 400 + b % 8000 WHEN d % 1000 < 998 THEN 8000 + b % 30000
  ELSE 30000 + b % 90000 END AS took,
80 + b % 1200 AS tin, (40 + c % 900) * (1 + 39 * (d % 2000 = 0)) AS tout
FROM temp.rolled r JOIN bench_tasks t ON t.id = r.task
"""
_MADE = """
CREATE TABLE temp.made AS SELECT *,
status IN ('success', 'failed', 'interrupted') AS started,
CASE status
  WHEN 'failed' THEN CASE WHEN b % 40009 = 7 THEN 'tls' WHEN b % 100 < 35 THEN 'timeout'
    WHEN b % 100 < 60 THEN 'rate_limited' WHEN b % 100 < 85 THEN 'server_error'
    WHEN b % 100 < 97 THEN 'connection_lost' ELSE 'auth' END
  WHEN 'skipped' THEN CASE WHEN b % 3 THEN 'overlap' ELSE 'budget' END
  WHEN 'missed' THEN 'downtime' WHEN 'expired' THEN 'rate_limited' WHEN 'cancelled' THEN 'cancelled'
  WHEN 'interrupted' THEN 'process_died'
  ELSE CASE WHEN d % 33 = 0 THEN 'truncated' END END AS reason,
CASE WHEN status = 'success' THEN CASE WHEN d % 33 = 0 THEN 'degraded' ELSE 'ok' END END AS verdict,
CASE WHEN status = 'success' THEN tin END AS input_tokens,
CASE WHEN status = 'success' THEN tout END AS output_tokens,
CASE WHEN status = 'success' AND dear THEN (tin * 2500000 + tout * 10000000) * dear END AS cost
FROM temp.ended
"""
_AT = "strftime('%Y-%m-%d %H:%M:%S', ({0}) / 1000, 'unixepoch') || printf('.%03d000', ({0}) % 1000)"
_RUNS = f"""
INSERT INTO runs (id, task_id, source, scheduled_for, due_at, queued_at, started_at, finished_at,
  status, reason, verdict, owner, account_id, attempts, maybe_double_billed, model, model_answered,
  http_status, finish_reason, response_summary, error_summary, input_tokens, output_tokens, cost,
  price, spending_day, prompt_version, changed, occurrences)
SELECT m.id, task, source, CASE WHEN source = 'schedule' THEN {_AT.format("due")} END,
  {_AT.format("due")}, {_AT.format("due + 3")}, CASE WHEN started THEN {_AT.format("due + late")} END,
  {_AT.format("due + CASE WHEN started THEN late + took ELSE 5 END")},
  status, reason, verdict, CASE WHEN started THEN 'bench' END, account, started, 0, model,
  CASE WHEN status = 'success' THEN model END,
  CASE status WHEN 'success' THEN 200 WHEN 'failed' THEN 500 END,
  CASE status WHEN 'success' THEN 'stop' END, CASE status WHEN 'success' THEN p.summary END,
  CASE status WHEN 'failed' THEN 'The server answered with status 500: upstream overloaded' END,
  input_tokens, output_tokens, cost,
  CASE WHEN cost IS NOT NULL THEN '{{"source": "account", "input": "2.5", "output": "10"}}' END,
  CASE WHEN started THEN date((due + late) / 1000, 'unixepoch') END, 1,
  CASE WHEN watched AND verdict = 'ok' THEN c % 40 = 0 END, 1
FROM temp.made m JOIN bench_answers p ON p.id = b % (SELECT count(*) FROM bench_answers) ORDER BY m.id
"""
_TEXTS = f"""
INSERT INTO run_texts (run_id, request_messages, response_text, error_message)
SELECT m.id, t.messages, CASE status WHEN 'success' THEN p.text || printf(' (%x)', c % 60000)
  || CASE WHEN c % 142857 = 9 THEN ' {RARE} {RARE_CHINESE}' ELSE '' END END,
  CASE status WHEN 'failed' THEN 'The server answered with status 500: upstream overloaded' END
FROM temp.made m JOIN bench_tasks t ON t.id = m.task
JOIN bench_answers p ON p.id = b % (SELECT count(*) FROM bench_answers)
WHERE started ORDER BY m.id
"""
_WORDS = """
INSERT INTO run_search (rowid, words)
SELECT run_id, words_of_run(task, request_messages, response_text, error_message)
FROM run_texts JOIN temp.made ON id = run_id WHERE run_id > :ids ORDER BY run_id
"""
_ATTEMPTS = f"""
INSERT INTO attempts (run_id, number, started_at, duration_ms, http_status, kind, error_message,
  input_tokens, output_tokens, cost)
SELECT id, 1, {_AT.format("due + late")}, took,
  CASE status WHEN 'success' THEN 200 WHEN 'failed' THEN 500 END,
  CASE status WHEN 'success' THEN 'ok' ELSE 'server_error' END, NULL, input_tokens, output_tokens, cost
FROM temp.made WHERE started ORDER BY id
"""
_BAD = "sum(verdict IS 'degraded')"
_HOURLY = (
    "INSERT INTO hourly_totals (hour, status, {0}, {0}_degraded) SELECT"
    f" {_AT.format('({1}) / 3600000 * 3600000').replace('.%03d000', '.000000')},"
    f" status, count(*), {_BAD} FROM temp.made WHERE {{2}} GROUP BY ({{1}}) / 3600000, status"
    " ON CONFLICT DO UPDATE SET {0} = {0} + excluded.{0},"
    " {0}_degraded = {0}_degraded + excluded.{0}_degraded"
)
_TIMINGS = (
    "INSERT INTO hourly_timings (hour, measure, bucket, runs) SELECT"
    f" {_AT.format('(due + late) / 3600000 * 3600000')}, '{{0}}', k.bucket, count(*)"
    " FROM temp.made JOIN bench_buckets k ON k.ms = {1} WHERE status IN ('success', 'failed')"
    " GROUP BY (due + late) / 3600000, k.bucket"
    " ON CONFLICT DO UPDATE SET runs = runs + excluded.runs"
)
_TOTALS = (
    f"""
INSERT INTO daily_totals (day, task_id, status, occurrences, input_tokens, output_tokens, cost,
  unpriced, degraded)
SELECT date(due / 1000, 'unixepoch'), task, status, count(*), coalesce(sum(input_tokens), 0),
  coalesce(sum(output_tokens), 0), coalesce(sum(cost), 0),
  sum(cost IS NULL AND input_tokens IS NOT NULL), {_BAD}
FROM temp.made GROUP BY due / {_DAY_MS}, task, status
ON CONFLICT DO UPDATE SET occurrences = occurrences + excluded.occurrences,
  input_tokens = input_tokens + excluded.input_tokens,
  output_tokens = output_tokens + excluded.output_tokens,
  cost = cost + excluded.cost, unpriced = unpriced + excluded.unpriced,
  degraded = degraded + excluded.degraded
""",
    f"""
INSERT INTO usage_totals (day, task_id, account_id, model, runs, input_tokens, output_tokens, cost,
  unpriced)
SELECT date((due + late) / 1000, 'unixepoch'), task, coalesce(account, 0), model, count(*),
  coalesce(sum(input_tokens), 0), coalesce(sum(output_tokens), 0), coalesce(sum(cost), 0),
  sum(cost IS NULL AND input_tokens IS NOT NULL)
FROM temp.made WHERE started GROUP BY (due + late) / {_DAY_MS}, task
ON CONFLICT DO UPDATE SET runs = runs + excluded.runs,
  input_tokens = input_tokens + excluded.input_tokens,
  output_tokens = output_tokens + excluded.output_tokens,
  cost = cost + excluded.cost, unpriced = unpriced + excluded.unpriced
""",
    _HOURLY.format("due", "due", "1"),
    _HOURLY.format("started", "due + late", "started"),
    _TIMINGS.format("duration", "took"),
    _TIMINGS.format("lateness", "late"),
)
_LOADING = (
    "journal_mode = OFF",
    "synchronous = OFF",
    "locking_mode = EXCLUSIVE",
    "cache_size = -1500000",
    "temp_store = MEMORY",
)


class _Loader:
    """Fills one database. Nobody else has it open."""

    def __init__(
        self, connection: sqlite3.Connection, runs: int, say: Callable[[str], None]
    ) -> None:
        self._db = connection
        self._say = say
        self._end = datetime.now(UTC).replace(second=0, microsecond=0)
        rate = sum(count / every for count, every in _EVERY)
        self._units = max(DAYS, ceil(runs / rate))

    def load(self) -> tuple[int, int]:
        """How many runs and texts there are."""
        for pragma in _LOADING:
            self._db.execute(f"PRAGMA {pragma}")
        self._prepare()
        indexes = self._drop_indexes()
        for statement in ("'hashsize', 67108864", "'automerge', 0"):
            self._db.execute(f"INSERT INTO run_search (run_search, rank) VALUES ({statement})")
        begun = time.perf_counter()
        ids = texts = 0
        for day in range(DAYS):
            ids, texts = self._day(day, ids, texts)
            if day % 10 == 9:
                spent = time.perf_counter() - begun
                self._say(f"  {ids:,} runs, {texts:,} with texts after {spent:.0f} s")
        for name, sql in indexes:
            begun = time.perf_counter()
            self._db.execute(sql)
            self._say(f"  {name}: {time.perf_counter() - begun:.1f} s")
        self._finish()
        return ids, texts

    def _prepare(self) -> None:
        run = self._db.execute
        made = Texts(TASKS)
        run(
            "CREATE TEMP TABLE bench_tasks AS SELECT id, interval_seconds / 60 AS every,"
            " account_id AS account, model, CASE id % 5 WHEN 0 THEN 0 WHEN 1 THEN 3 ELSE 1 END AS"
            " dear, CASE id % 40 WHEN 7 THEN 400 ELSE 0 END AS fails, id % 20 = 3 AS watched,"
            " '' AS messages FROM tasks ORDER BY id"
        )
        prompts = [(made.messages(text), n) for n, text in enumerate(made.prompts, 1)]
        self._db.executemany("UPDATE bench_tasks SET messages = ? WHERE id = ?", prompts)
        run("CREATE TEMP TABLE bench_answers (id INTEGER PRIMARY KEY, text TEXT, summary TEXT)")
        answers = [(n, a, " ".join(a.split())[:200]) for n, a in enumerate(made.answers)]
        self._db.executemany("INSERT INTO bench_answers VALUES (?, ?, ?)", answers)
        run("CREATE TEMP TABLE bench_buckets (ms INTEGER PRIMARY KEY, bucket INTEGER)")
        buckets = ((ms, bucket_of(ms)) for ms in range(130_000))
        self._db.executemany("INSERT INTO bench_buckets VALUES (?, ?)", buckets)
        self._db.create_function("words_of_run", 4, _words, deterministic=True)

    def _drop_indexes(self) -> list[tuple[str, str]]:
        """Of the ledger; their definitions."""
        found = self._db.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = 'runs'"
            " AND sql IS NOT NULL"
        ).fetchall()
        for name, _sql in found:
            self._db.execute(f"DROP INDEX {name}")
        return found

    def _day(self, day: int, ids: int, texts: int) -> tuple[int, int]:
        begin = self._end - timedelta(days=DAYS)
        values = {
            "first": self._units * day // DAYS,
            "last": self._units * (day + 1) // DAYS,
            "begin": int(begin.timestamp() * 1000),
            "unit": DAYS * _DAY_MS // self._units,
            "ids": ids,
        }
        self._db.execute("BEGIN")
        for name in ("raw", "rolled", "ended", "made"):
            self._db.execute(f"DROP TABLE IF EXISTS temp.{name}")
        for statement in (_RAW, _ROLL, _STATUS, _MADE):
            self._db.execute(statement, values)
        made = self._db.execute(_RUNS).rowcount
        with_texts = 0
        if day >= DAYS * (1 - TEXT_SHARE):
            self._db.execute("CREATE UNIQUE INDEX temp.made_id ON made (id)")
            with_texts = self._db.execute(_TEXTS).rowcount
            self._db.execute(_ATTEMPTS)
            self._db.execute(_WORDS, values)
        for statement in _TOTALS:
            self._db.execute(statement)
        self._db.execute("COMMIT")
        return ids + made, texts + with_texts

    def _finish(self) -> None:
        """What the rest of the app goes by: nothing is left to be counted or indexed."""
        # As merging bit by bit would have left it: the first run that ends would do all of it at once.
        self._db.execute("INSERT INTO run_search (run_search) VALUES ('optimize')")
        for statement in ("'hashsize', 1048576", "'automerge', 4"):
            self._db.execute(f"INSERT INTO run_search (run_search, rank) VALUES ({statement})")
        now = self._end.replace(tzinfo=None).isoformat(" ") + ".000000"
        self._db.execute(
            "UPDATE instance_state SET hours_counted = 1, unindexed_below = 0, last_tick_at = ?",
            (now,),
        )
        self._db.execute(
            "UPDATE tasks SET (last_status, last_verdict, last_run_at) = (SELECT status, verdict,"
            " due_at FROM runs WHERE task_id = tasks.id ORDER BY id DESC LIMIT 1),"
            " created_at = (SELECT min(due_at) FROM runs)"
        )
        self._db.execute("PRAGMA locking_mode = NORMAL")
        self._db.execute("PRAGMA journal_mode = WAL")


def _words(task_id: int, messages: str, answer: str | None, error: str | None) -> str:
    """By the app's own function."""
    return index_words(task_id, [error, answer, *_said(messages)])


@lru_cache(maxsize=TASKS)
def _said(messages: str) -> list[str]:
    return [message["content"] for message in reversed(json.loads(messages))]
