"""Errors are pages of their own, for people; programs get JSON, and htmx a message."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient

from autoai.domain.errors import Conflict, Invalid, KeyUnreadable

from ..conftest import csrf_of
from .conftest import HTMX, form_values


@pytest.fixture
def broken(app: Flask, monkeypatch: pytest.MonkeyPatch, signed_in: FlaskClient):
    """Let the health page raise something."""

    def breaks(error: BaseException) -> None:
        def view() -> None:
            raise error

        app.view_functions["settings.health"] = view

    return breaks


def test_a_page_that_is_not_there(signed_in: FlaskClient) -> None:
    answer = signed_in.get("/nix")
    assert answer.status_code == 404
    assert "Nothing here" in answer.text and "<html" in answer.text


def test_the_error_page_speaks_the_readers_language(client: FlaskClient) -> None:
    client.set_cookie("locale", "zh_Hans")
    assert "这里什么都没有" in client.get("/nix").text


def test_a_fault_of_ours_hides_its_inside(signed_in: FlaskClient, broken) -> None:
    broken(RuntimeError("sk-secret-inside"))
    answer = signed_in.get("/health")
    assert answer.status_code == 500
    assert "Something went wrong here" in answer.text and "sk-secret" not in answer.text
    part = signed_in.get("/health", headers=HTMX)
    assert part.status_code == 500 and "<html" not in part.text and "#toasts" in part.text


def test_too_much_at_once(signed_in: FlaskClient) -> None:
    data = {"csrf_token": csrf_of(signed_in, "/"), **form_values(message_content="x" * 2_000_000)}
    answer = signed_in.post("/tasks/new", data=data)
    assert answer.status_code == 413
    assert "Too large" in answer.text


def test_a_form_without_its_token(signed_in: FlaskClient) -> None:
    answer = signed_in.post("/tasks/new", data=form_values())
    assert answer.status_code == 403
    assert "Not allowed" in answer.text


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [
        (Conflict("It is over already."), 409, "It is over already."),
        (KeyUnreadable("Not readable."), 409, "Not readable."),
        (Invalid({"x": ["Not so."]}), 400, "Not so."),
    ],
)
def test_what_the_domain_objects_to(
    signed_in: FlaskClient, broken, error: Exception, status: int, text: str
) -> None:
    broken(error)
    answer = signed_in.get("/health")
    assert answer.status_code == status and text in answer.text and "<html" in answer.text
    part = signed_in.get("/health", headers=HTMX)
    assert part.status_code == status and text in part.text and "<html" not in part.text


def test_a_wrong_method_says_which_ones_are_right(signed_in: FlaskClient) -> None:
    answer = signed_in.get("/tasks/1/run")
    assert answer.status_code == 405
    assert "POST" in answer.headers["Allow"] and "<html" in answer.text


def test_programs_get_json(api: FlaskClient) -> None:
    for path in ("/api/nix", "/api/tasks/9", f"/api/tasks/{2**63}"):
        answer = api.get(path)
        assert answer.status_code == 404
        assert answer.get_json()["detail"]
