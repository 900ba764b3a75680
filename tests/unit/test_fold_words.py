"""What the summaries of folded parts say: of what is set, of the defaults, and of nonsense."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask

from autoai.web import fold_words as words

ANSWER: dict[str, Any] = {
    "messages": [], "temperature": None, "max_tokens": None, "response_format": "text",
    "seed": None, "stop": [], "extra_body": None, "stream": True,
}  # fmt: skip
CHECKS: dict[str, Any] = {"checks": [], "verdict_rules": {}, "change_watch": "off"}
WHEN: dict[str, Any] = {"starts_at": None, "ends_at": "", "jitter_seconds": None, "blackouts": []}
POLICIES: dict[str, Any] = {
    "catch_up": "latest", "overlap": "skip", "catch_up_window_seconds": 3600,
    "expires_after_seconds": None, "pause_after_failures": 5, "priority": "normal",
    "rerun_interrupted": False,
}  # fmt: skip
ATTEMPTS: dict[str, Any] = {
    "timeout_seconds": 30, "max_attempts": 3, "retry_network": True, "retry_statuses": [],
}  # fmt: skip
BUDGETS: dict[str, Any] = dict.fromkeys(
    ("cost_budget_day", "cost_budget_month", "token_budget_day", "token_budget_month")
)


@pytest.fixture(autouse=True)
def _in_english(app: Flask) -> Iterator[None]:
    with app.test_request_context():
        yield


def attempts(values: dict[str, Any]) -> words.Fold:
    return words.attempts_fold(values, 30)


def budgets(values: dict[str, Any]) -> words.Fold:
    return words.budgets_fold(values, "caps")


SAID = [
    (words.answer_fold, ANSWER, {}, None),
    (words.answer_fold, ANSWER, {"temperature": 0.0, "max_tokens": 1}, "temperature 0, at most 1 token"),
    (words.answer_fold, ANSWER, {"response_format": "json_schema", "seed": 0}, "JSON schema, seed 0"),
    (words.answer_fold, ANSWER, {"extra_body": {"a": 1}, "stop": ["a", "b"]}, "2 stop texts, 1 more field"),
    (words.answer_fold, ANSWER, {"stream": False, "messages": [{}]}, "1 earlier message, in one piece"),
    (words.answer_fold, ANSWER, {"temperature": "warm", "max_tokens": "x", "seed": "y", "extra_body": "{"}, None),
    (words.answer_fold, ANSWER, {"temperature": float("inf")}, None),
    (words.checks_fold, CHECKS, {}, None),
    (words.checks_fold, CHECKS, {"checks": [{}, {}], "change_watch": "json"}, "2 checks, JSON is compared"),
    (words.checks_fold, CHECKS, {"verdict_rules": {"truncated": "ok"}}, "1 own level"),
    (words.when_fold, WHEN, {}, None),
    (words.when_fold, WHEN, {"starts_at": "2026-03-03T09:00", "jitter_seconds": 90, "blackouts": [{}]},
     "from Tue, Mar 3, 2026, spread over 1 min 30 s, 1 quiet window"),
    (words.when_fold, WHEN, {"ends_at": datetime(2026, 3, 9, tzinfo=UTC)}, "until Mon, Mar 9, 2026"),
    (words.when_fold, WHEN, {"starts_at": "soon", "ends_at": "2026-13-01", "jitter_seconds": "x"}, None),
    (words.policies_fold, POLICIES, {"overlap": "queue", "priority": "high"},
     "catches up once, one waits, high priority"),
    (words.policies_fold, POLICIES, {"catch_up": "none", "pause_after_failures": None},
     "never catches up, skips overlaps, never pauses"),
    (words.policies_fold, POLICIES, {"catch_up": "all", "catch_up_window_seconds": 60, "expires_after_seconds": 600},
     "catches up everything, skips overlaps, expires after 10 min"),
    (words.policies_fold, POLICIES, {"catch_up_window_seconds": 7200, "rerun_interrupted": True},
     "catches up once, skips overlaps, up to 2 hours late, repeats what was cut off"),
    (attempts, ATTEMPTS, {"max_attempts": 1, "timeout_seconds": 120}, "2 min each, 1 attempt"),
    (attempts, ATTEMPTS, {"retry_statuses": [429, 503]},
     "30 s each, 3 attempts, network errors are retried, also retries 429 and 503"),
    (attempts, ATTEMPTS, {"retry_network": False}, "30 s each, 3 attempts, network errors are not retried"),
    (budgets, BUDGETS, {}, None),
    (budgets, BUDGETS, {"cost_budget_day": "5", "token_budget_month": 20_000}, "$5.00 a day, 20,000 tokens a month"),
    (budgets, BUDGETS, {"cost_budget_day": "nan", "cost_budget_month": "-5", "token_budget_day": "many"}, None),
    (budgets, BUDGETS, {"cost_budget_month": "1e99"}, None),
]  # fmt: skip


@pytest.mark.parametrize(("fold", "usual", "changes", "said"), SAID)
def test_what_is_set_is_said(fold: Any, usual: Any, changes: Any, said: str | None) -> None:
    found = fold({**usual, **changes})
    assert found.said == (fold(usual).said if said is None else said)
    assert found.changed == (said is not None)


def test_the_defaults_are_said_and_not_marked() -> None:
    assert words.policies_fold(POLICIES) == words.Fold("catches up once, skips overlaps")
    silent = dict.fromkeys(POLICIES)
    del silent["pause_after_failures"]
    assert words.policies_fold(silent) == words.policies_fold(POLICIES)
    said = "30 s each, 3 attempts, network errors are retried"
    assert attempts(ATTEMPTS) == words.Fold(said)
    assert attempts({**ATTEMPTS, "timeout_seconds": "x", "max_attempts": "y"}).changed is False


def test_in_chinese(app: Flask) -> None:
    with app.test_request_context(headers={"Accept-Language": "zh-CN"}):
        assert "2026年3月3日" in words.when_fold({**WHEN, "starts_at": "2026-03-03T09:00"}).said


def test_texts_and_an_accounts_connection() -> None:
    texts = {"variables": {"a": "1"}, "secrets": {"b": "", "c": ""}, "conversation_turns": 3}
    assert words.prompt_fold(texts).said == "1 variable, 2 secrets, 3 earlier runs are sent"
    empty = {"variables": {}, "conversation_turns": None}
    assert words.prompt_fold(empty, open=True) == words.Fold(
        words.prompt_fold(empty).said, open=True
    )
    account = {"extra_headers": {"a": "b"}, "proxy": "http://p.test", "prices": {"*": {}}}
    assert words.connection_fold(account).said == "1 header, a proxy, 1 price"
