"""Totals by day, written in the transaction of the rows that they count."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy.dialects.sqlite import insert

from ..models import DailyTotal, DbSession


@dataclass(frozen=True)
class Ending:
    """One row, or a gap row's `occurrences`, that reached its end."""

    task_id: int
    due_at: datetime
    status: str
    occurrences: int = 1
    input_tokens: int = 0
    output_tokens: int = 0


def count_endings(session: DbSession, zone: ZoneInfo, endings: Iterable[Ending]) -> None:
    """Inside the caller's transaction: add `endings` to their days in `zone`."""
    sums: dict[tuple[date, int, str], list[int]] = defaultdict(lambda: [0, 0, 0])
    for ending in endings:
        total = sums[ending.due_at.astimezone(zone).date(), ending.task_id, str(ending.status)]
        total[0] += ending.occurrences
        total[1] += ending.input_tokens
        total[2] += ending.output_tokens
    if not sums:
        return
    add = insert(DailyTotal)
    add = add.on_conflict_do_update(
        index_elements=[DailyTotal.day, DailyTotal.task_id, DailyTotal.status],
        set_={
            name: getattr(DailyTotal, name) + getattr(add.excluded, name)
            for name in ("occurrences", "input_tokens", "output_tokens")
        },
    )
    session.execute(
        add,
        [
            {
                "day": day,
                "task_id": task_id,
                "status": status,
                "occurrences": total[0],
                "input_tokens": total[1],
                "output_tokens": total[2],
            }
            for (day, task_id, status), total in sums.items()
        ],
    )
