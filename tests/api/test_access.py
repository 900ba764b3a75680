"""Who may use the API: nobody without credentials, a browser with its CSRF token, a program with a
bearer token."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.conftest import csrf_of
from tests.factories import task_values

CALLS = [
    ("GET", "/api/tasks"),
    ("POST", "/api/tasks"),
    ("GET", "/api/tasks/1"),
    ("PUT", "/api/tasks/1"),
    ("PATCH", "/api/tasks/1"),
    ("DELETE", "/api/tasks/1"),
    ("POST", "/api/tasks/1/run"),
    ("POST", "/api/tasks/1/duplicate"),
    ("GET", "/api/tasks/1/logs"),
    ("GET", "/api/logs"),
    ("GET", "/api/logs/1"),
    ("GET", "/api/dashboard/stats"),
    ("GET", "/api/no/such/thing"),
    ("POST", "/api/no/such/thing"),
    ("OPTIONS", "/api/tasks"),
    ("DELETE", "/api/tasks"),
]


@pytest.mark.parametrize(("method", "path"), CALLS)
@pytest.mark.parametrize(
    "authorization",
    [None, "Bearer wrong", "Bearer", "Bearer ", "Basic YWRtaW46eA==", "bearer \xff", "rubbish"],
)
def test_without_credentials(
    client: FlaskClient, method: str, path: str, authorization: str | None
) -> None:
    headers = {"Authorization": authorization} if authorization else {}
    answer = client.open(path, method=method, headers=headers)
    assert answer.status_code == 401, "before CSRF, before 404, before 405"
    assert isinstance(answer.json["detail"], str)
    assert "Set-Cookie" not in answer.headers


def test_a_bearer_needs_no_csrf_token(api: FlaskClient) -> None:
    assert api.post("/api/tasks", json=task_values()).status_code == 201


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_scheme_in_any_case(client: FlaskClient, token: str, scheme: str) -> None:
    answer = client.get("/api/tasks", headers={"Authorization": f"{scheme} {token}"})
    assert answer.status_code == 200


def test_a_bearer_opens_no_page(api: FlaskClient) -> None:
    answer = api.get("/")
    assert answer.status_code == 302 and answer.headers["Location"].startswith("/login")


class TestASession:
    def test_reads(self, signed_in: FlaskClient) -> None:
        assert signed_in.get("/api/tasks").status_code == 200

    @pytest.mark.parametrize("header", [None, "", "wrong"])
    def test_writes_only_with_its_token(self, signed_in: FlaskClient, header: str | None) -> None:
        headers = {} if header is None else {"X-CSRFToken": header}
        for method, path in CALLS:
            if method in ("POST", "PUT", "PATCH", "DELETE") and "such" not in path:
                answer = signed_in.open(path, method=method, headers=headers, json=task_values())
                expected = (405, 403) if (method, path) == ("DELETE", "/api/tasks") else (403,)
                assert answer.status_code in expected, (method, path)
                assert isinstance(answer.json["detail"], str)
        assert signed_in.get("/api/tasks").json["items"] == []

    def test_writes_with_it(self, signed_in: FlaskClient) -> None:
        headers = {"X-CSRFToken": csrf_of(signed_in, "/")}
        made = signed_in.post("/api/tasks", json=task_values(), headers=headers)
        assert made.status_code == 201
        path = f"/api/tasks/{made.json['id']}"
        assert signed_in.delete(path, headers=headers).status_code == 204

    def test_another_session_s_token_is_worth_nothing(
        self, app: Flask, signed_in: FlaskClient
    ) -> None:
        stranger = csrf_of(app.test_client())
        answer = signed_in.post("/api/tasks", json=task_values(), headers={"X-CSRFToken": stranger})
        assert answer.status_code == 403

    def test_is_over_after_logout_even_with_the_old_cookie(
        self, app: Flask, signed_in: FlaskClient
    ) -> None:
        stolen = signed_in.get_cookie("autoai_session")
        assert stolen is not None
        signed_in.post("/logout", data={"csrf_token": csrf_of(signed_in, "/")})
        assert signed_in.get("/api/tasks").status_code == 401
        thief = app.test_client()
        thief.set_cookie("autoai_session", stolen.value)
        assert thief.get("/api/tasks").status_code == 401
