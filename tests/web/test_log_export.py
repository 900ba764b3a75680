"""The log as a file: whole, harmless, and small in memory whatever its length."""

from __future__ import annotations

import csv
import io
import json
import re
import threading
import time
import zipfile
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import insert

from autoai.api import export_files, run_export
from autoai.domain.cells import harmless
from autoai.extensions import db
from autoai.models import Run, write_transaction
from autoai.runtime import runtime

from ..fakes import START

FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "\nx", "＝1", "＋1", "－1", "＠1"]
_SPACE = {"s": "http://schemas.openxmlformats.org/spreadsheetml/2006/main"}


def table(data: bytes) -> list[dict[str, str]]:
    assert data.startswith(b"\xef\xbb\xbf")
    return list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline="")))


def sheet(data: bytes, number: int = 1) -> list[list[tuple[str, str]]]:
    """The cells of each row as (type, text), as the file has them."""
    with zipfile.ZipFile(io.BytesIO(data)) as book:
        assert book.testzip() is None
        tree = ElementTree.fromstring(book.read(f"xl/worksheets/sheet{number}.xml"))
    rows = []
    for row in tree.iterfind(".//s:row", _SPACE):
        cells = []
        for cell in row.iterfind("s:c", _SPACE):
            assert cell.find("s:f", _SPACE) is None, "a formula"
            texts = [node.text or "" for node in cell.iter() if node.tag.endswith(("}v", "}t"))]
            cells.append((cell.get("t", "n"), "".join(texts)))
        rows.append(cells)
    return rows


@pytest.mark.parametrize("text", FORMULAS)
def test_what_begins_like_a_formula_is_text(text: str) -> None:
    assert harmless(text) == "'" + text


def test_other_text_stays_as_it_is() -> None:
    for text in ("", "a=b", " =1", "1-1", "中文", "'=1"):
        assert harmless(text) == text
    assert harmless(None) == ""


@pytest.fixture
def two(task, run) -> tuple[int, int]:
    """A success with everything, and a failure with little, whose texts begin like formulas."""
    task_id = task(name="=cmd|' /C calc'!A0")
    good = run(
        task_id,
        START,
        finished_at=START + timedelta(seconds=2),
        cost=Decimal("0.000123"),
        input_tokens=1234,
        response_summary='+"x", 中文\nsecond',
        texts={
            "response_text": "=HYPERLINK('x')\n" + "y" * 40_000,
            "request_messages": [{"role": "user", "content": "你好"}],
        },
    )
    bad = run(
        task_id,
        START - timedelta(minutes=1),
        status="failed",
        reason="auth",
        error_summary="@bad",
        texts={"error_message": "@bad and more"},
    )
    return good, bad


def test_csv(signed_in: FlaskClient, two: tuple[int, int]) -> None:
    answer = signed_in.get("/logs/export?status=success,failed")
    assert answer.status_code == 200 and answer.headers["X-Total-Rows"] == "2"
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    name = 'attachment; filename="runs_2026-03-02_120000.csv"'
    assert answer.headers["Content-Disposition"] == name
    good, bad = table(answer.data)
    assert list(good) == list(export_files.COLUMNS)
    assert (int(good["id"]), int(bad["id"])) == two
    assert good["task_name"] == "'=cmd|' /C calc'!A0"
    assert good["response_summary"] == '\'+"x", 中文\nsecond'
    assert (good["duration_ms"], good["cost"], good["input_tokens"]) == ("2000", "0.000123", "1234")
    assert good["due_at"] == "2026-03-02T12:00:00Z" and good["changed"] == ""
    assert (bad["error_message"], bad["reason"], bad["cost"]) == ("'@bad", "auth", "")
    whole = table(signed_in.get("/logs/export?format=csv&texts=1").data)
    assert (
        whole[0]["response_text"].startswith("'=HYPERLINK")
        and len(whole[0]["response_text"]) > 40_000
    )
    assert json.loads(whole[0]["request_messages"])[0]["content"] == "你好"
    assert whole[1]["error_message"] == "'@bad and more"


def test_json_lines_are_the_api_s(
    signed_in: FlaskClient, api: FlaskClient, two: tuple[int, int]
) -> None:
    listed = api.get("/api/logs").json["items"]
    for path in ("/logs/export", "/tasks/1/logs/export"):
        lines = signed_in.get(f"{path}?format=jsonl").data.splitlines()
        assert [json.loads(line) for line in lines] == listed
    for path in ("/api/logs/export", "/api/tasks/1/logs/export"):
        answer = api.get(f"{path}?format=jsonl&texts=1&status=failed")
        (found,) = [json.loads(line) for line in answer.data.splitlines()]
        assert found["error_message"] == "@bad and more", "nothing is added to it"
        assert answer.headers["X-Total-Rows"] == "1"
    assert api.get("/api/tasks/9/logs/export").status_code == 404
    for wrong in ("format=pdf", "texts=yes", "status=x", "colour=red", "from=soon"):
        answer = api.get(f"/api/logs/export?{wrong}")
        assert answer.status_code == 422 and wrong.partition("=")[0] in answer.json["errors"]


def test_excel(app: Flask, signed_in: FlaskClient, two: tuple[int, int]) -> None:
    answer = signed_in.get("/logs/export?format=xlsx&texts=1")
    head, good, bad = sheet(answer.data)
    assert [text for _kind, text in head][:4] == ["id", "task_id", "task_name", "status"]
    assert good[0] == ("n", str(two[0])) and bad[0] == ("n", str(two[1]))
    assert ("inlineStr", "=cmd|' /C calc'!A0") in good, "text, and as it is"
    assert ("n", "0.000123") in good and ("n", "1234") in good
    assert max(len(text) for _kind, text in good) == 32_767
    folder = runtime(app).settings.instance_dir
    assert not list(folder.glob("export-*")), "nothing is left behind"


def test_excel_says_what_it_cannot_hold(
    signed_in: FlaskClient, task, run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_files, "MOST_IN_EXCEL", 3)
    task_id = task()
    made = [run(task_id, START - timedelta(minutes=n)) for n in range(5)]
    data = signed_in.get("/logs/export?format=xlsx").data
    assert [row[0][1] for row in sheet(data)] == ["id", *map(str, made[:3])]
    assert "no more than the newest 3 runs" in sheet(data, 2)[0][0][1]
    assert len(sheet(signed_in.get("/logs/export?format=xlsx&to=2026-03-02T11:58:00Z").data)) == 4


def test_only_a_few_at_once(signed_in: FlaskClient, api: FlaskClient, two: tuple[int, int]) -> None:
    token = "0123456789"
    assert signed_in.get(f"/logs/export/progress?token={token}").status_code == 204
    others = [run_export.exports.begin(name) for name in (token, "")]
    try:
        found = signed_in.get(f"/logs/export/progress?token={token}").json
        assert found == {"rows": 0, "total": None}
        assert signed_in.get("/logs/export/progress?token=").status_code == 204
        page, answer = signed_in.get("/logs/export"), api.get("/api/logs/export")
        assert page.status_code == answer.status_code == 429
        assert page.headers["Retry-After"] == answer.headers["Retry-After"] == "30"
        for text in (page.text, answer.json["detail"]):
            assert "Two exports are under way already." in text
        assert signed_in.head("/logs/export").status_code == 200, "asks for nothing"
    finally:
        for other in others:
            assert other
            run_export.exports.end(other)
    for _ in range(3):  # one that is not read at all, one that is begun, one that is read
        signed_in.get("/logs/export", buffered=False).close()
        begun = signed_in.get("/logs/export", buffered=False)
        next(iter(begun.response))
        begun.close()
        assert len(table(signed_in.get("/logs/export").data)) == 2


def test_a_client_that_goes_away_ends_it(app: Flask, two: tuple[int, int]) -> None:
    import socket

    ours, theirs = socket.socketpair()
    gone = run_export._client_gone({"gunicorn.socket": ours})
    assert not gone()
    theirs.close()
    assert gone() and not run_export._client_gone({})()


def test_a_filter_that_is_not_understood_exports_nothing(signed_in: FlaskClient) -> None:
    answer = signed_in.get("/logs/export?from=soon&status=failed&format=csv")
    assert (answer.status_code, answer.location) == (303, "/logs?from=soon&status=failed")
    assert signed_in.get("/logs/export?format=pdf").status_code == 400


@pytest.fixture
def many(app: Flask, task, request: pytest.FixtureRequest) -> int:
    """Very many runs."""
    task_id, count = task(), request.param
    common = {"task_id": task_id, "source": "schedule", "status": "success", "model": "m-1"}
    with app.app_context():
        for start in range(0, count, 2_000):
            rows = [
                {
                    **common,
                    "due_at": START - timedelta(seconds=number),
                    "started_at": START - timedelta(seconds=number),
                    "finished_at": START - timedelta(seconds=number - 1),
                    "response_summary": "The summary of an answer, " * 5,
                }
                for number in range(start, start + 2_000)
            ]
            with write_transaction() as session:
                session.execute(insert(Run), rows)
        db.session.remove()
    return count


def _peak() -> float:
    """Megabytes: the largest resident size of this process since the last reset."""
    [line] = re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(line) / 1024


@pytest.mark.timeout(400)
@pytest.mark.parametrize(("kind", "many"), [("csv", 40_000), ("xlsx", 10_000)], indirect=["many"])
def test_a_long_one_takes_little_memory_and_holds_nothing_up(
    app: Flask, signed_in: FlaskClient, many: int, kind: str
) -> None:
    """Megabytes are read while the process grows by few, and the log of changes is emptied
    meanwhile: no read transaction stays open."""
    checkpoints: list[tuple[Any, ...]] = []

    def look() -> Iterator[None]:
        while True:
            with app.app_context(), db.engine.connect() as connection:
                connection.exec_driver_sql("UPDATE instance_state SET revision = revision + 1")
                connection.commit()
                row = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()
                checkpoints.append(tuple(row))
            yield

    signed_in.get(f"/logs/export?format={kind}&to=2026-03-01").close()
    Path("/proc/self/clear_refs").write_text("5")  # from here on the peak is the export's own
    before = _peak()
    begun, size, looker = time.monotonic(), 0, look()
    answer = signed_in.get(f"/logs/export?format={kind}", buffered=False)
    lines = 0
    for number, block in enumerate(answer.response):
        size += len(block)
        lines += block.count(b"\n")
        if kind == "csv" and number % 20 == 10:
            done = threading.Thread(target=lambda: next(looker))
            done.start()
            done.join()
    answer.close()
    grown = _peak() - before
    assert answer.headers["X-Total-Rows"] == str(many)
    assert time.monotonic() - begun < 180
    assert grown < 12, f"{grown:.0f} MB for {size / 1e6:.0f} MB"
    if kind == "csv":
        assert lines == many + 1 and size > 8_000_000
        assert checkpoints and all(busy == 0 for busy, *_rest in checkpoints)
