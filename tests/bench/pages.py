"""What looking costs in a ledger of millions of runs: every page, list and part, and under load.

    make bench-pages
    .venv/bin/python tests/bench/pages.py --runs 10000000 --keep /var/tmp/ledger
    .venv/bin/python tests/bench/pages.py --reuse /var/tmp/ledger --only log --no-load

Each is printed beside two floors that are measured in the same run: the best hand-written SQL for
the same rows, and the same template rendered from constants behind the same login. CPU times do not
depend on what else the machine does; the other times do.
"""

from __future__ import annotations

import argparse
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from asking import Asker, Found
from ledger import Made, make_ledger, open_app
from probes import Probe, log_probes, page_probes, search_probes
from under_load import measure_load


def ask_all(folder: Path, only: str) -> list[Found]:
    """Every probe whose name has `only` in it, printed as it is found."""
    app = open_app(folder)
    database = sqlite3.connect(f"file:{folder / 'instance' / 'autoai.db'}?mode=ro", uri=True)
    probes: list[Probe] = [
        *page_probes(database),
        *log_probes(database, datetime.now(UTC)),
        *search_probes(),
    ]
    asker = Asker(app, database)
    print(
        f"\n{'milliseconds':<58}{'p50':>7}{'p99':>7}{'CPU':>7}{'const':>7}{'SQL':>8}{'×floor':>7}"
        f"{'bytes':>9}{'gzip':>7}{'stmts':>6}"
    )
    found = []
    for probe in probes:
        if only in probe.name or only in probe.path:
            found.append(asker.find(probe))
            print(_line(found[-1]), flush=True)
    database.close()
    return found


def _line(found: Found) -> str:
    name = f"{found.probe.name:<58.58}"
    if found.took is None:
        return f"{name} answered {found.status}"
    took, aim = found.took, found.probe.aim
    missed = aim is not None and (took.p50 > aim.p50 or took.p99 > aim.p99)
    constant = f"{found.constant.cpu:.2f}" if found.constant else "–"
    sql = f"{found.sql.cpu:.2f}" if found.sql else "–"
    ratio = f"{took.cpu / found.floor:.1f}" if found.floor else "–"
    return (
        f"{name}{took.p50:>7.1f}{took.p99:>7.1f}{took.cpu:>7.1f}{constant:>7}{sql:>8}{ratio:>7}"
        f"{found.size:>9,}{found.packed:>7,}{len(found.statements):>6}{' *' if missed else ''}"
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print. What is printed is for people: nothing fails here for being slow."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10_000_000)
    parser.add_argument("--keep", type=Path, help="make the ledger here, and leave it there")
    parser.add_argument("--reuse", type=Path, help="a ledger that --keep left")
    parser.add_argument("--only", default="", help="probes with this in their name or address")
    parser.add_argument("--no-load", dest="load", action="store_false", help="one thread alone")
    options = parser.parse_args(arguments)
    folder = options.reuse or options.keep or Path(tempfile.mkdtemp(prefix="autoai-bench-"))
    try:
        if not options.reuse:
            _tell(make_ledger(folder, options.runs))
        asked = ask_all(folder, options.only)
        if options.load:
            measure_load(folder, [found.probe.path for found in asked if found.took])
    finally:
        if not (options.reuse or options.keep):
            shutil.rmtree(folder, ignore_errors=True)


def _tell(made: Made) -> None:
    size = made.database.stat().st_size / 1e9
    print(
        f"{made.runs:,} runs, {made.texts:,} of them with texts: {size:.1f} GB in"
        f" {made.seconds:.0f} s; SQLite {sqlite3.sqlite_version}, Python {sys.version.split()[0]}"
    )


if __name__ == "__main__":
    main()
