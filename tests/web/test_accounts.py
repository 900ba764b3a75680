"""Accounts: the list, the form, the small call, switching, and their end."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from autoai.extensions import db
from autoai.models import Account, Run, Task, Throttle
from autoai.runtime import runtime
from autoai.services.connections import account_connection, open_connection
from autoai.web.words import PROVIDERS

from ..factories import KEY, MASK, make_account
from ..fakes import START
from ..wire import Wire, answer, http, wire
from .conftest import HTMX

SECRET = "header-secret-9f8e7d6c5b"
MODELS = http({"object": "list", "data": [{"id": "m-1"}, {"id": "m-<2>"}]})


def form_values(**changes: Any) -> dict[str, Any]:
    """A valid account form as a browser sends it."""
    values = {
        "name": "Work",
        "provider": "openai",
        "api_endpoint": "http://127.0.0.1:9/v1",
        "api_key": KEY,
        "default_model": "m-1",
        "extra_headers-0-name": "",
        "extra_headers-0-value": "",
        "proxy": "",
        "max_concurrent_calls": "",
        "requests_per_minute": "",
        "tokens_per_minute": "",
        "enabled": "y",
    }
    return {name: value for name, value in {**values, **changes}.items() if value is not ...}


@pytest.fixture
def account(app: Flask) -> Callable[..., int]:
    """Store an account: `account(name=…)`; its id."""

    def make(**changes: Any) -> int:
        with app.app_context():
            try:
                return make_account(runtime(app).ports, **changes).id
            finally:
                db.session.remove()

    return make


@pytest.fixture
def upstream() -> Iterator[Wire]:
    with wire(MODELS) as server:
        yield server


def only_account(app: Flask) -> Account:
    with app.app_context():
        return db.session.query(Account).one()


def opened(app: Flask, account: Account) -> Any:
    with app.app_context():
        return open_connection(runtime(app).ports, account_connection(account))


def shown(text: str, field: str) -> str:
    """What the form shows in a field."""
    found = re.search(rf'<input[^>]*id="{field}"[^>]*>', text)
    assert found, field
    return re.search(r' value="([^"]*)"', found[0])[1]  # type: ignore[index]


def test_the_names_of_all_families_are_known() -> None:
    from autoai.providers.registry import PROVIDERS as offered

    assert tuple(PROVIDERS) == offered


def test_without_an_account_the_list_says_what_one_is_for(signed_in: FlaskClient) -> None:
    text = signed_in.get("/accounts").text
    assert "keeps an endpoint and its key in one place" in text
    assert 'href="/accounts/new"' in text and 'href="/accounts" aria-current="page"' in text


def test_an_account_is_made(app: Flask, signed_in: FlaskClient, post) -> None:
    values = form_values(
        api_key=f" {KEY} ",
        max_concurrent_calls="3",
        requests_per_minute=" 60 ",
        proxy="http://me:proxy-password-77@proxy.test:3128",
        **{"extra_headers-0-name": "X-Org", "extra_headers-0-value": SECRET},
    )
    answer = post("/accounts/new", **values)
    made = only_account(app)
    assert (answer.status_code, answer.location) == (303, f"/accounts/{made.id}/edit")
    assert "“Work” was created." in signed_in.get(answer.location).text
    assert (made.provider, made.api_key_mask, made.enabled) == ("openai", MASK, True)
    assert (made.max_concurrent_calls, made.requests_per_minute) == (3, 60)
    assert made.tokens_per_minute is None
    connection = opened(app, made)
    assert (connection.api_key, connection.extra_headers) == (KEY, {"X-Org": SECRET})
    assert connection.proxy == "http://me:proxy-password-77@proxy.test:3128"


def test_with_htmx_the_browser_is_sent_on(post) -> None:
    answer = post("/accounts/new", htmx=True, **form_values())
    assert answer.status_code == 200
    assert re.fullmatch(r"/accounts/\d+/edit", answer.headers["HX-Redirect"])


WRONG = [
    ("name", ""),
    ("name", "x" * 201),
    ("provider", "telegraph"),
    ("api_endpoint", "ftp://example.org"),
    ("api_endpoint", ""),
    ("api_key", "sk with blanks"),
    ("default_model", "m" * 201),
    ("proxy", "proxy.test:3128"),
    ("proxy", "http://proxy.test/path"),
    ("max_concurrent_calls", "0"),
    ("requests_per_minute", "many"),
    ("tokens_per_minute", "1.5"),
    ("tokens_per_minute", "9" * 30),
]


@pytest.mark.parametrize("htmx", [False, True])
def test_what_is_wrong_stands_beside_its_field(app: Flask, post, htmx: bool) -> None:
    for field, value in WRONG:
        answer = post("/accounts/new", htmx=htmx, **form_values(**{field: value}))
        assert answer.status_code == 422, (field, value)
        assert ("<html" in answer.text) is not htmx
        assert f'id="{field}-error"' in answer.text, (field, value)
    with app.app_context():
        assert db.session.query(Account).count() == 0


HEADERS = [
    ([("Bad name", "x")], "is not the name of a header"),
    ([("", "x")], "is not the name of a header"),
    ([("X-Empty", "")], "needs visible ASCII characters"),
    ([("Host", "elsewhere")], "cannot be set"),
    ([("X-A", "1"), ("x-a", "2")], "x-a is there twice"),
]


@pytest.mark.parametrize(("rows", "complaint"), HEADERS)
def test_what_is_wrong_in_a_header_is_said_and_the_rows_stay(
    post, rows: list[tuple[str, str]], complaint: str
) -> None:
    typed = {}
    for number, (name, value) in enumerate(rows):
        typed |= {f"extra_headers-{number}-name": name, f"extra_headers-{number}-value": value}
    text = post("/accounts/new", **form_values(**typed)).text
    assert complaint.lower() in text.lower()
    assert re.search(r'<details[^>]*id="more-account" open', text)
    for field, value in typed.items():
        assert shown(text, field) == value
    assert f"extra_headers-{len(rows)}-name" in text, "there is room for another one"


def test_a_name_is_there_once(post, account) -> None:
    account(name="work")
    answer = post("/accounts/new", **form_values(name="Work"))
    assert answer.status_code == 422 and "There is an account of this name." in answer.text


def test_what_was_typed_is_kept_but_not_the_key(post) -> None:
    typed = form_values(
        name="", requests_per_minute="many", proxy="nonsense", provider="anthropic", enabled=...
    )
    text = post("/accounts/new", **typed).text
    assert shown(text, "requests_per_minute") == "many" and shown(text, "proxy") == "nonsense"
    assert shown(text, "api_endpoint") == "http://127.0.0.1:9/v1"
    assert re.search(r'<input[^>]* checked[^>]*value="anthropic"', text)
    assert not re.search(r'<input checked[^>]*name="enabled"', text)
    assert KEY not in text


def test_folded_parts_say_what_they_hold(signed_in, post, account) -> None:
    account_id = account(extra_headers={"X-Org": SECRET}, token_budget_month=20_000)
    text = signed_in.get(f"/accounts/{account_id}/edit").text
    assert "20,000 tokens a month" in text and "1 header" in text
    answer = post("/accounts/new?summaries=1", htmx=True, **form_values(proxy="http://p.test"))
    assert answer.status_code == 200 and answer.text.count("<hx-partial") == 2
    assert "a proxy" in answer.text


def test_a_stored_key_is_removed_or_asked_for(app: Flask, signed_in, post, account) -> None:
    account_id = account(api_key=KEY)
    path = f"/accounts/{account_id}/edit"
    moved = form_values(api_key="", api_endpoint="https://other.test/v1")
    answer = post(path, **moved)
    assert answer.status_code == 422 and 'id="keep_api_key-error"' in answer.text
    assert post(path, **moved, remove_api_key="y").status_code == 303
    assert only_account(app).api_key_encrypted is None
    assert 'name="remove_api_key"' not in signed_in.get(path).text


def test_editing_shows_masks_and_keeps_what_they_stand_for(
    app: Flask, signed_in: FlaskClient, post, account
) -> None:
    proxy = "http://me:proxy-password-77@proxy.test:3128"
    account_id = account(api_key=KEY, extra_headers={"X-Org": SECRET, "X-Two": "2"}, proxy=proxy)
    text = signed_in.get(f"/accounts/{account_id}/edit").text
    assert f'placeholder="{MASK}"' in text and shown(text, "api_key") == ""
    assert shown(text, "extra_headers-0-value") == "hea…6c5b"
    assert shown(text, "proxy") == "http://me:…@proxy.test:3128"
    for secret in (KEY, SECRET, "proxy-password-77"):
        assert secret not in text

    changes = form_values(name="Renamed", api_key="", proxy=shown(text, "proxy"))
    for number in (0, 1):
        for part in ("name", "value"):
            field = f"extra_headers-{number}-{part}"
            changes[field] = shown(text, field)
    changes["extra_headers-5-name"], changes["extra_headers-5-value"] = "X-New", "new"
    answer = post(f"/accounts/{account_id}/edit", **changes)
    assert (answer.status_code, answer.location) == (303, "/accounts")
    after = only_account(app)
    connection = opened(app, after)
    assert (after.name, connection.api_key, connection.proxy) == ("Renamed", KEY, proxy)
    assert connection.extra_headers == {"X-Org": SECRET, "X-Two": "2", "X-New": "new"}

    changes["extra_headers-0-name"] = changes["extra_headers-0-value"] = ""
    changes["proxy"] = ""
    post(f"/accounts/{account_id}/edit", **changes)
    connection = opened(app, only_account(app))
    assert connection.extra_headers == {"X-Two": "2", "X-New": "new"} and connection.proxy is None


def test_prices_of_its_own(app: Flask, signed_in: FlaskClient, post) -> None:
    typed = {"prices-0-model": "*", "prices-0-input": "0.15", "prices-0-output": " 0.6 "}
    typed |= {"prices-1-model": "m-1", "prices-1-input": "1", "prices-1-output": "2"}
    post("/accounts/new", **form_values(**typed, **{"prices-1-cached_input": "0.5"}))
    made = only_account(app)
    assert made.prices == {
        "*": {"input": "0.15", "output": "0.6"},
        "m-1": {"input": "1", "output": "2", "cached_input": "0.5"},
    }
    text = signed_in.get(f"/accounts/{made.id}/edit").text
    assert shown(text, "prices-1-cached_input") == "0.5" and shown(text, "prices-2-model") == ""
    for wrong, complaint in (
        ({"prices-0-output": ""}, "needs the price of input and of output"),
        ({"prices-0-input": "0,15"}, "A price is a number"),
        ({"prices-0-model": "m-1"}, "m-1 is there twice."),
    ):
        answer = post("/accounts/new", **form_values(name="Other", **{**typed, **wrong}))
        assert answer.status_code == 422 and complaint in answer.text


class TestFetching:
    def test_the_models_of_what_is_typed(self, app: Flask, post, upstream: Wire) -> None:
        typed = form_values(fetch="models", name="", api_endpoint=upstream.base_url)
        typed |= {"extra_headers-0-name": "X-Org", "extra_headers-0-value": "typed"}
        answer = post("/accounts/new", htmx=True, **typed)
        assert answer.status_code == 200 and "<form" not in answer.text
        assert answer.text.lstrip().startswith('<div class="offer" id="offer"')
        assert re.findall(r'<option value="([^"]*)"', answer.text) == ["m-1", "m-&lt;2&gt;"]
        assert "2 models found" in answer.text
        (head,) = upstream.heads
        assert (head["authorization"], head["x-org"]) == (f"Bearer {KEY}", "typed")
        with app.app_context():
            assert db.session.query(Account).count() == 0, "nothing is saved"

    def test_without_javascript_the_page_comes_back_as_typed(self, post, upstream: Wire) -> None:
        typed = form_values(fetch="models", name="Half", api_endpoint=upstream.base_url)
        answer = post("/accounts/new", **typed)
        assert answer.status_code == 200 and "<html" in answer.text
        assert shown(answer.text, "name") == "Half" and '<option value="m-1">' in answer.text
        assert KEY not in answer.text

    def test_what_went_wrong_stands_beside_the_button(self, post, upstream: Wire) -> None:
        upstream.reply = http({"error": {"message": f"bad key {KEY}"}}, 401)
        typed = form_values(fetch="models", api_endpoint=upstream.base_url)
        answer = post("/accounts/new", htmx=True, **typed)
        assert answer.status_code == 422 and "did not list its models" in answer.text
        assert KEY not in answer.text
        answer = post("/accounts/new", htmx=True, **form_values(fetch="models", api_endpoint="x"))
        assert answer.status_code == 422 and "Enter a URL" in answer.text

    def test_a_stored_key_goes_to_its_own_host_only(self, post, account, upstream: Wire) -> None:
        headers = {"X-Org": SECRET}
        account_id = account(api_endpoint=upstream.base_url, extra_headers=headers)
        typed = form_values(
            fetch="models",
            api_key="",
            **{"extra_headers-0-name": "X-Org", "extra_headers-0-value": "hea…6c5b"},
        )
        path = f"/accounts/{account_id}/edit"
        post(path, htmx=True, **{**typed, "api_endpoint": upstream.base_url})
        assert upstream.heads[-1]["authorization"] == f"Bearer {KEY}"
        assert upstream.heads[-1]["x-org"] == SECRET
        with wire(MODELS) as other:
            post(path, htmx=True, **{**typed, "api_endpoint": other.base_url})
            assert "authorization" not in other.heads[0] and "x-org" not in other.heads[0]
            # Nor through somebody else's proxy, where it could be read on the way.
            through = f"http://127.0.0.1:{other.server_address[1]}"
            post(path, htmx=True, **{**typed, "api_endpoint": upstream.base_url, "proxy": through})
            assert "authorization" not in other.heads[1] and "x-org" not in other.heads[1]


class TestTheSmallCall:
    def test_an_answer(self, post, account, upstream: Wire) -> None:
        usage = {"prompt_tokens": 14, "completion_tokens": 2}
        upstream.reply = http(answer("<b>OK</b>", usage=usage))
        account_id = account(api_endpoint=upstream.base_url)
        page = post(f"/accounts/{account_id}/test")
        assert page.status_code == 200 and "<html" in page.text
        assert "It answered after" in page.text and "&lt;b&gt;OK&lt;/b&gt;" in page.text
        assert "<dd>14</dd>" in page.text and "<dd>2</dd>" in page.text
        part = post(f"/accounts/{account_id}/test", htmx=True, model="m-other")
        assert part.text.lstrip().startswith('<div id="test"')
        assert b"m-other" in upstream.bodies[-1] and b"m-1" in upstream.bodies[0]

    def test_a_failure_is_said_with_advice(self, post, account, upstream: Wire) -> None:
        upstream.reply = http({"error": {"message": f"Incorrect API key: {KEY}"}}, 401)
        text = post(f"/accounts/{account(api_endpoint=upstream.base_url)}/test", htmx=True).text
        assert (
            "The provider did not accept the API key." in text and "Enter a valid API key" in text
        )
        assert "Incorrect API key" in text and KEY not in text and "<dd>401</dd>" in text

    def test_nobody_there(self, post, account) -> None:
        text = post(f"/accounts/{account()}/test").text
        assert "could not be reached" in text

    def test_without_a_model(self, post, account, upstream: Wire) -> None:
        account_id = account(api_endpoint=upstream.base_url, default_model=None)
        assert "Say which model" in post(f"/accounts/{account_id}/test").text
        assert upstream.heads == []

    def test_a_limit_holds_for_it_too(self, post, account, upstream: Wire) -> None:
        upstream.reply = http(answer())
        path = f"/accounts/{account(api_endpoint=upstream.base_url, requests_per_minute=1)}/test"
        assert "It answered" in post(path).text
        assert "a limit is reached" in post(path).text and len(upstream.heads) == 1


def test_the_list_tells_of_each_account(
    app: Flask, signed_in: FlaskClient, account, task, clock
) -> None:
    one = account(
        name="Busy",
        provider="anthropic",
        api_endpoint="https://api.anthropic.com/v1",
        default_model="claude-x",
        max_concurrent_calls=3,
        tokens_per_minute=40_000,
    )
    account(name="Quiet", enabled=False, default_model=None)
    for number in range(2):
        task(name=f"t-{number}", account_id=one, api_endpoint=..., model=...)
    with app.app_context():
        until = START + timedelta(seconds=45)
        db.session.add(Throttle(key=f"account:{one}", until=until))
        db.session.commit()
    text = signed_in.get("/accounts").text
    busy = text[text.index(f'id="account-{one}"') :]
    assert text.index("Busy") < text.index("Quiet")
    for what in ("Anthropic Messages", "api.anthropic.com", "claude-x", "3 at once", "40,000"):
        assert what in busy, what
    assert re.search(rf'href="/tasks\?account_id={one}">2<', busy)
    assert "Slowed until" in busy and "(45 s more)" in busy
    # How long it lasts goes down by itself, so that the part is written again.
    seen = re.search(r'hx-get="(/accounts\?seen=[^"]+)"', text)[1].replace("&amp;", "&")
    clock.step(5)
    assert "(40 s more)" in signed_in.get(seen, headers=HTMX).text
    clock.step(60)
    assert "Slowed" not in signed_in.get("/accounts").text


def test_the_list_is_searched_and_paged(signed_in: FlaskClient, account) -> None:
    for number in range(51):
        account(name=f"acc-{number:02}", default_model="gemma" if number == 7 else "m-1")
    first = signed_in.get("/accounts").text
    assert "acc-49" in first and "acc-50" not in first and "/accounts?page=2" in first
    assert "acc-50" in signed_in.get("/accounts?page=2").text
    found = signed_in.get("/accounts?q=GEMMA", headers=HTMX).text
    assert "<html" not in found and "acc-07" in found and "acc-08" not in found
    assert "No account fits this search" in signed_in.get("/accounts?q=100%25").text
    assert signed_in.get("/accounts?q=%00&page=x").status_code == 200


def test_nothing_new_is_not_sent_again(signed_in: FlaskClient, account) -> None:
    account()
    text = signed_in.get("/accounts").text
    seen = re.search(r'hx-get="(/accounts\?seen=[^"]+)"', text)[1]
    assert signed_in.get(seen, headers=HTMX).status_code == 204
    account(name="Another")
    assert "Another" in signed_in.get(seen, headers=HTMX).text


def test_the_switch(app: Flask, signed_in: FlaskClient, post, account) -> None:
    account_id = account()
    answer = post(f"/accounts/{account_id}/toggle", enabled="", next="/accounts?page=1")
    assert (answer.status_code, answer.location) == (303, "/accounts?page=1")
    assert not only_account(app).enabled
    assert "its tasks do not run" in signed_in.get("/accounts").text
    answer = post(f"/accounts/{account_id}/toggle", htmx=True, enabled="y")
    assert only_account(app).enabled and '"#list"' in answer.headers["HX-Trigger"]
    assert post(f"/accounts/{account_id}/toggle", next="//evil.test").location == "/accounts"


class TestDeleting:
    def test_unused(self, app: Flask, signed_in: FlaskClient, post, account) -> None:
        account_id = account()
        assert "No task uses it" in signed_in.get(f"/accounts/{account_id}/delete").text
        part = signed_in.get(f"/accounts/{account_id}/delete", headers=HTMX).text
        assert "<html" not in part and "<form" in part
        answer = post(f"/accounts/{account_id}/delete")
        assert (answer.status_code, answer.location) == (303, "/accounts")
        with app.app_context():
            assert db.session.query(Account).count() == 0

    def test_used_and_there_is_no_other(self, signed_in: FlaskClient, post, account, task) -> None:
        account_id = account()
        task(account_id=account_id, api_endpoint=...)
        text = signed_in.get(f"/accounts/{account_id}/delete").text
        assert "1 task uses it, and there is no other account" in text
        assert "danger" not in text
        assert post(f"/accounts/{account_id}/delete").status_code == 409

    def test_its_tasks_move(
        self, app: Flask, signed_in: FlaskClient, post, account, task, run
    ) -> None:
        old, new = account(name="Old"), account(name="New")
        bare = account(name="Bare", default_model=None)
        task_id = task(account_id=old, api_endpoint=..., model=...)
        run(task_id, START, account_id=old)
        text = signed_in.get(f"/accounts/{old}/delete").text
        assert f'<option value="{new}">New' in text and f'value="{old}"' not in text
        path = f"/accounts/{old}/delete"
        for wrong, complaint in (
            ("", "1 task uses this account"),
            (str(old), "Choose another account."),
            ("9" * 40, "1 task uses this account"),
            (str(bare), "has no model of its own"),
        ):
            answer = post(path, move_to=wrong)
            assert answer.status_code in (409, 422) and complaint in answer.text, wrong
        assert post(path, move_to=str(new)).status_code == 303
        with app.app_context():
            assert db.session.get_one(Task, task_id).account_id == new
            assert db.session.query(Run).one().account_id == old


def test_what_is_not_there_is_not_found(signed_in: FlaskClient, post) -> None:
    for account_id in ("7", "0", 2**63 - 1, "9" * 30):
        for what in ("edit", "delete"):
            assert signed_in.get(f"/accounts/{account_id}/{what}").status_code == 404
        for what in ("edit", "delete", "toggle", "test"):
            assert post(f"/accounts/{account_id}/{what}").status_code == 404


def test_a_secret_is_on_no_page(signed_in: FlaskClient, account, task) -> None:
    proxy = "http://me:proxy-password-77@proxy.test:3128"
    account_id = account(extra_headers={"X-Org": SECRET}, proxy=proxy)
    task_id = task(account_id=account_id, api_endpoint=...)
    pages = ["/", "/logs", "/accounts", "/tasks/new", f"/tasks/{task_id}/edit"]
    pages += [f"/accounts/{account_id}/edit", f"/accounts/{account_id}/delete"]
    for page in pages:
        text = signed_in.get(page).text
        assert not any(secret in text for secret in (KEY, SECRET, "proxy-password-77")), page
