"""One fault, from the first task to the audit: what is promised, what ended when, what came of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.server import Api, Instance, Process, wait_until
from tests.upstream import Upstream

from .ledger import Evidence, Grid, Tally, audit

SETTLED = 30.0
"""Seconds within which the ledger must have caught up; a fraction of one is usual."""
_AFTER_BOOT = 5.0
_DELAYS = (0.02, 0.1, 0.4, 0.9, 1.4, 2.2, 3.0)


class Trial:
    """Tasks whose due instants are known, and the moments at which processes were ended."""

    def __init__(self, instance: Instance, upstream: Upstream) -> None:
        self.instance = instance
        self.upstream = upstream
        self.grids: dict[str, Grid] = {}
        self.ended: list[float] = []
        self.unfinished: list[dict[str, Any]] = []
        self.as_seen: Callable[[float], datetime] = lambda at: datetime.fromtimestamp(at, UTC)
        self.horizon: Callable[[], datetime] = lambda: self.now()
        self.slack = timedelta(milliseconds=5)

    def now(self) -> datetime:
        """By the clock of the process."""
        return self.as_seen(time.time())

    def add(self, api: Api, name: str, step: int = 1, model: str = "ok", **fields: Any) -> int:
        """A task that is due every `step` seconds; its id. With `cron`, the instants are whole
        multiples of `step`, as the expression must say."""
        before = self.now()
        kind = {"schedule_type": "cron"} if "cron" in fields else {"interval_seconds": step}
        task = api.create(
            name=name,
            message_content=f"launch={name}",
            api_endpoint=self.upstream.base_url,
            model=model,
            max_attempts=1,
            **kind,
            **fields,
        )
        first, apart = datetime.fromisoformat(task["next_run_at"]), timedelta(seconds=step)
        if "cron" in fields:
            assert first.timestamp() % step == 0
            assert before < first <= self.now() + apart
        else:  # counted from the whole second in which it was made
            assert before.replace(microsecond=0) + apart <= first <= self.now() + apart
        self.grids[name] = Grid(first, apart)
        return int(task["id"])

    def add_many(self, api: Api, **fields: Any) -> None:
        """Tasks every second or two, with answers that take from nothing to three seconds."""
        for number, delay in enumerate(_DELAYS):
            self.add(api, f"task-{number}", 1 + number % 2, f"slow?seconds={delay}", **fields)
        self.add(api, "cron", 3, cron="*/3 * * * * *", **fields)

    def under_way(self) -> bool:
        """Has a request arrived within the last second that is not answered yet?"""
        recent = time.time() - 1
        return any(
            seen.launch and seen.answered is None and seen.arrived > recent
            for seen in self.upstream.requests()
        )

    def launched(self, more: int = 2, seconds: float = SETTLED) -> float:
        """Wait for new requests; the seconds until the first of them."""
        since = time.time()

        def arrived() -> list[float]:
            new = [seen.arrived for seen in self.upstream.requests() if seen.launch]
            new = [at for at in new if at > since]
            return new if len(new) >= more else []

        return float(wait_until(arrived, seconds, f"{more} requests")[0]) - since

    def note_end(self) -> None:
        """A process was killed, or told to end, or has ended, just now."""
        self.ended.append(time.time())

    def booted(self, server: Process) -> None:
        """Within five seconds no row of a dead process may be under way any more."""

        def none_left() -> bool:
            alive = {str(pid) for pid in server.members()}
            rows = self.instance.rows("SELECT id, owner FROM runs WHERE status = 'running'")
            left[:] = [row for row in rows if row["owner"].split("-")[-2] not in alive]
            return not left

        left: list[dict[str, Any]] = []
        try:
            wait_until(none_left, _AFTER_BOOT, "an end of what the dead had begun")
        except AssertionError:
            self.unfinished += left

    def settled(self) -> datetime:
        """Wait until the ledger has reached now; that instant, by the process's clock."""
        until = self.now()
        names = ", ".join("?" * len(self.grids))
        query = f"SELECT min(next_run_at) AS t FROM tasks WHERE name IN ({names})"

        def reached() -> bool:
            [row] = self.instance.rows(query, *self.grids)
            return bool(datetime.fromisoformat(row["t"]).replace(tzinfo=UTC) > until)

        wait_until(reached, SETTLED, f"cursors beyond {until}")
        return until

    def close(self, *servers: Process) -> Tally:
        """Let the ledger reach the present, end the processes in good order, and audit."""
        until = self.settled()
        for server in servers:
            self.note_end()
            assert server.terminate() == 0
            self.note_end()
        return self.audit(until)

    def audit(self, until: datetime) -> Tally:
        """What came of it; all processes have ended."""
        evidence = Evidence(self.grids, until, self.horizon(), self.ended, self.as_seen, self.slack)
        tally = audit(self.instance, self.upstream.requests(), evidence)
        for row in self.unfinished:
            tally.blame("unfinished", f"5 s after a boot: {row}")
        return tally
