"""Every address needs a login unless it is listed here, and every change a token."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from autoai import create_app
from autoai.startup import prepare
from tests.conftest import PASSWORD, csrf_of, make_settings
from tests.fakes import FakeClock

# Adding to this list is a decision: these are seen by anybody who reaches the port.
ANYBODY = {
    "/static/<path:filename>",
    "/login",
    "/locale",
    "/theme",
    "/healthz",
    "/readyz",
    "/demo/v1/chat/completions",  # only while DEMO is on
    "/demo/v1/models",
}
# These change nothing, so they need no CSRF token.
NO_TOKEN = {"/demo/v1/chat/completions"}
UNSAFE = ("POST", "PUT", "PATCH", "DELETE")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """The app with all that can be switched on."""
    settings = make_settings(tmp_path_factory.mktemp("whole"), demo=True)
    app = create_app(settings, FakeClock())
    prepare(app)
    yield app


def addresses(app: Flask) -> list[tuple[str, str, str]]:
    """(rule, path, method) of all that is routed, ids filled in."""
    found = []
    for rule in app.url_map.iter_rules():
        path = rule.rule.replace("<int:task_id>", "1").replace("<int:run_id>", "1")
        path = path.replace("<int:outage_id>", "1").replace("<int:account_id>", "1")
        path = path.replace("<int:number>", "1").replace("<int:template_id>", "1")
        path = path.replace("<int:view_id>", "1")
        path = path.replace("<template_key>", "daily-digest")
        path = path.replace("<path:filename>", "css/app.css")
        assert "<" not in path, f"say here what stands for the variable in {rule.rule}"
        found += [(rule.rule, path, method) for method in sorted(rule.methods or ())]
    assert len(found) > 40
    return found


def test_without_a_login(whole: Flask) -> None:
    for rule, path, method in addresses(whole):
        answer = whole.test_client().open(path, method=method)
        if rule in ANYBODY:
            continue
        if path.startswith("/api/"):
            assert answer.status_code == 401, (method, path)
            assert method == "HEAD" or isinstance(answer.json["detail"], str)
        else:
            assert answer.status_code == 302, (method, path)
            assert answer.headers["Location"].split("?")[0] == "/login", (method, path)


def test_what_anybody_sees_is_listed(whole: Flask) -> None:
    assert {rule for rule, _, _ in addresses(whole)} >= ANYBODY, "no longer there: take it away"


def test_every_change_needs_a_token(whole: Flask) -> None:
    browser = whole.test_client()
    browser.post("/login", data={"password": PASSWORD, "csrf_token": csrf_of(browser)})
    assert browser.get("/").status_code == 200
    changes = [a for a in addresses(whole) if a[2] in UNSAFE and a[0] not in NO_TOKEN]
    assert len(changes) > 12
    for _, path, method in changes:
        for data in ({}, {"csrf_token": ""}, {"csrf_token": "wrong"}):
            answer = browser.open(path, method=method, data=data)
            assert answer.status_code == 403, (method, path, data)
    assert browser.get("/").status_code == 200, "not even the logout worked"


def test_logging_in_needs_a_token_too(client: FlaskClient) -> None:
    """Else another site could log the person into an account that is not theirs."""
    assert client.post("/login", data={"password": PASSWORD}).status_code == 403


def test_the_scheduler_s_own_api_is_off(client: FlaskClient, signed_in: FlaskClient) -> None:
    for path in ("", "/", "/jobs", "/start", "/jobs/tick", "/jobs/tick/run"):
        for method in ("GET", "POST", "DELETE", "PATCH"):
            for browser in (client, signed_in):
                assert browser.open(f"/scheduler{path}", method=method).status_code == 404


def test_the_demo_is_off_unless_asked_for(app: Flask, signed_in: FlaskClient) -> None:
    assert not [rule for rule in app.url_map.iter_rules() if rule.rule.startswith("/demo")]
    assert signed_in.post("/demo/v1/chat/completions").status_code == 404


def test_no_file_but_static_ones(client: FlaskClient) -> None:
    assert client.get("/static/css/app.css").status_code == 200
    for path in (
        "/static/../wsgi.py",
        "/static/..%2fwsgi.py",
        "/static/%2e%2e/.env",
        "/static//etc/passwd",
        "/static/",
        "/.env",
        "/instance/autoai.db",
    ):
        assert client.get(path).status_code in (308, 404), path


@pytest.mark.parametrize(
    "target",
    ["//evil.test", "https://evil.test/", "/\\evil.test", "\\\\evil.test", "/\t/evil.test", "evil"],
)
def test_a_login_leads_to_own_pages_only(client: FlaskClient, target: str) -> None:
    form = {"password": PASSWORD, "csrf_token": csrf_of(client), "next": target}
    answer = client.post("/login", data=form)
    assert answer.status_code == 303
    assert answer.headers["Location"] == "/"


def test_the_session_s_cookie_changes_at_the_login(client: FlaskClient) -> None:
    token = csrf_of(client)
    before = client.get_cookie("autoai_session")
    client.post("/login", data={"password": PASSWORD, "csrf_token": token})
    after = client.get_cookie("autoai_session")
    assert before and after and before.value != after.value
    assert after.http_only and after.same_site == "Lax" and not after.secure


def test_the_cookie_is_secure_behind_a_trusted_proxy_alone(tmp_path: Path) -> None:
    for proxies, secure in ((0, False), (1, True)):
        settings = make_settings(tmp_path / str(proxies), trusted_proxies=proxies)
        app = create_app(settings, FakeClock())
        prepare(app)
        answer = app.test_client().get("/login", headers={"X-Forwarded-Proto": "https"})
        assert ("Secure" in answer.headers["Set-Cookie"]) is secure
