"""/api/logs: every filter has the name that it has in the page's address, and none is misread."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from autoai.extensions import db
from autoai.models import write_transaction
from autoai.runtime import runtime
from autoai.services.search_index import index_texts
from tests.factories import make_run, make_task
from tests.fakes import START


@pytest.fixture
def ledger(app: Flask) -> dict[str, int]:
    """A few runs, each with something of its own."""
    with app.app_context():
        ports = runtime(app).ports
        news, shop = make_task(ports, name="News", tags=["daily"]), make_task(ports, name="Shop")
        at = [START - timedelta(minutes=number) for number in range(5)]
        chinese = {"response_text": "今天的新闻：股市上涨", "error_message": None}
        english = {"response_text": None, "error_message": "The disk is full"}
        made = {
            "slow": make_run(news, at[0], finished_at=at[0] + timedelta(seconds=12)),
            "late": make_run(news, at[1], status="failed", reason="timeout"),
            "hand": make_run(shop, at[2], source="manual", scheduled_for=None),
            "dear": make_run(shop, at[3], cost=Decimal("1.5"), model="big"),
            "old": make_run(shop, START - timedelta(days=3)),
        }
        with write_transaction() as session:
            texts = [
                {"run_id": made["slow"], "request_messages": None, **chinese},
                {"request_messages": None, **english, "run_id": made["late"]},
            ]
            index_texts(session, texts, {made["slow"]: news.id, made["late"]: news.id})
        db.session.remove()
        return made


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("reason=timeout", "late"),
        ("reason=timeout,auth&reason=overlap", "late"),
        ("source=manual", "hand"),
        ("tag=daily", "slow late"),
        ("tag=nothing", ""),
        ("model=big", "dear"),
        ("min_duration_ms=12000", "slow"),
        ("max_duration_ms=0&status=success", "hand dear old"),
        ("min_cost=1.5&max_cost=1.5", "dear"),
        ("period=24h", "slow late hand dear"),
        ("period=7d&source=schedule", "slow late dear old"),
        ("q=股市", "slow"),
        ("q=disk+FULL", "late"),
        ("q=disk&tag=daily&status=failed", "late"),
        ("q=disk&status=success", ""),
        ("q=nothing-like-it", ""),
    ],
)
def test_filters(api: FlaskClient, ledger: dict[str, int], query: str, names: str) -> None:
    for path in ("/api/logs", "/api/logs/export"):
        answer = api.get(f"{path}?{query}{'&format=jsonl' if 'export' in path else ''}")
        assert answer.status_code == 200, answer.text
        if path == "/api/logs":
            assert [run["id"] for run in answer.json["items"]] == [
                ledger[name] for name in names.split()
            ]
        else:
            assert len(answer.data.splitlines()) == len(names.split())


@pytest.mark.parametrize(
    "query",
    [
        *("reason=bored", "source=x", "task_id=0", "account_id=x", "min_cost=-1", "max_cost=1,5"),
        *("min_duration_ms=ten", "max_duration_ms=9e9", "min_duration_ms=2&max_duration_ms=1"),
        *("min_cost=2&max_cost=1", "period=decade", "colour=red", "before=1.2", "columns=task"),
        *("cursor=x", "limit=0", "from=0001-01-01", "q=" + "x" * 201, "model=" + "x" * 201),
    ],
)
def test_what_is_wrong_is_refused(api: FlaskClient, query: str) -> None:
    answer = api.get(f"/api/logs?{query}")
    assert answer.status_code == 422 and query.partition("=")[0] in answer.json["errors"]


def test_pages_go_on_under_any_filter(api: FlaskClient, ledger: dict[str, int]) -> None:
    found: list[int] = []
    query: dict[str, Any] = {"limit": 1, "status": "success", "source": "schedule"}
    while True:
        answer = api.get("/api/logs", query_string=query).json
        found += [run["id"] for run in answer["items"]]
        if answer["next_cursor"] is None:
            break
        query["cursor"] = answer["next_cursor"]
    assert found == [ledger["slow"], ledger["dear"], ledger["old"]]
