"""A key goes to its endpoint and nowhere else, even where the other side says it back."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from autoai import create_app
from autoai.extensions import db
from autoai.logging_setup import configure_logging
from autoai.providers.registry import make_providers
from autoai.providers.transport import Transport
from autoai.runtime import runtime
from autoai.services.runs import run_now
from autoai.services.users import create_token
from autoai.settings import Settings
from autoai.startup import prepare
from tests.conftest import PASSWORD, csrf_of, make_settings
from tests.factories import make_task
from tests.fakes import FakeClock
from tests.ticks import tick
from tests.wire import Reply, Wire, answer, http, wire

# Long enough to be recognised in halves, with signs that JSON and URLs spell differently.
SENTINEL = "sk-sentinel/Zq7+Xw2vKp9Lm4Tt8Rr"
HALF = SENTINEL[3:17]

ECHOES: dict[str, Reply] = {
    "in an error": lambda body, head: http({"error": {"message": f"bad key {said(head)}"}}, 401),
    "in an error without a shape": lambda body, head: http(f"<h1>{said(head)}</h1>", 500),
    "in JSON with escapes": lambda body, head: http(
        json.dumps({"detail": said(head)}).replace("/", "\\/"), 400
    ),
    "in a long error": lambda body, head: http("x" * 3_990 + said(head), 400),
    "in a success": lambda body, head: http(answer(f"Your key is {said(head)}.")),
    "in the model and the reason": lambda body, head: http(
        answer(model="m" * 185 + said(head), choice={"finish_reason": "f" * 55 + said(head)})
    ),
    "in headers": lambda body, head: http(
        answer(), X_Echo=said(head), Retry_After=said(head), Content_Type=said(head)
    ),
    "in the status line": lambda body, head: f"HTTP/1.1 {said(head)}\r\n\r\n".encode(),
    "in broken headers": lambda body, head: (
        f"HTTP/1.1 200 OK\r\n{said(head)}\r\nContent-Length: 2\r\n\r\n{{}}".encode()
    ),
    "in a redirect": lambda body, head: http("", 302, Location=f"http://x.test/?{said(head)}"),
    "reversed and encoded": lambda body, head: http(
        {"error": {"message": f"{said(head)[::-1]} {said(head).encode().hex()}"}}, 429
    ),
}


def said(head: dict[str, str]) -> str:
    return head["authorization"].removeprefix("Bearer ")


@pytest.fixture
def log() -> io.StringIO:
    return io.StringIO()


@pytest.fixture(params=["INFO", "DEBUG"])
def settings(request: pytest.FixtureRequest, tmp_path: Path, password_hash: str) -> Settings:
    return make_settings(
        tmp_path / "instance", admin_password=password_hash, log_level=request.param
    )


@pytest.fixture
def other_side() -> Iterator[Wire]:
    with wire() as server:
        yield server


@pytest.fixture
def noisy(settings: Settings, app: Flask, log: io.StringIO) -> Iterator[Flask]:
    """The app as it serves, its log lines kept."""
    configure_logging(settings, runtime(app).ports.redactor, log, to_file=True)
    yield app
    logging.getLogger().handlers.clear()


def spellings(secret: str) -> list[bytes]:
    texts = [
        secret,
        json.dumps(secret)[1:-1],
        secret.replace("/", "\\/"),
        secret[::-1],
        secret.encode().hex(),
    ]
    return [text.encode() for text in texts]


def assert_absent(where: str, content: bytes) -> None:
    for spelling in spellings(SENTINEL) + spellings(HALF):
        assert spelling not in content, f"{where}: {spelling!r}"


def test_a_key_that_is_said_back(
    noisy: Flask, log: io.StringIO, other_side: Wire, signed_in: FlaskClient, api: FlaskClient
) -> None:
    rt = runtime(noisy)
    transport = Transport(4, 1_000_000)
    provider = make_providers(transport, rt.ports.clock.now)["openai"]
    csrf = {"X-CSRFToken": csrf_of(signed_in, "/")}
    made = signed_in.post(
        "/api/tasks",
        headers=csrf,
        json={
            "name": "echo",
            "api_endpoint": other_side.base_url,
            "api_key": SENTINEL,
            "model": "m-1",
            "message_content": "Hello",
            "schedule_type": "interval",
            "interval_seconds": 60,
            "max_attempts": 2,
        },
    )
    assert made.status_code == 201
    task_id = made.json["id"]
    for where, reply in ECHOES.items():
        other_side.reply = reply
        with noisy.app_context():
            run_now(rt.ports, task_id)
        (outcome,) = tick(noisy, provider)
        assert_absent(f"the outcome {where}", repr(outcome.completion).encode())
    transport.close()
    assert len(other_side.heads) >= len(ECHOES), "the other side did get it"
    assert {said(head) for head in other_side.heads} == {SENTINEL}

    # An error of our own with the key in it, as a traceback would show it.
    try:
        raise RuntimeError(f"with {SENTINEL}")
    except RuntimeError:
        logging.getLogger("autoai").exception("while sending %s", SENTINEL)
    logging.getLogger("urllib3").warning("header Authorization: Bearer %s", SENTINEL)

    copy = signed_in.post(f"/api/tasks/{task_id}/duplicate", headers=csrf)
    assert copy.status_code == 201
    pages = ["/", "/logs", f"/tasks/{task_id}/logs", f"/tasks/{task_id}/edit", "/health"]
    pages += [f"/logs/{number}" for number in range(1, len(ECHOES) + 1)]
    for page in pages:
        shown = signed_in.get(page)
        assert shown.status_code == 200, page
        assert_absent(page, shown.data)
        assert_absent(f"{page} as a part", signed_in.get(page, headers={"HX-Request": "true"}).data)
    paths = ["/api/tasks", f"/api/tasks/{task_id}", "/api/logs", "/api/dashboard/stats"]
    paths += [f"/api/logs/{number}" for number in range(1, len(ECHOES) + 1)]
    for path in paths:
        found = api.get(path)
        assert found.status_code == 200, path
        assert_absent(path, found.data)
    exported = noisy.test_cli_runner().invoke(args=["tasks", "export"])
    assert_absent("tasks export", exported.output.encode())

    logging.shutdown()
    lines = log.getvalue()
    assert "while sending [redacted]" in lines, "and the log did say something"
    assert_absent("the log", lines.encode())
    assert_everywhere_absent(Path(noisy.instance_path))


def test_a_secret_of_a_message_that_is_said_back(
    noisy: Flask, log: io.StringIO, other_side: Wire, signed_in: FlaskClient, api: FlaskClient
) -> None:
    rt = runtime(noisy)
    transport = Transport(4, 1_000_000)
    provider = make_providers(transport, rt.ports.clock.now)["openai"]
    texts = {"message_content": "Open {{ secrets.PIN }}.", "secrets": {"PIN": SENTINEL}}
    with noisy.app_context():
        task = make_task(
            rt.ports, api_endpoint=other_side.base_url, conversation_turns=2, **texts
        ).id
        db.session.remove()
    got: list[str] = []

    def echo(body: bytes, head: dict[str, str]) -> bytes:
        got.append(json.loads(body)["messages"][-1]["content"])
        return http(answer(f"I heard: {got[-1]}")) if len(got) < 3 else http(got[-1], 400)

    other_side.reply = echo
    for _ in range(3):
        with noisy.app_context():
            run_now(rt.ports, task)
        (outcome,) = tick(noisy, provider)
        assert_absent("the outcome", repr(outcome).encode())
    transport.close()
    assert got == [f"Open {SENTINEL}."] * 3, "the other side did get it"

    pages = ["/", "/logs", f"/tasks/{task}/edit", f"/tasks/{task}/prompts"]
    for page in [*pages, *(f"/logs/{number}" for number in range(1, 4))]:
        assert_absent(page, signed_in.get(page).data)
    for path in ["/api/tasks", *(f"/api/logs/{number}" for number in range(1, 4))]:
        assert_absent(path, api.get(path).data)
    shown = api.post("/api/prompts/preview", json={"task_id": task, **texts})
    assert shown.status_code == 200
    assert_absent("the preview", shown.data)
    exported = noisy.test_cli_runner().invoke(args=["tasks", "export"])
    assert_absent("tasks export", exported.output.encode())
    logging.shutdown()
    assert_absent("the log", log.getvalue().encode())
    assert_everywhere_absent(Path(noisy.instance_path))


def assert_everywhere_absent(folder: Path) -> None:
    files = [path for path in folder.rglob("*") if path.is_file()]
    names = {path.name for path in files}
    assert {"autoai.db", "autoai.db-wal", "autoai.log"} <= names
    for path in files:
        assert_absent(path.name, path.read_bytes())


def test_other_secrets_are_stored_as_hashes(tmp_path: Path) -> None:
    settings = make_settings(tmp_path, secret_key="the-secret-that-signs-cookies")
    app = create_app(settings, FakeClock())
    prepare(app)
    browser = app.test_client()
    browser.post("/login", data={"password": PASSWORD, "csrf_token": csrf_of(browser)})
    with app.app_context():
        token = create_token(runtime(app).ports, "program")
        make_task(runtime(app).ports, api_key=SENTINEL)
        db.session.remove()
    content = b"".join(path.read_bytes() for path in tmp_path.rglob("*.db*"))
    assert b"program" in content
    for secret in (PASSWORD, token, "the-secret-that-signs-cookies", SENTINEL):
        assert secret.encode() not in content
    cookie = browser.get_cookie("autoai_session")
    assert cookie and PASSWORD not in cookie.value


def test_settings_do_not_show_their_secrets(tmp_path: Path) -> None:
    settings = make_settings(tmp_path, secret_key="the-secret-that-signs-cookies")
    for text in (repr(settings), str(settings), settings.model_dump_json()):
        assert PASSWORD not in text and "the-secret-that-signs-cookies" not in text
