"""Everything that a filter finds as one file, sent while it is read.

The pages and the API answer with the same. Only a few at once: each keeps a thread busy as long as
it lasts. It ends when the one who asked for it goes away.
"""

from __future__ import annotations

import re
import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

from flask import Response, request, stream_with_context
from flask_babel import gettext as _

from ..domain.errors import Invalid
from ..queries.run_export import Piece, count_rows, runs_in_pieces
from ..queries.run_filter import RunFilter
from ..runtime import runtime
from .export_files import MIME, Sheet, csv_head, csv_lines, jsonl_lines, records

AT_ONCE = 2
RETRY_AFTER = 30
_PREFIX = "export-"
_STALE = 24 * 3600
_BLOCK = 64 * 1024
_TOKEN = re.compile(r"[A-Za-z0-9-]{8,64}", re.ASCII)


@dataclass
class Export:
    """One that is under way."""

    token: str
    """Chosen by the one who asks, to be told how far it is."""
    total: int | None = None
    rows: int = 0


@dataclass
class _Exports:
    """Those that are under way in this process."""

    _lock: Lock = field(default_factory=Lock)
    _going: list[Export] = field(default_factory=list)

    def begin(self, token: str) -> Export | None:
        """None where there are too many already."""
        with self._lock:
            if len(self._going) >= AT_ONCE:
                return None
            self._going.append(Export(token))
            return self._going[-1]

    def end(self, export: Export) -> None:
        """Once or several times."""
        with self._lock:
            self._going = [other for other in self._going if other is not export]

    def find(self, token: str) -> Export | None:
        """By its token."""
        with self._lock:
            return next((e for e in self._going if e.token == token and token), None)


exports = _Exports()


def read_export() -> tuple[str, bool]:
    """`format` (csv, jsonl, xlsx) and `texts` (0, 1) in the query string."""
    kind = request.args.get("format", "csv").strip() or "csv"
    if kind not in MIME:
        raise Invalid({"format": [_("Choose one of: %(choices)s.", choices=", ".join(MIME))]})
    texts = request.args.get("texts", "").strip()
    if texts not in ("", "0", "1"):
        raise Invalid({"texts": [_("Choose one of: %(choices)s.", choices="0, 1")]})
    return kind, texts == "1"


def export_response(wanted: RunFilter) -> Response | None:
    """The file; None where enough others are under way."""
    kind, texts = read_export()
    now = runtime().ports.clock.now()
    answer = Response(content_type=MIME[kind])
    name = f"runs_{now.astimezone(runtime().settings.zone):%Y-%m-%d_%H%M%S}.{kind}"
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    answer.headers["X-Accel-Buffering"] = "no"
    if request.method == "HEAD":
        return answer
    token = request.args.get("token", "")
    export = exports.begin(token if _TOKEN.fullmatch(token) else "")
    if export is None:
        return None
    answer.call_on_close(lambda: exports.end(export))
    try:
        export.total = count_rows(wanted)
        if export.total is not None:
            answer.headers["X-Total-Rows"] = str(export.total)
        pieces = _counted(runs_in_pieces(wanted, texts), export, _client_gone(request.environ))
        lines = _sheet(pieces, texts) if kind == "xlsx" else _lines(pieces, kind, texts)
        answer.response = stream_with_context(lines)
    except BaseException:
        exports.end(export)
        raise
    return answer


def _counted(pieces: Iterator[Piece], export: Export, gone: Callable[[], bool]) -> Iterator[Piece]:
    try:
        for piece in pieces:
            if gone():
                return
            yield piece
            export.rows += len(piece.runs)
    finally:
        exports.end(export)


def _lines(pieces: Iterator[Piece], kind: str, texts: bool) -> Iterator[bytes]:
    if kind == "csv":
        yield csv_head(texts)
    for piece in pieces:
        found = records(piece, texts)
        some = csv_lines(found, texts) if kind == "csv" else jsonl_lines(found)
        if some:
            yield some


def _sheet(pieces: Iterator[Piece], texts: bool) -> Iterator[bytes]:
    """Excel's format can be sent only when it is whole: until then it lies in the instance's folder,
    for its owner only."""
    instance = runtime().settings.instance_dir
    _remove_stale(instance)
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=instance))
    try:
        path = folder / "runs.xlsx"
        sheet = Sheet(path, texts)
        left_out = False
        for piece in pieces:
            left_out = len(piece.runs) > sheet.room
            sheet.add(records(piece, texts))
            if left_out:
                break
        sheet.close(left_out)
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                yield block
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _remove_stale(instance: Path) -> None:
    """What a process that was killed left behind."""
    for folder in instance.glob(f"{_PREFIX}*"):
        with suppress(OSError):
            if time.time() - folder.stat().st_mtime > _STALE:
                shutil.rmtree(folder, ignore_errors=True)


def _client_gone(environ: dict[str, Any]) -> Callable[[], bool]:
    """Has the other side closed its connection? While a file is made nothing is sent that would
    fail; gunicorn gives the socket, other servers do not."""
    connection = environ.get("gunicorn.socket")

    def gone() -> bool:
        if connection is None:
            return False
        try:
            return not connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except (BlockingIOError, ValueError):  # nothing to read; TLS does not let one look
            return False
        except OSError:
            return True

    return gone
