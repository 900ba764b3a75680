"""The health page says what this process does and what a person must mend."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient

from autoai.runtime import runtime
from autoai.scheduling.service import Role


@pytest.mark.parametrize(
    ("role", "text"),
    [
        (Role.ACTIVE, "The schedule is running"),
        (Role.STANDBY, "This process stands by"),
        (Role.DRAINING, "This process is shutting down"),
        (Role.OFF, "This process does not run the schedule"),
    ],
)
def test_what_this_process_does(app: Flask, signed_in: FlaskClient, role: Role, text: str) -> None:
    runtime(app).scheduler._tick.beat = runtime(app).ports.clock.monotonic()
    runtime(app).scheduler.role = role
    try:
        page = signed_in.get("/health").text
    finally:
        runtime(app).scheduler.role = Role.OFF
    assert text in page
    assert "API keys can be read" in page and "The database is up to date" in page


def test_a_stalled_schedule_is_told(app: Flask, signed_in: FlaskClient, clock) -> None:
    runtime(app).scheduler._tick.beat = clock.monotonic()
    runtime(app).scheduler.role = Role.ACTIVE
    clock.step(300)
    try:
        assert "The schedule has stalled" in signed_in.get("/health").text
    finally:
        runtime(app).scheduler.role = Role.OFF


def test_keys_that_cannot_be_read_are_told_everywhere(app: Flask, signed_in: FlaskClient) -> None:
    runtime(app).ports.keyring.readable = False
    assert "API keys cannot be read" in signed_in.get("/health").text
    assert "The stored API keys cannot be read" in signed_in.get("/").text
