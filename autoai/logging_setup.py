"""Structured log lines: to a stream and to a rotating file, redacted as the last thing that happens."""

from __future__ import annotations

import logging
import logging.config
import sys
import threading
from logging.handlers import RotatingFileHandler
from types import TracebackType
from typing import Any, TextIO

import structlog

from .security.redaction import Redactor
from .settings import Settings

FILE_NAME = "autoai.log"
_FILE_BYTES, _FILES = 10 * 1024 * 1024, 5
# urllib3 counts connections, APScheduler each wake-up: noise, unless somebody debugs.
_QUIET = ("urllib3", "apscheduler", "alembic")


class _RedactingFormatter(structlog.stdlib.ProcessorFormatter):
    """Renders a record, exception and all, and takes the secrets out of the finished line."""

    def __init__(self, redactor: Redactor, renderer: Any) -> None:
        super().__init__(
            foreign_pre_chain=[
                structlog.contextvars.merge_contextvars,
                structlog.stdlib.add_log_level,
                structlog.stdlib.add_logger_name,
                structlog.stdlib.ExtraAdder(),
                structlog.processors.TimeStamper(fmt="iso", utc=True),
            ],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                renderer,
            ],
        )
        self._redactor = redactor

    def format(self, record: logging.LogRecord) -> str:
        line = self._redactor.clean_error(super().format(record))
        # A lone surrogate fits into no stream, and logging's own complaint would show it all raw.
        return line.encode("utf-8", "backslashreplace").decode("utf-8")


class _RotatingFile(RotatingFileHandler):
    """Begins a new file by the size of what was written. The library's own way renders every line
    twice to know its size beforehand."""

    def shouldRollover(self, record: logging.LogRecord) -> bool:
        if self.stream is None:
            self.stream = self._open()
        return self.stream.tell() >= self.maxBytes


def configure_logging(
    settings: Settings, redactor: Redactor, stream: TextIO, to_file: bool
) -> None:
    """Send everything that logs through one place. Called again, it replaces what was set up."""
    renderers: dict[str, Any] = {
        "json": structlog.processors.JSONRenderer(ensure_ascii=False, default=str),
        "console": structlog.dev.ConsoleRenderer(
            colors=stream.isatty(), exception_formatter=structlog.dev.plain_traceback
        ),
    }
    handlers: list[logging.Handler] = [logging.StreamHandler(stream)]
    handlers[0].setFormatter(_RedactingFormatter(redactor, renderers[settings.log_format]))
    if to_file:
        settings.log_dir.mkdir(parents=True, exist_ok=True)
        file = _RotatingFile(
            settings.log_dir / FILE_NAME,
            maxBytes=_FILE_BYTES,
            backupCount=_FILES,
            encoding="utf-8",
            errors="backslashreplace",
        )
        file.setFormatter(_RedactingFormatter(redactor, renderers["json"]))
        handlers.append(file)
    logging.basicConfig(level=settings.log_level, handlers=handlers, force=True)
    logging.captureWarnings(True)
    quiet = logging.DEBUG if settings.log_level == "DEBUG" else logging.WARNING
    for name in _QUIET:
        logging.getLogger(name).setLevel(quiet)
    # A tick that is woken while it runs is no news: it looks again by itself.
    logging.getLogger("apscheduler.scheduler").setLevel(max(quiet, logging.ERROR))
    threading.excepthook = _log_thread_death
    sys.excepthook = _log_process_death


def _log_thread_death(args: threading.ExceptHookArgs) -> None:
    if args.exc_type is not SystemExit:
        name = args.thread.name if args.thread else "?"
        info = (args.exc_type, args.exc_value or args.exc_type(), args.exc_traceback)
        logging.getLogger(__name__).critical("thread %s died", name, exc_info=info)


def _log_process_death(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
    else:
        logging.getLogger(__name__).critical("died", exc_info=(kind, error, trace))
