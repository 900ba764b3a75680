"""An app of its own for every test: a fresh instance folder, no .env, and a clock that stands still."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.security import generate_password_hash

from autoai import create_app
from autoai.extensions import db
from autoai.runtime import runtime
from autoai.security.keyfiles import ENCRYPTION_FILE, SECRET_FILE
from autoai.services.ports import Ports
from autoai.services.users import create_token
from autoai.settings import Settings, load_settings
from autoai.startup import prepare

from .fakes import FakeClock
from .sharing import (
    CHEAP_HASH,
    TEMPLATES,
    do_not_wait_for_the_disk,
    keep_compiled_rules,
    spare_the_collector,
)

PASSWORD = "correct-horse-battery"
# What a shell may hold and a test must not see. HOME and PATH stay.
_OURS = {name.upper() for name in Settings.model_fields}


keep_compiled_rules()


def pytest_collection_finish() -> None:
    """Everything is imported now, and all tests are known."""
    spare_the_collector()


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the person who runs the tests reaches them."""
    for name in set(os.environ) & _OURS:
        monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def password_hash() -> str:
    """PASSWORD, hashed once: hashing is slow on purpose."""
    return generate_password_hash(PASSWORD, method=CHEAP_HASH)


@pytest.fixture
def settings(tmp_path: Path, password_hash: str) -> Settings:
    """Settings of an empty instance in a folder of its own."""
    return make_settings(tmp_path / "instance", admin_password=password_hash)


def make_settings(instance: Path, **changes: Any) -> Settings:
    """Settings for `instance` that look neither into .env nor at the machine's time zone."""
    values = {"admin_password": PASSWORD, "instance_dir": instance, "timezone": "UTC", **changes}
    return load_settings(_env_file=None, **values)


@pytest.fixture
def clock() -> FakeClock:
    """The time of `app`; it moves when it is told to."""
    return FakeClock()


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory, password_hash: str) -> Path:
    """The folder of an empty instance that is up to date: copied, it saves each test the migrations
    and the making of keys."""
    settings = make_settings(tmp_path_factory.mktemp("prepared"), admin_password=password_hash)
    app = create_app(settings, FakeClock())
    prepare(app)
    with app.app_context():
        with db.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        db.engine.dispose()
    return settings.instance_dir


def make_app(settings: Settings, clock: FakeClock, prepared: Path) -> Flask:
    """The app of an empty instance in a folder of its own, ready to serve. Whoever asks for it
    disposes of its engine."""
    settings.instance_dir.mkdir(parents=True, exist_ok=True)
    for name in (settings.database_path.name, SECRET_FILE, ENCRYPTION_FILE):
        shutil.copyfile(prepared / name, settings.instance_dir / name)
    made = create_app(settings, clock)
    made.jinja_env.bytecode_cache = TEMPLATES
    made.testing = True
    # A fault of ours is then answered as a person would see it, not raised into the test.
    made.config["PROPAGATE_EXCEPTIONS"] = False
    with made.app_context():
        do_not_wait_for_the_disk(db.engine)
    return made


@pytest.fixture
def app(settings: Settings, clock: FakeClock, prepared: Path) -> Iterator[Flask]:
    """The app; no scheduler runs, `tests/ticks.py` does its work by hand."""
    made = make_app(settings, clock, prepared)
    yield made
    with made.app_context():
        db.engine.dispose()


@pytest.fixture
def ports(app: Flask) -> Ports:
    """What services need from above."""
    return runtime(app).ports


@pytest.fixture
def in_app(app: Flask) -> Iterator[Flask]:
    """An app context, for tests of services. Not together with a client: requests would share it,
    and with it who is logged in."""
    with app.app_context():
        yield app
        db.session.remove()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A browser that is not logged in."""
    return app.test_client()


@pytest.fixture
def signed_in(app: Flask) -> FlaskClient:
    """A browser that has shown the password. `csrf_of(client)` has its token."""
    browser = app.test_client()
    answer = browser.post("/login", data={"password": PASSWORD, "csrf_token": csrf_of(browser)})
    assert answer.status_code in (302, 303), answer.text
    return browser


def csrf_of(browser: FlaskClient, path: str | None = None) -> str:
    """The CSRF token that a page carries: the login page's, or the dashboard's once logged in."""
    page = browser.get(path or "/login", follow_redirects=True)
    found = re.search(r'name="csrf[-_]token"[^>]*?(?:content|value)="([^"]+)"', page.text)
    assert found, f"no CSRF token in {path or '/login'}"
    return found[1]


@pytest.fixture
def token(app: Flask) -> str:
    """A bearer token of the API."""
    with app.app_context():
        return create_token(runtime(app).ports, "tests")


@pytest.fixture
def api(app: Flask, token: str) -> FlaskClient:
    """A program with a bearer token."""
    program = app.test_client()
    program.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    return program
