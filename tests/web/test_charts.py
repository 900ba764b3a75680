"""Bar charts: their numbers, and their words."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal

import pytest
from flask import Flask
from flask.testing import FlaskClient

from autoai.web.charts import LOW, MEDIUM, Column, bar_chart
from autoai.web.status_bars import by_kind, lines_of, summed

from ..fakes import START


def column(*amounts: int, url: str = "/x") -> Column:
    return Column("x", ("x",), tuple(zip(("ok", "failed"), amounts, strict=False)), url)


def heights(bar: str) -> list[tuple[str, float]]:
    return [
        (kind, float(height))
        for kind, height in re.findall(r'class="piece (\w+)"[^>]* height="([\d.]+)"', bar)
    ]


def plain(value: Decimal) -> str:
    return f"{value:f}"


def test_bars_share_one_scale_and_little_is_still_seen() -> None:
    chart = bar_chart([column(999, 1), column(500, 0), column(0, 0)], MEDIUM)
    first, second, third = (heights(bar) for bar in chart.bars)
    room = MEDIUM.floor - MEDIUM.top
    assert first == [("ok", round(room * 0.999, 1)), ("failed", 2.0)]
    assert second == [("ok", room / 2)] and third == []
    assert chart.kinds == ["ok", "failed"] and chart.lines == []
    places = [float(x) for x in re.findall(r'class="hit" x="([\d.]+)%"', "".join(chart.bars))]
    assert places == sorted(places) and len(places) == 3 and places[-1] < 100


def test_words_are_words_and_no_markup() -> None:
    bar = bar_chart([Column("<b>", ("<i> & 1",), (("ok", 1),), '/?a=1&b="', "<")], LOW).bars[0]
    assert "<b>" not in bar and "<i>" not in bar and "&lt;i&gt; &amp; 1" in bar
    assert 'href="/?a=1&amp;b=&#34;"' in bar


@pytest.mark.parametrize(
    ("most", "whole", "words"),
    [
        (1, True, ["1", "0"]),  # nothing ran half a time
        (3, True, ["5", "0"]),
        (2, True, ["2", "1", "0"]),
        (11, True, ["20", "10", "0"]),
        (21, True, ["25", "0"]),
        (99, True, ["100", "50", "0"]),
        (1, False, ["1", "0.5", "0"]),
        (0, True, []),
    ],
)
def test_the_scale_is_of_round_numbers(most: int, whole: bool, words: list[str]) -> None:
    chart = bar_chart([column(most)], LOW, plain, whole=whole)
    assert [line.words for line in chart.lines] == words
    places = [line.y for line in chart.lines]
    assert places == sorted(places)
    assert (chart.scale_width > 0) is bool(words)


def test_nothing_is_drawn_of_nothing() -> None:
    assert bar_chart([], LOW, plain).bars == []
    assert heights(bar_chart([column(0)], LOW).bars[0]) == []
    assert "<a" not in bar_chart([column(5, url="")], LOW).bars[0]


def test_every_status_has_its_kind_and_its_words(app: Flask) -> None:
    statuses = ("success", "failed", "interrupted", "missed", "expired", "skipped", "cancelled")
    counts = by_kind({**dict.fromkeys(statuses, 2), "queued": 1, "running": 1}, degraded=1)
    assert counts == {"ok": 1, "degraded": 1, "failed": 4, "missed": 4, "skipped": 4, "active": 2}
    with app.test_request_context():
        assert lines_of("Mon", counts) == (
            "Mon: 1 successful",
            "1 degraded, 4 without success",
            "4 missed, 4 left out, 2 under way",
        )
        assert lines_of("Mon", by_kind({}, 0)) == ("Mon: 0 successful",)
        assert len(lines_of("Mon", counts, most=2)) == 2
        assert summed(by_kind({"success": 1200}, 0)) == "1,200 successful, none failed"


def test_the_week_of_the_log(signed_in: FlaskClient, task, run) -> None:
    task_id = task()
    for minutes, status in ((1, "success"), (2, "success"), (1440, "failed")):
        run(task_id, START - timedelta(minutes=minutes), status=status)
    for path in ("/logs", f"/tasks/{task_id}/logs"):
        text = signed_in.get(path).text
        chart = re.search(r'<svg class="bars".*?</svg>', text, re.S)[0]
        assert " style=" not in chart and chart.count('class="day"') == 7
        assert chart.count('class="piece ok"') == 1 and chart.count('class="piece failed"') == 1
        bar = (
            f'<a href="{path}?from=2026-03-02&amp;to=2026-03-02" aria-label="Mar 2: 2 successful">'
        )
        assert bar in chart
        assert text.count('<pattern id="fill-failed"') == 1
