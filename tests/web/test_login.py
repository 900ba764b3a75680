"""The door: who gets in, where to, and what a person is told."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from flask.testing import FlaskClient

from autoai.web.urls import own_path

from ..conftest import PASSWORD, csrf_of
from .conftest import HTMX


def log_in(client: FlaskClient, password: str = PASSWORD, **more: str):
    return client.post("/login", data={"password": password, "csrf_token": csrf_of(client), **more})


def test_a_page_leads_to_the_door_and_from_there_back(client: FlaskClient) -> None:
    assert client.get("/").location == "/login"
    for path in ("/tasks/new", "/tasks/1/edit", "/tasks/1/logs", "/logs?status=failed"):
        answer = client.get(path)
        assert answer.status_code == 302
        assert answer.location == f"/login?next={quote(path, safe='')}"


def test_the_right_password_goes_where_the_person_wanted_to_go(client: FlaskClient) -> None:
    door = client.get("/login?next=/logs?status=failed")
    assert 'name="next"' in door.text and "/logs?status=failed" in door.text
    answer = log_in(client, next="/logs?status=failed")
    assert (answer.status_code, answer.location) == (303, "/logs?status=failed")
    assert client.get("/login").location == "/"


def test_a_wrong_password_stays_at_the_door(client: FlaskClient) -> None:
    answer = log_in(client, "nope")
    assert answer.status_code == 401
    assert "Wrong password" in answer.text and 'aria-invalid="true"' in answer.text
    assert "nope" not in answer.text
    assert client.get("/").status_code == 302


def test_a_wrong_password_is_told_in_chinese(client: FlaskClient) -> None:
    client.set_cookie("locale", "zh_Hans")
    assert "密码错误" in log_in(client, "nope").text


def test_too_many_wrong_passwords_are_told_how_long_to_wait(client: FlaskClient) -> None:
    for _ in range(5):
        assert log_in(client, "nope").status_code == 401
    answer = log_in(client)
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0
    assert "Please wait" in answer.text and "min" in answer.text


@pytest.mark.parametrize(
    "target",
    [
        "//evil.example",
        "/\\evil.example",
        "\\/evil.example",
        "https://evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        " //evil.example",
        "javascript:alert(1)",
        "logs",
        "",
    ],
)
def test_nobody_is_led_away(target: str) -> None:
    assert own_path(target) is None


def test_own_paths_are_kept_whole() -> None:
    assert (
        own_path("/tasks/1/logs?status=failed&page=2#x") == "/tasks/1/logs?status=failed&page=2#x"
    )


def test_logging_out_ends_the_session(signed_in: FlaskClient) -> None:
    assert signed_in.get("/").status_code == 200
    answer = signed_in.post("/logout", data={"csrf_token": csrf_of(signed_in, "/")})
    assert (answer.status_code, answer.location) == (303, "/login")
    assert signed_in.get("/").location == "/login"


def test_htmx_is_sent_to_the_door_as_a_whole(client: FlaskClient) -> None:
    answer = client.get("/?seen=1", headers=HTMX)
    assert answer.headers["HX-Redirect"] == "/login"
    assert "<form" not in answer.text
