"""Hundreds of tasks due in the same second: AutoAI beside bare APScheduler, on this machine, now.

    make bench
    .venv/bin/python tests/bench/burst.py --tasks 500 --slots 500 --bursts 3 --rounds 2

Both talk to the same upstream process, which answers after two seconds. Lateness is taken where a
request arrives, drain is the time until the last answer is there: for AutoAI, until its row is
committed. Each round starts both anew; the first burst of a round is the cold one.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from measuring import (
    Wire,
    bare,
    cpu,
    import_tasks,
    limit_files,
    memory,
    quantile,
    set_due,
    told,
    upstream,
)

from tests.server import Instance, Process, wait_until

_LEAD = 8.0
"""Seconds between the start of a process and the first due instant."""


@dataclass
class Burst:
    """What one burst came to. Times are seconds since the due instant."""

    arrivals: list[float]
    drained: float

    @property
    def p50(self) -> float:
        return statistics.median(self.arrivals)

    @property
    def p99(self) -> float:
        return quantile(self.arrivals, 0.99)

    @property
    def last(self) -> float:
        return max(self.arrivals)


@dataclass
class Side:
    """One of the two, over all its bursts."""

    name: str
    bursts: list[Burst] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)

    def figures(self) -> dict[str, float]:
        """Medians over the bursts, but the lateness of all arrivals together."""
        every = Burst([a for burst in self.bursts for a in burst.arrivals], 0)
        return {
            "lateness p50, ms": every.p50 * 1000,
            "lateness p99, ms": every.p99 * 1000,
            "last request arrived, ms": statistics.median(b.last for b in self.bursts) * 1000,
            "drained, ms": statistics.median(b.drained for b in self.bursts) * 1000,
            "CPU s per 1,000 runs": statistics.median(self.cpu),
            "memory, MB": max(self.memory),
        }


@dataclass(frozen=True)
class Plan:
    """The shape of the load."""

    tasks: int
    slots: int
    bursts: int
    delay: float

    @property
    def every(self) -> int:
        """Seconds from burst to burst: the waves of the smallest pool and some rest."""
        waves = -(-self.tasks // self.slots)
        return int(self.delay * waves + 5)

    @property
    def model(self) -> str:
        return f"slow?seconds={self.delay}"


def measure_autoai(plan: Plan, wire: Wire, side: Side) -> None:
    """One process of ours through all bursts."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Instance(Path(folder), MAX_CONCURRENT_RUNS=str(plan.slots), LOG_LEVEL="INFO") as instance,
    ):
        import_tasks(instance, wire, plan.tasks, plan.every, plan.model)
        due = _next_second(_LEAD)
        set_due(instance.database, [due] * plan.tasks, plan.every)
        server = instance.gunicorn()
        if time.time() > due - 1:
            raise SystemExit("This machine is too busy to measure on: the start took too long.")
        worker = max(server.members())

        def ended() -> int:
            query = "SELECT count(*) AS n FROM runs WHERE status = 'success'"
            return int(instance.rows(query)[0]["n"])

        for number in range(plan.bursts):
            at = due + number * plan.every
            with _burst(plan, wire, side, at, worker) as note:
                target = (number + 1) * plan.tasks
                time.sleep(max(0.0, at + plan.delay - time.time()))
                wait_until(lambda n=target: ended() >= n, 60, "all rows", pause=0.02)
                note(time.time() - at)
        side.memory.append(memory(server.members()))
        _check(instance, plan, server)


def _check(instance: Instance, plan: Plan, server: Process) -> None:
    """Fast and wrong is worth nothing."""
    rows = instance.rows("SELECT status, count(*) AS n FROM runs GROUP BY status")
    assert rows == [{"status": "success", "n": plan.tasks * plan.bursts}], rows
    assert server.health()["status"] == "ok"


def measure_bare(plan: Plan, wire: Wire, side: Side) -> None:
    """One process of bare APScheduler through all bursts."""
    due = _next_second(_LEAD / 2)
    firsts = [due] * plan.tasks
    with bare(wire, plan.model, firsts, plan.every, plan.bursts, plan.slots) as process:
        told(process)
        for number in range(plan.bursts):
            at = due + number * plan.every
            with _burst(plan, wire, side, at, process.pid) as note:
                time.sleep(max(0.0, at + plan.every - 2 - time.time()))
                note(0)
        ended = told(process)
        for number in range(plan.bursts):
            part = ended[number * plan.tasks : (number + 1) * plan.tasks]
            side.bursts[number - plan.bursts].drained = part[-1] - (due + number * plan.every)
        side.memory.append(memory([process.pid]))


@contextmanager
def _burst(plan: Plan, wire: Wire, side: Side, due: float, pid: int) -> Iterator[Any]:
    """Around the time in which one burst happens; the caller notes when it was over."""
    wire.clear()
    time.sleep(max(0.0, due - 0.5 - time.time()))
    before, drained = cpu(pid), []
    yield drained.append
    side.cpu.append((cpu(pid) - before) * 1000 / plan.tasks)
    arrivals = [request["arrived"] for request in wire.seen()]
    assert len(arrivals) == plan.tasks, f"{len(arrivals)} requests instead of {plan.tasks}"
    side.bursts.append(Burst([at - due for at in arrivals], drained[0]))


def _next_second(lead: float) -> float:
    return float(int(time.time() + lead + 1))


def compare(plan: Plan, rounds: int) -> dict[str, float]:
    """Both sides, in turns; prints the table and answers the ratios."""
    ours, yardstick = Side("AutoAI"), Side("bare")
    with upstream() as wire:
        for _ in range(rounds):
            measure_autoai(plan, wire, ours)
            measure_bare(plan, wire, yardstick)
    print(
        f"\n{plan.tasks} tasks due together, {plan.slots} slots, answers after {plan.delay:g} s;"
        f" {rounds} × {plan.bursts} bursts"
    )
    print(f"  {'':<28}{ours.name:>10}{yardstick.name:>10}{'ratio':>8}")
    mine, theirs = ours.figures(), yardstick.figures()
    ratios = {name: mine[name] / theirs[name] for name in mine}
    for name, ratio in ratios.items():
        print(f"  {name:<28}{mine[name]:>10.1f}{theirs[name]:>10.1f}{ratio:>8.2f}")
    cold = [bursts[0].p99 * 1000 for bursts in (ours.bursts, yardstick.bursts)]
    print(f"  {'p99 of the cold burst, ms':<28}{cold[0]:>10.1f}{cold[1]:>10.1f}")
    each = " ".join(f"{burst.p99 * 1000:.0f}/{burst.drained * 1000:.0f}" for burst in ours.bursts)
    other = " ".join(
        f"{burst.p99 * 1000:.0f}/{burst.drained * 1000:.0f}" for burst in yardstick.bursts
    )
    print(f"  p99/drained of each burst, ms: AutoAI {each}; bare {other}", flush=True)
    return ratios


def main() -> None:
    """Measure and print. What is printed is for people: nothing fails here for being slow."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=500)
    parser.add_argument("--slots", type=int, nargs="*", default=[500])
    parser.add_argument("--bursts", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--delay", type=float, default=2.0)
    options = parser.parse_args()
    limit_files()
    for slots in options.slots:
        plan = Plan(options.tasks, slots, options.bursts, options.delay)
        compare(plan, options.rounds)


if __name__ == "__main__":
    main()
