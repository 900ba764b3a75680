"""Runs as files: CSV, JSON Lines, Excel. Written piece by piece, so that memory stays small."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from flask_babel import gettext as _
from xlsxwriter import Workbook

from ..domain.cells import LONGEST, harmless, is_formula
from ..models import Run, RunText
from ..queries.run_export import Piece
from .schemas import run_out

MIME = {
    "csv": "text/csv; charset=utf-8",
    "jsonl": "application/x-ndjson; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
MOST_IN_EXCEL = 1_048_575
"""Rows of a sheet, without the one with the names."""
TIMES = (
    *("scheduled_for", "due_at", "queued_at", "executed_at", "finished_at", "not_before"),
    *("for_instant", "expires_at", "missed_from", "missed_to"),
)
TEXTS = ("response_text", "request_messages")
COLUMNS = (
    *("id", "task_id", "task_name", "status", "reason", "verdict", "changed", "source"),
    *("scheduled_for", "due_at", "queued_at", "executed_at", "finished_at", "duration_ms"),
    *("lateness_ms", "first_token_ms", "attempts", "account_id", "model", "model_answered"),
    *("prompt_version", "http_status", "finish_reason", "input_tokens", "output_tokens"),
    *("cached_input_tokens", "reasoning_tokens", "usage_estimated", "cost", "response_summary"),
    *("error_message", "maybe_double_billed", "reserved_tokens", "reserved_cost"),
    *("ignore_budget", "budget_note", "blocked_by", "for_run", "for_instant", "not_before"),
    *("expires_at", "priority", "occurrences", "missed_from", "missed_to", "compared_with"),
)
"""A run's fields as the API names them, those that are looked at most first."""
Record = dict[str, Any]


def columns_of(texts: bool) -> tuple[str, ...]:
    """The columns of a table."""
    return (*COLUMNS, *TEXTS) if texts else COLUMNS


def records(piece: Piece, texts: bool) -> Iterator[Record]:
    """As the API answers them."""
    for run in piece.runs:
        yield _record(run, piece.texts.get(run.id)) if texts else run_out(run)


def _record(run: Run, texts: RunText | None) -> Record:
    return {
        **run_out(run),
        "error_message": texts.error_message if texts else run.error_summary,
        "response_text": texts.response_text if texts else None,
        "request_messages": texts.request_messages if texts else None,
    }


def csv_head(texts: bool) -> bytes:
    """The names of the columns, after a mark by which spreadsheets see that it is UTF-8."""
    return b"\xef\xbb\xbf" + _lines([columns_of(texts)])


def csv_lines(found: Iterable[Record], texts: bool) -> bytes:
    """Rows of a table. What is not known is empty, what begins like a formula gets an apostrophe."""
    names = columns_of(texts)
    return _lines([_plain(record[name]) for name in names] for record in found)


def jsonl_lines(found: Iterable[Record]) -> bytes:
    """One JSON object a line, as it is."""
    return b"".join(
        json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode("utf-8") + b"\n"
        for record in found
    )


def _lines(rows: Iterable[Iterable[object]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode("utf-8")


def _plain(value: Any) -> object:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return harmless(value)
    return _json(value) if isinstance(value, dict | list) else value


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


class Sheet:
    """An Excel file that grows row by row. Texts are cells of text, whatever they begin with."""

    def __init__(self, path: Path, texts: bool) -> None:
        self._names = columns_of(texts)
        # Rows go to files beside `path` at once; nothing is guessed from what a text looks like.
        options = {
            "constant_memory": True,
            "tmpdir": str(path.parent),
            "strings_to_formulas": False,
            "strings_to_urls": False,
            "strings_to_numbers": False,
        }
        self._book = Workbook(str(path), options)
        self._sheet = self._book.add_worksheet(_("Runs"))
        self._time = self._book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss.000"})
        self._quoted = self._book.add_format({"quote_prefix": True})
        self._sheet.freeze_panes(1, 1)
        bold = self._book.add_format({"bold": True})
        for column, name in enumerate(self._names):
            self._sheet.set_column(column, column, 22 if name in TIMES else 14)
            self._sheet.write_string(0, column, f"{name} (UTC)" if name in TIMES else name, bold)
        self.rows = 0

    @property
    def room(self) -> int:
        """For so many more rows."""
        return MOST_IN_EXCEL - self.rows

    def add(self, found: Iterable[Record]) -> None:
        """Rows below the others, as long as there is room."""
        for record in found:
            if not self.room:
                return
            self.rows += 1
            for column, name in enumerate(self._names):
                if record[name] is not None:
                    self._write(column, name, record[name])

    def close(self, left_out: bool) -> None:
        """Finish the file; where not all rows fitted, a second sheet says so."""
        if left_out:
            words = _("Excel holds no more than the newest %(count)s runs.", count=MOST_IN_EXCEL)
            self._book.add_worksheet(_("Note")).write_string(0, 0, words)
        self._book.close()

    def _write(self, column: int, name: str, value: Any) -> None:
        row, sheet = self.rows, self._sheet
        if name in TIMES:
            instant = datetime.fromisoformat(value).replace(tzinfo=None)
            sheet.write_datetime(row, column, instant, self._time)
        elif isinstance(value, bool):
            sheet.write_boolean(row, column, value)
        elif isinstance(value, int | float):
            sheet.write_number(row, column, value)
        elif name in ("cost", "reserved_cost"):
            sheet.write_number(row, column, float(value))
        else:
            text = value if isinstance(value, str) else _json(value)
            quoted = self._quoted if is_formula(text) else None
            sheet.write_string(row, column, text[:LONGEST], quoted)
