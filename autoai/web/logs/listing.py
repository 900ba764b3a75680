"""The list of runs: the page, and its part for a filter that changed or for something new."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from urllib.parse import parse_qsl, urlencode

from flask import redirect, request
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from ...domain.runs import Reason, Source, Status
from ...domain.snippets import Snippet
from ...models import Run, Task
from ...queries.log_choices import (
    Offers,
    account_names,
    offers,
    task_name,
)
from ...queries.log_rows import LogRow, tags_of
from ...queries.run_filter import RunFilter
from ...queries.run_log import figures, last_days
from ...queries.run_pages import Cursor, RunPage, page_of_rows, read_runs
from ...queries.search_snippets import snippets_of
from ...queries.state import current_revision
from ...queries.waiting import Wait, waits_of
from ...runtime import runtime
from ...services.bulk_runs import MOST
from ...services.limits import in_the_way
from ...services.saved_views import LONGEST_QUERY
from ..formats import local
from ..htmx import nothing_new, render, unchanged
from ..pagination import Stretch
from ..templating import stamp_of
from .chart import week_chart
from .chips import chips_of
from .columns import COLUMNS, COOKIE, Columns, read_columns
from .filters import LogFilter
from .rows import Rows
from .words import PERIODS, REASONS, short_reason

PER_PAGE = 20
_GOES_ON = 8
"""How often a search that has found nothing yet goes on by itself."""
_MOST_PARTS = 200

BUILT_IN: dict[str, list[tuple[str, str]]] = {
    "all": [],
    "failed": [("status", "failed"), ("status", "interrupted")],
    "degraded": [("verdict", "degraded")],
    "running": [("status", "queued"), ("status", "running")],
    "changed": [("changed", "true")],
}
"""Views that are always there."""


class Offered:
    """The choices of the filter's fields: read where they are drawn, not when rows are refreshed."""

    statuses = list(Status)
    reasons = {reason.value: REASONS[reason] for reason in Reason}
    sources = [source.value for source in Source]
    periods = PERIODS
    columns = COLUMNS

    @cached_property
    def choices(self) -> Offers:
        return offers()

    def task_called(self, task_id: int | None) -> str:
        """As the field for a task's name shows it."""
        return f"#{task_id} {task_name(task_id) or ''}".strip() if task_id else ""


@dataclass(frozen=True)
class Saving:
    """A view that could not be saved: what was typed, and what is wrong with it."""

    name: str
    error: str
    view_id: int | None = None


def log_page(task: Task | None, saving: Saving | None = None) -> ResponseReturnValue:
    """The log as the address wants it; with `saving`, as the form says that it stood."""
    rt = runtime()
    now, zone = rt.ports.clock.now(), rt.settings.zone
    stamp = stamp_of(current_revision(), now, zone)
    if saving is None and unchanged(stamp):
        return nothing_new()
    args = request.args if saving is None else query_of(request.form.get("query", ""))
    chosen = LogFilter.read(args, now, zone, task.id if task else None)
    if saving is not None and saving.view_id is not None:
        chosen.view_id = saving.view_id
    columns = read_columns(args, request.cookies.get(COOKIE), task is not None)
    view = [("view", str(chosen.view_id))] if chosen.view_id else []
    kept = [*columns.query, *view]
    base = request.path if saving is None else "/logs"
    found, place = _rows(chosen.wanted, args)
    if found is None:
        return redirect(address(base, [*chosen.query(), *kept]), 303)
    tries = len(args.get("tries", ""))
    rows = Rows(
        columns,
        _accounts_of(found.rows, columns),
        tags_of({run.task_id for run in found.rows}) if "tags" in columns.names else {},
        waits(found.rows),
        _snippets_of(found.rows, columns, chosen.wanted.text),
        local(now).date(),
        _within(chosen, task),
    )
    return render(
        "logs/index.html",
        "logs/_runs.html" if "seen" in args else "logs/_found.html",
        200 if saving is None else 422,
        stamp=stamp,
        task=task,
        chosen=chosen,
        filtered=chosen.active,
        chips=chips_of(chosen),
        kept=kept,
        address=address,
        page=Stretch(
            base,
            [*chosen.query(), *kept],
            place,
            found.older.text if found.older else None,
            found.newer.text if found.newer else None,
        ),
        older=found.older,
        runs=found.rows,
        exhausted=found.exhausted or bool(place and place[0] == "after"),
        tries="." * (tries + 1) if tries < _GOES_ON else "",
        columns=columns,
        rows=rows,
        short_reason=short_reason,
        offered=Offered(),
        built_in=BUILT_IN,
        saving=saving,
        most=MOST,
        figures=figures(chosen.wanted, zone, found),
        days=last_days(chosen.wanted.task_id, now, zone),
        week_chart=week_chart,
    )


def address(base: str, pairs: Sequence[tuple[str, str]], **more: str) -> str:
    """An address with these parts."""
    return f"{base}?{urlencode([*pairs, *more.items()])}".rstrip("?")


def _within(chosen: LogFilter, task: Task | None) -> str:
    """What the address of a run ends with, so that the runs beside it are those of this filter."""
    of_task = [("task_id", str(task.id))] if task else []
    saved = [("saved", str(chosen.view_id))] if chosen.view_id else []
    return address("", [*chosen.query(), *of_task, *saved]) if chosen.active else ""


def query_of(text: str) -> MultiDict[str, str]:
    """A query string that was sent in a form, or kept in a view."""
    return MultiDict(parse_qsl(text[:LONGEST_QUERY])[:_MOST_PARTS])


def waits(shown: Sequence[Run | LogRow]) -> dict[int, Wait]:
    """What those of them that are queued wait for."""
    queued = [run.id for run in shown if run.status == Status.QUEUED]
    if not queued:
        return {}
    here = runtime()
    slots = here.settings.max_concurrent_runs
    return waits_of(
        read_runs(queued), here.ports.clock.now(), slots, partial(in_the_way, here.ports)
    )


def _rows(
    wanted: RunFilter, args: MultiDict[str, str]
) -> tuple[RunPage[LogRow] | None, tuple[str, str] | None]:
    """The rows that the address asks for, and where it says that they are; no rows where these are
    the newest, which have an address of their own."""
    after = Cursor.parse(args.get("after", ""))
    if after is not None:
        found = page_of_rows(wanted, PER_PAGE, after, newer=True)
        return (found, ("after", after.text)) if found.newer is not None else (None, None)
    before = Cursor.parse(args.get("before", ""))
    found = page_of_rows(wanted, PER_PAGE, before)
    return found, ("before", before.text) if before else None


def _accounts_of(runs: Sequence[LogRow], columns: Columns) -> dict[int, str]:
    if "account" not in columns.names:
        return {}
    return account_names({run.account_id for run in runs if run.account_id})


def _snippets_of(
    runs: Sequence[LogRow], columns: Columns, text: str
) -> dict[int, tuple[str, Snippet]]:
    if not text or "what" not in columns.names:
        return {}
    return snippets_of([run.id for run in runs], text)
