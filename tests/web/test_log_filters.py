"""What the log can be filtered by, and how the page shows it."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from html import unescape

import pytest
from flask import Flask
from flask.testing import FlaskClient

from autoai.domain.runs import Reason
from autoai.queries import log_choices
from autoai.services.search_index import rebuild_search
from autoai.web.logs.words import REASONS

from ..fakes import START
from .conftest import HTMX
from .test_logs import figure, ids


def chips(text: str) -> list[str]:
    found = re.search(r'<ul class="chosen".*?</ul>', text, re.S)
    return re.findall(r"<span>([^<]*)</span>", unescape(found[0])) if found else []


def off(text: str, words: str) -> str:
    """Where a chip's link leads."""
    for link in re.findall(r'<li><a href="([^"]*)"[^>]*>.*?</a></li>', text, re.S):
        at = text.index(f'<a href="{link}"')
        if f"<span>{words}</span>" in unescape(text[at : text.index("</a>", at)]):
            return unescape(link)
    raise AssertionError(f"no chip {words}")


@pytest.fixture
def ledger(task, run) -> dict[str, int]:
    """A few runs, each with something of its own."""
    news, shop = task(name="News", tags=["daily"]), task(name="Shop")

    def took(seconds: float, minutes: int) -> dict[str, object]:
        start = START - timedelta(minutes=minutes)
        return {"started_at": start, "finished_at": start + timedelta(seconds=seconds)}

    def at(minutes: int):
        return START - timedelta(minutes=minutes)

    return {
        "quick": run(news, at(1), **took(0.4, 1), cost=Decimal("0.0002")),
        "slow": run(shop, at(2), **took(12, 2), cost=Decimal("0.05"), model="big"),
        "hand": run(shop, at(3), **took(70, 3), source="manual", scheduled_for=None),
        "late": run(news, at(4), status="failed", reason="timeout", model="big"),
        "full": run(news, at(5), status="skipped", reason="overlap", started_at=None),
        "old": run(shop, START - timedelta(days=40), cost=Decimal("2")),
    }


@pytest.mark.parametrize(
    ("query", "names", "words"),
    [
        ("reason=timeout", "late", ["No answer in time"]),
        (
            "reason=timeout&reason=overlap",
            "late full",
            ["Still busy with the run before", "No answer in time"],
        ),
        ("source=manual", "hand", ["Run by hand"]),
        ("source=schedule&status=failed", "late", ["Failed", "On schedule"]),
        ("tag=daily", "quick late full", ["Tag: daily"]),
        ("model=big", "slow late", ["Model: big"]),
        ("min_duration_ms=10000", "slow hand", ["Took at least 10 s"]),
        ("min_duration_ms=10+s&max_duration_ms=1+min", "slow", None),
        ("max_duration_ms=400&status=success", "quick old", ["Success", "Took at most 400 ms"]),
        ("min_cost=0.01", "slow old", ["Cost at least $0.010"]),
        ("min_cost=$0.01&max_cost=1", "slow", ["Cost at least $0.010", "Cost at most $1.00"]),
        ("period=today", "quick slow hand late full", ["Today"]),
        ("period=yesterday", "", ["Yesterday"]),
        ("period=24h", "quick slow hand late full", ["Last 24 hours"]),
        ("period=30d&status=success", "quick slow hand", ["Success", "Last 30 days"]),
        ("period=today&from=2026-01-01&to=2026-02-01", "old", None),
        ("from=2026-03-02T11:57:30Z", "quick slow", ["From Mar 2, 2026, 11:57:30 UTC"]),
    ],
)
def test_filters(
    signed_in: FlaskClient, ledger: dict[str, int], query: str, names: str, words: list[str] | None
) -> None:
    text = signed_in.get(f"/logs?{query}").text
    assert ids(text) == [ledger[name] for name in names.split()]
    assert figure(text, "runs") == str(len(names.split()))
    assert words is None or chips(text) == words
    part = signed_in.get(f"/logs?{query}", headers=HTMX).text
    assert chips(part) == chips(text) and "<html" not in part


def test_each_part_can_be_taken_off(signed_in: FlaskClient, ledger: dict[str, int]) -> None:
    text = signed_in.get("/logs?status=failed,skipped&model=big&columns=task,cost").text
    assert chips(text) == ["Failed", "Skipped", "Model: big"] and ids(text) == [ledger["late"]]
    assert off(text, "Failed") == "/logs?status=skipped&model=big&columns=task%2Ccost"
    text = signed_in.get(off(text, "Model: big")).text
    assert ids(text) == [ledger["late"], ledger["full"]]
    text = signed_in.get(off(text, "Skipped")).text
    text = signed_in.get(off(text, "Failed")).text
    assert len(ids(text)) == 6 and chips(text) == []
    assert '<th scope="col" class="cost">' in text, "the columns stay"


def test_the_form_says_what_is_wrong_and_keeps_it(
    signed_in: FlaskClient, ledger: dict[str, int]
) -> None:
    query = (
        "status=failed&status=nonsense&reason=bored&source=x&verdict=y&changed=z&task_id=q&tag="
        + "t" * 201
        + "&account_id=0&model=%20&min_duration_ms=ten&max_duration_ms=-1&min_cost=1e9&max_cost=1,5"
        "&from=soon&to=2026-02-30&period=decade"
    )
    answer = signed_in.get(f"/logs?{query}")
    assert answer.status_code == 200 and ids(answer.text) == [ledger["late"]]
    wrong = re.findall(r'<p class="error" id="filter-([a-z_]+)-error">', answer.text)
    assert set(wrong) == {
        *("status", "reason", "source", "verdict", "changed", "task_id", "tag", "account_id"),
        *("min_duration_ms", "max_duration_ms", "min_cost", "max_cost", "from", "to", "period"),
    }
    assert 'value="ten"' in answer.text and 'value="1,5"' in answer.text
    assert "Part of the filter is not valid" in answer.text
    assert '<details class="fold" id="filter-more" open>' in answer.text
    assert chips(answer.text) == ["Failed"]
    for odd in ("min_cost=2&max_cost=1", "min_duration_ms=2+s&max_duration_ms=1+s"):
        assert "This is more than the upper bound." in signed_in.get(f"/logs?{odd}").text
    for odd in ("q=%00%ff", "tag=%00", "model=%ed%a0%80", "columns=%00", "before=%00", "view=x"):
        assert signed_in.get(f"/logs?{odd}").status_code == 200


def test_what_is_set_in_the_fold_shows(signed_in: FlaskClient, ledger: dict[str, int]) -> None:
    assert 'id="filter-more">' in signed_in.get("/logs?status=failed").text
    text = signed_in.get("/logs?model=big&reason=timeout&reason=auth&min_cost=0").text
    assert 'id="filter-more" open>' in text and "3 set" in text
    assert 'name="model" value="big"' in text
    assert re.search(r'name="reason" value="timeout" checked', text)
    offered = re.search(r'<datalist id="models-used">(.*?)</datalist>', text)
    assert offered and re.findall('value="([^"]+)"', offered[1]) == ["big", "m-1"]


def test_every_reason_has_a_short_name() -> None:
    assert set(REASONS) == set(Reason)


def test_a_task_is_found_by_name_where_there_are_many(
    signed_in: FlaskClient, ledger: dict[str, int], task, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert '<select id="filter-task_id"' in signed_in.get("/logs").text
    for number in range(log_choices.MOST):
        task(name=f"Watch {number}")
    text = signed_in.get("/logs").text
    assert '<select id="filter-task_id"' not in text and 'name="task"' in text
    assert text.count("<option") < 100
    shop = [ledger["slow"], ledger["hand"], ledger["old"]]
    for typed in ("shop", "SHOP", "%232", "%232 Shop"):
        text = signed_in.get(f"/logs?task={typed}").text
        assert ids(text) == shop and chips(text) == ["Shop"]
        assert 'value="#2 Shop"' in text
        assert "task_id=2" in re.search(r'id="runs"[^>]*', text)[0]  # type: ignore[index]
    several = signed_in.get("/logs?task=watch").text
    assert "Several tasks have this name" in several and 'value="watch"' in several
    assert ids(signed_in.get("/logs?task=Watch 7").text) == [], "its very name"
    assert "There is no task of this name." in signed_in.get("/logs?task=zzz").text
    offered = signed_in.get("/logs/tasks?task=watch", headers=HTMX).text
    assert offered.count("<option") == 50
    assert signed_in.get("/logs/tasks?task=%00%ff%25").status_code == 200


def test_columns(signed_in: FlaskClient, ledger: dict[str, int], post, task) -> None:
    def shown(path: str) -> list[str]:
        return re.findall(r'<th scope="col" class="(\w+)">', signed_in.get(path).text)[2:]

    usual = ["of", "when", "took", "tokens", "what"]
    assert shown("/logs") == usual
    every = "task,when,due,lateness,took,tokens,cost,model,account,attempts,reason,source,tags,what"
    assert shown(f"/logs?columns={every}") == ["of", *every.split(",")[1:]]
    assert shown("/logs?columns=cost&columns=tags,nonsense") == ["cost", "tags"]
    assert shown("/logs?columns=nonsense") == usual
    text = signed_in.get(f"/logs?columns={every}&status=failed,success").text
    for words in ("No answer in time", "Run by hand", ">daily</a>", "$0.050", ">big</span>"):
        assert words in text, words
    assert "columns=task%2Cwhen%2C" in re.search(r'id="runs"[^>]*', text)[0]  # type: ignore[index]

    answer = post("/logs/columns", columns=["cost", "model"], next="/logs?status=failed")
    assert (answer.status_code, answer.location) == (303, "/logs?status=failed")
    assert "HttpOnly" in answer.headers["Set-Cookie"]
    assert shown("/logs") == ["cost", "model"]
    assert shown("/tasks/1/logs") == ["cost", "model"]
    assert shown("/logs?columns=due") == ["due"], "the address goes before the cookie"
    answer = post("/logs/columns", columns=["task", "due"], next="/logs?columns=cost&model=x")
    assert answer.location == "/logs?columns=task%2Cdue&model=x"
    assert shown("/tasks/1/logs") == ["due"] and shown("/logs") == ["of", "due"]
    answer = post("/logs/columns", reset="y", columns=["due"], next="/logs?columns=cost")
    assert answer.location == "/logs" and shown("/logs") == usual
    assert post("/logs/columns", next="//evil.test").location == "/logs"


def test_a_search_that_stops_halfway_goes_on(
    app: Flask, signed_in: FlaskClient, task, run, monkeypatch: pytest.MonkeyPatch
) -> None:
    from autoai.queries import run_pages

    monkeypatch.setattr(run_pages, "_CHUNKS", (2, 2))
    task_id = task()
    found = run(task_id, START - timedelta(hours=9), verdict="ok", cost=Decimal(1))
    for hours in range(9):
        run(task_id, START - timedelta(hours=hours), verdict="ok", cost=Decimal("0.001"))
    text = signed_in.get("/logs?min_cost=0.005&status=success").text
    assert ids(text) == [] and "No run fits" not in text
    assert "nothing found so far" in text
    for tries in range(1, 9):
        link = re.search(r'<a href="([^"]+)"[^>]*hx-trigger="click, load', text)
        assert link, tries
        text = signed_in.get(unescape(link[1])).text
        if ids(text):
            break
    assert ids(text) == [found]


def test_hits_show_the_words_around_what_was_searched_for(
    app: Flask, signed_in: FlaskClient, task, run
) -> None:
    task_id = task()
    texts = [
        {"response_text": "A long story. " * 20 + "<b>今天天气</b> is fine."},
        {"error_message": "No word about 天气 came."},
        {"request_messages": [{"role": "user", "content": "How is the 天气?"}]},
        {"response_text": "Nothing of the kind."},
    ]
    for minutes, columns in enumerate(texts):
        run(task_id, START - timedelta(minutes=minutes), texts=columns)
    with app.app_context():
        rebuild_search()
    text = signed_in.get("/logs?q=天气").text
    cells = re.findall(r'<td class="what".*?</td>', text, re.S)
    assert [cell.count("<mark>天气</mark>") for cell in cells] == [1, 1, 1]
    assert "&lt;b&gt;今天<mark>天气</mark>&lt;/b&gt; is fine." in cells[0]
    assert ">Error</span> No word about" in cells[1] and ">Message</span> How is the" in cells[2]
    assert "<mark>" not in signed_in.get("/logs").text
    assert "<mark>" not in signed_in.get("/logs?q=天气&columns=cost").text
