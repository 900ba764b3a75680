"""Log lines: structured, redacted as the last thing that happens, and always writable."""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Iterator

import pytest
import structlog

from autoai.logging_setup import configure_logging
from autoai.security.redaction import HIDDEN, Redactor
from autoai.settings import Settings
from tests.factories import KEY


@pytest.fixture
def line(settings: Settings) -> Iterator[logging.Handler]:
    """The handler that writes to the stream, as strict about characters as a terminal."""
    redactor = Redactor()
    redactor.learn(KEY)
    stream = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors="strict")
    as_json = settings.model_copy(update={"log_format": "json"})
    configure_logging(as_json, redactor, stream, to_file=False)
    yield logging.getLogger().handlers[0]
    logging.getLogger().handlers.clear()


def written(handler: logging.Handler, record: logging.LogRecord) -> str:
    """Straight to the handler: what is written here is too odd for the collector of the tests."""
    assert isinstance(handler, logging.StreamHandler)
    handler.emit(record)
    handler.stream.flush()
    return handler.stream.buffer.getvalue().decode("utf-8")


def record(text: str, *args: object, info: object = None) -> logging.LogRecord:
    return logging.LogRecord("autoai.x", logging.ERROR, __file__, 1, text, args, info)  # type: ignore[arg-type]


def test_a_line_says_what_when_and_of_which_run(line: logging.Handler) -> None:
    with structlog.contextvars.bound_contextvars(run_id=7, task_id=3):
        found = json.loads(written(line, record("sent %s", "it")))
    assert (found["event"], found["level"], found["logger"]) == ("sent it", "error", "autoai.x")
    assert (found["run_id"], found["task_id"]) == (7, 3)
    assert found["timestamp"].endswith("Z")


def test_keys_go_also_out_of_tracebacks(line: logging.Handler) -> None:
    try:
        raise ValueError(f"with {KEY}")
    except ValueError:
        text = written(line, record(f"key {KEY} and %s", {"key": KEY}, info=sys.exc_info()))
    assert KEY not in text and text.count(HIDDEN) >= 3
    assert "ValueError" in json.loads(text)["exception"]


def test_what_no_stream_takes_is_spelt_out(line: logging.Handler) -> None:
    """Else logging itself complains, and shows the raw arguments while it does."""
    assert json.loads(written(line, record("half a sign: %s 汉", "\ud800")))["event"].endswith("汉")
