"""Asks in this process, one thread: what an answer takes, and the two floors beside it."""

from __future__ import annotations

import gc
import gzip
import sqlite3
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from flask import Flask, before_render_template
from flask.testing import FlaskClient
from measuring import quantile
from probes import Probe
from sqlalchemy import Engine, event

from autoai.extensions import db
from tests.conftest import csrf_of
from tests.server import PASSWORD

_PART = {"HX-Request": "true", "HX-Request-Type": "partial"}
_CONSTANT = "/bench-constant"
_SECONDS, _LEAST, _MOST = 0.25, 5, 100
"""So long, but so often at least and at most, is each thing asked for."""


@dataclass(frozen=True)
class Times:
    """In milliseconds."""

    p50: float
    p99: float
    cpu: float
    """Of this process, the median: what else the machine does is not in it."""


@dataclass
class Found:
    """What one probe came to."""

    probe: Probe
    status: int
    size: int = 0
    packed: int = 0
    statements: list[str] = field(default_factory=list)
    took: Times | None = None
    constant: Times | None = None
    sql: Times | None = None

    @property
    def floor(self) -> float | None:
        """CPU time of the same template from constants and of the best SQL together."""
        if self.constant is None or self.sql is None:
            return None
        return self.constant.cpu + self.sql.cpu


_NEVER = 10**9


class Asker:
    """A browser in this process that is logged in, and a program."""

    def __init__(self, app: Flask, database: sqlite3.Connection) -> None:
        app.config["PROPAGATE_EXCEPTIONS"] = False
        self._kept: tuple[Any, dict[str, Any]] | None = None
        app.add_url_rule(_CONSTANT, "bench_constant", self._constant)
        self._app = app
        self._database = database
        self._client = signed_in(app)
        with app.app_context():
            self.engine: Engine = db.engine

    def find(self, probe: Probe) -> Found:
        """Measure one address, and its floors."""
        headers = _PART if probe.part else {}
        fragments = self._app.extensions["fragments"]
        fragments.busy_seconds = 0 if probe.shared else _NEVER
        with self._noting(), statements_of(self.engine) as said:
            answer = self._client.get(probe.path, headers=headers)
        found = Found(probe, answer.status_code, statements=list(said))
        if answer.status_code != 200:
            return found
        body = answer.get_data()
        found.size, found.packed = len(body), len(gzip.compress(body, 6))
        forget = fragments.forget if probe.forgotten else None
        found.took = timed(lambda: self._client.get(probe.path, headers=headers), forget)
        if self._kept is not None:
            assert self._client.get(_CONSTANT).status_code == 200
            found.constant = timed(lambda: self._client.get(_CONSTANT))
        if probe.sql:
            found.sql = timed(lambda: self._read(probe))
        return found

    @contextmanager
    def _noting(self) -> Iterator[None]:
        """Keep the template that the answer is made from, and what it was given."""

        def keep(_app: Flask, template: Any, context: dict[str, Any], **_more: Any) -> None:
            self._kept = (template, context)

        self._kept = None
        with before_render_template.connected_to(keep, self._app):
            yield

    def _constant(self) -> str:
        assert self._kept is not None
        template, context = self._kept
        text: str = template.render(context)
        return text

    def _read(self, probe: Probe) -> None:
        for statement in probe.sql:
            self._database.execute(statement).fetchall()


def signed_in(app: Flask) -> FlaskClient:
    """A browser that has shown the password."""
    browser = app.test_client()
    answer = browser.post("/login", data={"password": PASSWORD, "csrf_token": csrf_of(browser)})
    assert answer.status_code in (302, 303), answer.text
    return browser


@contextmanager
def statements_of(engine: Engine) -> Iterator[list[str]]:
    """What is asked of the database meanwhile, the beginnings of transactions left out."""
    said: list[str] = []

    def note(_c: Any, _cursor: Any, statement: str, _p: Any, _context: Any, _many: bool) -> None:
        if not statement.startswith("BEGIN"):
            said.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield said
    finally:
        event.remove(engine, "before_cursor_execute", note)


def timed(act: Callable[[], Any], before: Callable[[], None] | None = None) -> Times:
    """Over many times, after two that warm up; `before` each of them is not counted."""
    act()
    act()
    gc.collect()
    wall: list[float] = []
    cpu: list[float] = []
    until = time.perf_counter() + _SECONDS
    while len(wall) < _LEAST or (len(wall) < _MOST and time.perf_counter() < until):
        if before is not None:
            before()
        begun, used = time.perf_counter(), time.process_time()
        act()
        wall.append((time.perf_counter() - begun) * 1000)
        cpu.append((time.process_time() - used) * 1000)
    return Times(statistics.median(wall), quantile(wall, 0.99), statistics.median(cpu))
