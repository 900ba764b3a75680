"""Pages through the app: what a browser sends, with and without JavaScript."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from autoai.extensions import db
from autoai.models import Task
from autoai.services.ports import Ports

from ..conftest import csrf_of
from ..factories import make_run, make_task

HTMX = {"HX-Request": "true", "HX-Request-Type": "partial"}


@pytest.fixture
def post(signed_in: FlaskClient) -> Callable[..., TestResponse]:
    """Send a form as the logged-in person: `post(path, name=…)`, with `htmx=True` as htmx does."""

    def send(path: str, htmx: bool = False, **fields: Any) -> TestResponse:
        data = {"csrf_token": csrf_of(signed_in, "/health"), **fields}
        return signed_in.post(path, data=data, headers=HTMX if htmx else {})

    return send


@pytest.fixture
def task(app: Flask, ports: Ports) -> Callable[..., int]:
    """Store a task: `task(name=…)`; its id."""

    def make(**changes: Any) -> int:
        with app.app_context():
            try:
                return make_task(ports, **changes).id
            finally:
                db.session.remove()

    return make


@pytest.fixture
def run(app: Flask) -> Callable[..., int]:
    """Store a row of the ledger: `run(task_id, due_at, status=…)`; its id. The totals know it."""

    def make(task_id: int, due_at: Any, **changes: Any) -> int:
        with app.app_context():
            try:
                return make_run(db.session.get_one(Task, task_id), due_at, **changes)
            finally:
                db.session.remove()

    return make


def form_values(**changes: Any) -> dict[str, Any]:
    """A valid task form as a browser sends it."""
    values: dict[str, Any] = {
        "name": "Morning news",
        "system_message": "",
        "message_content": "What is new?",
        "api_endpoint": "http://127.0.0.1:9/v1",
        "model": "m-1",
        "api_key": "",
        "schedule_type": "interval",
        "interval_minutes": "15",
        "interval_seconds": "",
        "fixed_time": "09:00",
        "timezone": "Europe/Berlin",
        "timeout_seconds": "30",
        "max_attempts": "3",
        "retry_network": "y",
        "enabled": "y",
    }
    return {name: value for name, value in {**values, **changes}.items() if value is not ...}
