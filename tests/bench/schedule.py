"""What a full timetable costs: 10,000 tasks that wait, 100 that run all the time, and one look.

    make bench
    .venv/bin/python tests/bench/schedule.py --idle 10000 --steady 100

Three questions, each answered beside a yardstick in the same run:

- What do thousands of tasks with long intervals add to the start, to memory, and to the lateness
  of one task that is due every second? Beside bare APScheduler with as many jobs.
- How late are requests in ordinary work, tasks every ten seconds at instants of their own? Beside
  bare APScheduler.
- Does a look cost what is due, or what exists? Ten due of 10, of 1,000 and of 10,000 tasks.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from looks import Looks
from measuring import (
    Wire,
    add_idle_tasks,
    bare,
    cpu,
    import_tasks,
    limit_files,
    memory,
    set_due,
    spread,
    told,
    upstream,
)

from tests.server import START_TIMEOUT, Instance, Process, wait_until

_LEAD = 4.0
"""Seconds between the end of a start and the first due instant."""
_REST = 0.5
"""Seconds in which the last requests may still arrive."""
_SLOTS = 200
_STEADY_EVERY = 10
_SIZES = (10, 1_000, 10_000)
_DUE = 10


@dataclass(frozen=True)
class Plan:
    """Tasks that are due `turns` times, `every` so many seconds, each from its own offset."""

    offsets: list[float]
    every: int
    turns: int


@dataclass
class Side:
    """One of the two. Times in seconds, memory in MB."""

    start: dict[int, list[float]] = field(default_factory=dict)
    """By how many idle tasks there were; so are the next two."""
    work: dict[int, list[float]] = field(default_factory=dict)
    """CPU time of a start: it does not depend on what else the machine does."""
    memory: dict[int, list[float]] = field(default_factory=dict)
    lateness: list[float] = field(default_factory=list)

    def note(self, idle: int, start: float, pids: list[int]) -> None:
        """A start that took `start` seconds has just ended."""
        self.start.setdefault(idle, []).append(start)
        self.work.setdefault(idle, []).append(sum(cpu(pid) for pid in pids))
        time.sleep(1)
        self.memory.setdefault(idle, []).append(memory(pids, "VmRSS"))

    def rows(self, idle: int) -> dict[str, float]:
        def medians(of: dict[int, list[float]]) -> tuple[float, float]:
            return statistics.median(of[0]), statistics.median(of[idle])

        empty, full = medians(self.start)
        worked, more = medians(self.work)
        before, after = medians(self.memory)
        p50, p99 = spread(self.lateness)
        return {
            "start without them, ms": empty * 1000,
            "they add to the start, ms": (full - empty) * 1000,
            "CPU of it without them, ms": worked * 1000,
            "they add to that, ms": (more - worked) * 1000,
            "memory without them, MB": before,
            "they add to memory, MB": after - before,
            "lateness of the probe p50, ms": p50,
            "lateness of the probe p99, ms": p99,
        }


def print_table(title: str, ours: dict[str, float], theirs: dict[str, float]) -> None:
    print(f"\n{title}\n  {'':<32}{'AutoAI':>10}{'bare':>10}{'ratio':>8}")
    for name, mine in ours.items():
        ratio = f"{mine / theirs[name]:.2f}" if theirs[name] > 0 else "–"
        print(f"  {name:<32}{mine:>10.1f}{theirs[name]:>10.1f}{ratio:>8}")


@contextmanager
def folder_of_ours(wire: Wire, idle: int, count: int, every: int) -> Iterator[Instance]:
    """A database with `count` tasks that call `wire`, and `idle` more."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Instance(Path(folder), MAX_CONCURRENT_RUNS=str(_SLOTS)) as instance,
    ):
        import_tasks(instance, wire, count, every, "ok")
        if idle:
            add_idle_tasks(instance.database, idle)
        set_due(instance.database, [time.time() + 3600] * count, every)
        yield instance


@contextmanager
def started(instance: Instance, side: Side, idle: int) -> Iterator[Process]:
    """One process of ours; notes how long its start took, and its memory a second later."""
    begun = time.monotonic()
    server = instance.gunicorn(wait=False)
    wait_until(server.health, START_TIMEOUT, "the start", pause=0.01)
    side.note(idle, time.monotonic() - begun, server.members())
    yield server
    assert server.health()["status"] == "ok"
    server.terminate()


def run_autoai(wire: Wire, instance: Instance, plan: Plan, idle: int, side: Side) -> None:
    """The lateness of ours."""
    due = float(int(time.time() + 3 * _LEAD))
    firsts = [due + offset for offset in plan.offsets]
    set_due(instance.database, firsts, plan.every)
    wire.clear()
    with started(instance, side, idle):
        assert time.time() < due - 1, "this machine is too busy to measure on"
        _take(wire, plan, firsts, side)
        bad = "SELECT count(*) AS n FROM runs WHERE status NOT IN ('success', 'running')"
        assert instance.rows(bad) == [{"n": 0}]


@contextmanager
def started_bare(
    wire: Wire, side: Side, firsts: list[float], plan: Plan, idle: int
) -> Iterator[None]:
    """One process of bare APScheduler, likewise."""
    begun = time.monotonic()
    with bare(wire, "ok", firsts, plan.every, plan.turns, _SLOTS, idle) as process:
        told(process)
        side.note(idle, time.monotonic() - begun, [process.pid])
        yield


def run_bare(wire: Wire, plan: Plan, idle: int, side: Side) -> None:
    """The lateness of bare APScheduler."""
    due = float(int(time.time() + 2 * _LEAD))
    firsts = [due + offset for offset in plan.offsets]
    wire.clear()
    with started_bare(wire, side, firsts, plan, idle):
        _take(wire, plan, firsts, side)


def _take(wire: Wire, plan: Plan, firsts: list[float], side: Side) -> None:
    """Wait until all turns are over. The first one only warms up."""
    time.sleep(max(0.0, max(firsts) + plan.every * (plan.turns - 1) + _REST - time.time()))
    found = wire.lateness(firsts, plan.every, range(1, plan.turns))
    assert len(found) == len(firsts) * (plan.turns - 1), f"{len(found)} requests are too few"
    side.lateness += found


def compare_idle(wire: Wire, idle: int, turns: int, starts: int) -> None:
    """With and without them, in turns; then the probe among them, on one side after the other."""
    ours, theirs = Side(), Side()
    plan = Plan([0.0], 1, turns)
    with (
        folder_of_ours(wire, 0, 1, 1) as empty,
        folder_of_ours(wire, idle, 1, 1) as full,
    ):
        never = [time.time() + 3600]
        for _ in range(starts):
            for number, instance in ((0, empty), (idle, full)):
                with started(instance, ours, number):
                    pass
                with started_bare(wire, theirs, never, plan, number):
                    pass
        run_autoai(wire, full, plan, idle, ours)
        run_bare(wire, plan, idle, theirs)
    print_table(
        f"{idle:,} tasks that are due in a long time, and one that is due every second",
        ours.rows(idle),
        theirs.rows(idle),
    )


def compare_steady(wire: Wire, count: int, turns: int) -> None:
    """Each task has its own place in the ten seconds, the same on both sides."""
    chance = random.Random(7)
    offsets = [round(chance.uniform(0, _STEADY_EVERY), 3) for _ in range(count)]
    plan = Plan(offsets, _STEADY_EVERY, turns)
    ours, theirs = Side(), Side()
    with folder_of_ours(wire, 0, count, _STEADY_EVERY) as instance:
        run_autoai(wire, instance, plan, 0, ours)
    run_bare(wire, plan, 0, theirs)
    rows = [
        dict(zip(("lateness p50, ms", "lateness p99, ms"), spread(side.lateness), strict=True))
        for side in (ours, theirs)
    ]
    print_table(f"{count} tasks every {_STEADY_EVERY} s, at instants of their own", *rows)


def compare_looks(rounds: int) -> None:
    """The same number due, ever more that are not."""
    with tempfile.TemporaryDirectory() as folder:
        sizes = [Looks(Path(folder) / str(size), size, _DUE) for size in _SIZES]
        for _ in range(rounds):
            for looks in sizes:
                looks.once()
    print(f"\nOne look of the tick, {_DUE} tasks due; median of {rounds}")
    print(f"  {'tasks':<10}{'wall, ms':>10}{'CPU, ms':>10}{'CPU per due, ms':>17}{'ratio':>8}")
    least = sizes[0].cpu
    for looks in sizes:
        print(
            f"  {looks.size:<10,}{looks.wall * 1000:>10.2f}{looks.cpu * 1000:>10.2f}"
            f"{looks.cpu * 1000 / _DUE:>17.2f}{looks.cpu / least:>8.2f}"
        )
    print(
        f"  {'nothing due':<10}{'':>9}{sizes[-1].nothing * 1000:>10.2f}   of {_SIZES[-1]:,} tasks"
    )


def main() -> None:
    """Measure and print. What is printed is for people: nothing fails here for being slow."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--idle", type=int, default=10_000)
    parser.add_argument("--probes", type=int, default=16)
    parser.add_argument("--starts", type=int, default=2)
    parser.add_argument("--steady", type=int, default=100)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--looks", type=int, default=30)
    options = parser.parse_args()
    if min(options.turns, options.probes) < 2:
        parser.error("the first turn and the first probe only warm up: at least 2 of each")
    limit_files()
    with upstream() as wire:
        compare_idle(wire, options.idle, options.probes, options.starts)
        compare_steady(wire, options.steady, options.turns)
    compare_looks(options.looks)
    print(
        "\nHow to read it: the machine decides the milliseconds, the ratio is what counts: below 1,"
        "\nAutoAI needs less than the yardstick, which keeps no ledger. The looks are to cost the"
        "\nsame in every line. Aims: 10,000 tasks add at most 1,000 ms to the start; p99 of ordinary"
        "\nwork at most 20 ms on an idle machine.",
        flush=True,
    )


if __name__ == "__main__":
    main()
