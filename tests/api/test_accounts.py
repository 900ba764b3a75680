"""/api/accounts: what a program sees of accounts, and what it may do with them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from autoai.extensions import db
from autoai.models import Throttle
from autoai.runtime import runtime
from autoai.services.accounts import get_account
from autoai.services.connections import account_connection, open_connection
from tests.factories import KEY, MASK, account_values, task_values
from tests.fakes import START, FakeClock
from tests.ticks import settle
from tests.wire import Wire, answer, http, wire

SECRET = "header-secret-9f8e7d6c5b"
PROXY = "http://me:proxy-password-77@proxy.test:3128"
FIELDS = {
    "id", "name", "provider", "api_endpoint", "api_key", "default_model", "extra_headers", "proxy",
    "max_concurrent_calls", "requests_per_minute", "tokens_per_minute", "enabled", "slow_until",
    "created_at", "updated_at", "prices",
}  # fmt: skip


@pytest.fixture
def make(api: FlaskClient) -> Callable[..., dict[str, Any]]:
    def create(**changes: Any) -> dict[str, Any]:
        made = api.post("/api/accounts", json=account_values(**changes))
        assert made.status_code == 201, made.text
        assert made.headers["Location"] == f"/api/accounts/{made.json['id']}"
        return dict(made.json)

    return create


@pytest.fixture
def upstream() -> Iterator[Wire]:
    with wire() as server:
        yield server


def through(api: FlaskClient, account: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A task that asks through the account."""
    values = task_values(account_id=account["id"], api_endpoint=..., model=..., **changes)
    made = api.post("/api/tasks", json=values)
    assert made.status_code == 201, made.text
    return dict(made.json)


def opened(app: Flask, account_id: int) -> Any:
    with app.app_context():
        stored = account_connection(get_account(account_id))
        return open_connection(runtime(app).ports, stored)


def test_all_fields_and_no_secret(api: FlaskClient, make) -> None:
    made = make(extra_headers={"X-Org": SECRET, "X-Short": "abc"}, proxy=PROXY)
    assert set(made) >= FIELDS
    assert (made["provider"], made["enabled"], made["slow_until"]) == ("openai", True, None)
    assert made["api_key"] == MASK
    assert made["extra_headers"] == {"X-Org": "hea…6c5b", "X-Short": "…"}
    assert made["proxy"] == "http://me:…@proxy.test:3128"
    assert made["created_at"] == "2026-03-02T12:00:00Z"
    for path in ("/api/accounts", f"/api/accounts/{made['id']}"):
        text = api.get(path).text
        assert not any(secret in text for secret in (KEY, SECRET, "proxy-password-77"))
    assert api.get(f"/api/accounts/{made['id']}").json == made


WRONG: list[tuple[str, Any]] = [
    ("name", ""),
    ("name", None),
    ("name", "x" * 201),
    ("name", "\x00"),
    ("name", 7),
    ("provider", "telegraph"),
    ("api_endpoint", "example.org"),
    ("api_endpoint", "https://user:secret@example.org"),
    ("api_key", "two words"),
    ("default_model", "m" * 201),
    ("extra_headers", {"Host": "x"}),
    ("extra_headers", {"X-A": "one\ntwo"}),
    ("extra_headers", {"X-A": 1}),
    ("extra_headers", [["X-A", "1"]]),
    ("extra_headers", {f"X-{n}": "1" for n in range(21)}),
    ("proxy", "socks5://proxy.test"),
    ("max_concurrent_calls", 0),
    ("requests_per_minute", -1),
    ("tokens_per_minute", 10**12),
    ("tokens_per_minute", 1.5),
    ("tokens_per_minute", True),
    ("enabled", "yes"),
    ("unheard_of", 1),
]


@pytest.mark.parametrize(("field", "value"), WRONG)
def test_what_is_wrong_is_refused_by_field(
    api: FlaskClient, make, field: str, value: object
) -> None:
    answer = api.post("/api/accounts", json=account_values(**{field: value}))
    assert answer.status_code == 422 and set(answer.json["errors"]) == {field}
    made = make()
    for method in (api.put, api.patch):
        answer = method(f"/api/accounts/{made['id']}", json=account_values(**{field: value}))
        if (field, value) != ("name", None):
            assert answer.status_code == 422 and set(answer.json["errors"]) == {field}
    assert api.get(f"/api/accounts/{made['id']}").json == made


def test_names_are_unique(api: FlaskClient, make) -> None:
    make(name="Work")
    other = make(name="Other")
    for refused in (
        api.post("/api/accounts", json=account_values(name="WORK")),
        api.patch(f"/api/accounts/{other['id']}", json={"name": "work"}),
    ):
        assert refused.status_code == 422 and set(refused.json["errors"]) == {"name"}


class TestChanging:
    def test_patch_changes_what_is_there(self, app: Flask, api: FlaskClient, make) -> None:
        made = make(extra_headers={"X-Org": SECRET}, proxy=PROXY, requests_per_minute=9)
        path = f"/api/accounts/{made['id']}"
        changed = api.patch(path, json={"tokens_per_minute": 5, "requests_per_minute": None})
        assert changed.status_code == 200
        expected = {**made, "tokens_per_minute": 5, "requests_per_minute": None}
        assert {**changed.json, "updated_at": 0} == {**expected, "updated_at": 0}
        connection = opened(app, made["id"])
        assert (connection.api_key, connection.proxy) == (KEY, PROXY)
        assert connection.extra_headers == {"X-Org": SECRET}

    def test_what_was_answered_may_be_sent_back(self, app: Flask, api: FlaskClient, make) -> None:
        made = make(extra_headers={"X-Org": SECRET}, proxy=PROXY)
        for method in (api.patch, api.put):
            answer = method(f"/api/accounts/{made['id']}", json=made)
            assert answer.status_code == 200 and answer.json == made
        connection = opened(app, made["id"])
        assert (connection.api_key, connection.proxy) == (KEY, PROXY)
        assert connection.extra_headers == {"X-Org": SECRET}

    def test_put_gives_the_rest_its_default(self, app: Flask, api: FlaskClient, make) -> None:
        made = make(requests_per_minute=9, default_model="m-1", provider="anthropic")
        values = {"name": "Work", "api_endpoint": "http://127.0.0.1:9/v1"}
        changed = api.put(f"/api/accounts/{made['id']}", json=values).json
        assert (changed["requests_per_minute"], changed["default_model"]) == (None, None)
        assert changed["provider"] == "openai"
        assert opened(app, made["id"]).api_key == KEY, "a key that is absent is kept"

    def test_secrets_are_replaced_and_removed(self, app: Flask, api: FlaskClient, make) -> None:
        made = make(extra_headers={"X-Org": SECRET, "X-Two": "2"}, proxy=PROXY)
        path = f"/api/accounts/{made['id']}"
        new = {"X-Org": made["extra_headers"]["X-Org"], "X-Three": "3"}
        api.patch(path, json={"extra_headers": new, "proxy": "", "api_key": "sk-new-0123456789"})
        connection = opened(app, made["id"])
        assert connection.extra_headers == {"X-Org": SECRET, "X-Three": "3"}
        assert (connection.proxy, connection.api_key) == (None, "sk-new-0123456789")

    def test_a_default_model_that_tasks_need_stays(self, api: FlaskClient, make) -> None:
        made = make()
        through(api, made, name="Needs it")
        answer = api.patch(f"/api/accounts/{made['id']}", json={"default_model": None})
        assert answer.status_code == 422 and "Needs it" in answer.json["errors"]["default_model"][0]


class TestDeleting:
    def test_unused(self, api: FlaskClient, make) -> None:
        path = f"/api/accounts/{make()['id']}"
        assert api.delete(path).status_code == 204
        assert api.get(path).status_code == api.delete(path).status_code == 404

    def test_used(self, api: FlaskClient, make) -> None:
        old, new, bare = make(name="a"), make(name="b"), make(name="c", default_model=None)
        task = through(api, old)
        path = f"/api/accounts/{old['id']}"
        assert api.delete(path).status_code == 409
        for target in (old["id"], 999, bare["id"], "x", 0):
            answer = api.delete(f"{path}?move_to={target}")
            assert answer.status_code == 422 and set(answer.json["errors"]) == {"move_to"}
        assert api.delete(f"{path}?move_to={new['id']}").status_code == 204
        assert api.get(f"/api/tasks/{task['id']}").json["account_id"] == new["id"]


def test_stopped_its_tasks_are_skipped_and_the_ledger_says_why(
    app: Flask, api: FlaskClient, make, clock: FakeClock
) -> None:
    made = make()
    task = through(api, made)
    other = api.post("/api/tasks", json=task_values(name="other")).json
    stopped = api.post(f"/api/accounts/{made['id']}/stop")
    assert stopped.status_code == 200 and stopped.json["enabled"] is False
    clock.step(minutes=3)
    settle(app)
    rows = api.get(f"/api/tasks/{task['id']}/logs").json["items"]
    assert {(row["status"], row["reason"]) for row in rows} == {("skipped", "disabled_account")}
    assert sum(row["occurrences"] for row in rows) == 3
    assert {row["account_id"] for row in rows} == {made["id"]}
    found = api.get(f"/api/logs?account_id={made['id']}").json["items"]
    assert {row["task_id"] for row in found} == {task["id"]}
    assert other["id"] in {row["task_id"] for row in api.get("/api/logs").json["items"]}
    assert api.get("/api/logs?account_id=x").status_code == 422
    assert api.post(f"/api/accounts/{made['id']}/start").json["enabled"] is True
    clock.step(minutes=1)
    settle(app)
    newest = api.get(f"/api/tasks/{task['id']}/logs").json["items"][0]
    assert newest["status"] in ("queued", "running")


def test_started_it_forgets_a_wish_for_patience(app: Flask, api: FlaskClient, make) -> None:
    made = make()
    with app.app_context():
        until = START + timedelta(minutes=5)
        db.session.add(Throttle(key=f"account:{made['id']}", until=until))
        db.session.commit()
    path = f"/api/accounts/{made['id']}"
    assert api.get(path).json["slow_until"] == "2026-03-02T12:05:00Z"
    assert api.post(f"{path}/start").json["slow_until"] is None


def test_search_and_pages(api: FlaskClient, make) -> None:
    made = [make(name=f"acc-{n}", default_model="gemma" if n == 3 else "m-1") for n in range(5)]
    first = api.get("/api/accounts?limit=2").json
    assert [a["id"] for a in first["items"]] == [made[0]["id"], made[1]["id"]]
    rest = api.get(f"/api/accounts?limit=200&cursor={first['next_cursor']}").json
    assert [a["id"] for a in rest["items"]] == [a["id"] for a in made[2:]]
    assert rest["next_cursor"] is None
    for query, expected in (("ACC-4", [4]), ("gem", [3]), ("127.0.0.1", range(5)), ("100%25", [])):
        found = api.get(f"/api/accounts?q={query}").json["items"]
        assert [a["id"] for a in found] == [made[n]["id"] for n in expected], query
    assert api.get("/api/accounts?limit=201").status_code == 422


class TestAsking:
    def test_models(self, api: FlaskClient, make, upstream: Wire) -> None:
        upstream.reply = http({"data": [{"id": "m-2"}, {"id": "m-1"}]})
        path = f"/api/accounts/{make(api_endpoint=upstream.base_url)['id']}/models"
        assert sorted(api.get(path).json["items"]) == ["m-1", "m-2"]
        assert upstream.heads[0]["authorization"] == f"Bearer {KEY}"
        upstream.reply = http({"error": {"message": f"no {KEY}"}}, 401)
        answer = api.get(path)
        assert answer.status_code == 409 and KEY not in answer.text

    def test_a_small_call(self, api: FlaskClient, make, upstream: Wire) -> None:
        upstream.reply = http(answer("OK", usage={"prompt_tokens": 9, "completion_tokens": 1}))
        path = f"/api/accounts/{make(api_endpoint=upstream.base_url)['id']}/test"
        found = api.post(path).json
        assert found["ok"] is True and found["response_text"] == "OK"
        assert (found["input_tokens"], found["output_tokens"]) == (9, 1)
        assert found["model_answered"] == "m-1" and found["http_status"] == 200
        api.post(path, json={"model": "m-7"})
        assert b'"m-7"' in upstream.bodies[-1]
        upstream.reply = http({"error": {"message": f"bad {KEY}"}}, 401)
        found = api.post(path, json={}).json
        assert (found["ok"], found["reason"], found["http_status"]) == (False, "auth", 401)
        assert KEY not in found["error_message"]

    def test_without_a_model(self, api: FlaskClient, make) -> None:
        answer = api.post(f"/api/accounts/{make(default_model=None)['id']}/test")
        assert answer.status_code == 422 and set(answer.json["errors"]) == {"model"}

    def test_beyond_a_limit(self, api: FlaskClient, make, upstream: Wire) -> None:
        upstream.reply = http(answer())
        account = make(api_endpoint=upstream.base_url, requests_per_minute=1)
        path = f"/api/accounts/{account['id']}/test"
        assert api.post(path).status_code == 200
        answer_ = api.post(path)
        assert answer_.status_code == 429 and int(answer_.headers["Retry-After"]) >= 1


def test_what_is_not_there(api: FlaskClient) -> None:
    for account_id in (7, 0, 2**62):
        path = f"/api/accounts/{account_id}"
        for method, more in (
            ("GET", ""), ("PUT", ""), ("PATCH", ""), ("DELETE", ""), ("GET", "/models"),
            ("POST", "/test"), ("POST", "/start"), ("POST", "/stop"),
        ):  # fmt: skip
            answer = api.open(path + more, method=method, json=account_values())
            assert answer.status_code == 404, (method, path + more)
