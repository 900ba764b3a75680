"""Settings: read once, and a bad one is one clear line that never repeats a secret."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from cryptography.fernet import Fernet
from werkzeug.security import generate_password_hash

from autoai.settings import ROOT, Settings, SettingsError, load_settings, split_keys

Start = Callable[..., subprocess.CompletedProcess[str]]

SECRET = "never-to-be-shown-0123456789"


def complaint(**values: Any) -> str:
    with pytest.raises(SettingsError) as caught:
        load_settings(_env_file=None, **{"admin_password": SECRET, **values})
    return str(caught.value)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the app, so that a .env of the person who runs the tests is not read."""
    root = tmp_path_factory.mktemp("installed")
    for name in ("autoai", "templates", "static"):
        shutil.copytree(ROOT / name, root / name)
    shutil.copy(ROOT / "wsgi.py", root)
    return root


@pytest.fixture
def start(installed: Path, tmp_path: Path) -> Iterator[Start]:
    """A real start: `python -c 'import wsgi'` with nothing else in its environment."""

    def run(env_file: bytes | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
        if env_file is not None:
            (installed / ".env").write_bytes(env_file)
        kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        return subprocess.run(
            [sys.executable, "-c", "import wsgi"],
            cwd=installed,
            env={**kept, "HOME": str(tmp_path), "INSTANCE_DIR": str(tmp_path), **environment},
            capture_output=True,
            text=True,
            timeout=60,
        )

    yield run
    (installed / ".env").unlink(missing_ok=True)


class TestARealStart:
    @pytest.mark.parametrize(
        ("environment", "says"),
        [
            ({"MAX_CONCURRENT_RUNS": SECRET}, "MAX_CONCURRENT_RUNS"),
            ({"ENCRYPTION_KEY": SECRET}, "ENCRYPTION_KEY is not a Fernet key"),
            ({"ADMIN_PASSWORD": f"scrypt:{SECRET}"}, "ADMIN_PASSWORD looks like a hash"),
            ({"DATABASE_URL": f"postgresql://me:{SECRET}@host/x"}, "DATABASE_URL"),
            ({"INSTANCE_DIR": "/proc/no"}, "check the path"),
        ],
    )
    def test_one_line_and_an_exit_code(
        self, start: Start, environment: dict[str, str], says: str
    ) -> None:
        found = start(**{"ADMIN_PASSWORD": SECRET, **environment})
        assert found.returncode not in (0, 1), "and not the 1 of a traceback"
        assert found.stdout == ""
        assert len(found.stderr.splitlines()) == 1, found.stderr
        assert says in found.stderr
        assert SECRET not in found.stderr

    def test_without_anything(self, start: Start) -> None:
        found = start()
        assert found.returncode not in (0, 1)
        assert "ADMIN_PASSWORD is missing" in found.stderr
        assert len(found.stderr.splitlines()) == 1

    def test_an_env_file_in_another_encoding(self, start: Start) -> None:
        found = start("ADMIN_PASSWORD=grün\n".encode("latin-1"))
        assert found.returncode not in (0, 1)
        assert "not UTF-8" in found.stderr
        assert len(found.stderr.splitlines()) == 1

    def test_nothing_runs_on_import(self, start: Start) -> None:
        found = start(ADMIN_PASSWORD=SECRET, LOG_LEVEL="debug")
        assert found.returncode == 0, found.stderr
        assert SECRET not in found.stdout + found.stderr

    def test_encrypted_rows_and_no_key(self, start: Start, tmp_path: Path) -> None:
        with sqlite3.connect(tmp_path / "autoai.db") as connection:
            connection.execute("CREATE TABLE tasks (api_key_encrypted TEXT)")
            connection.execute("INSERT INTO tasks VALUES ('gAAAA')")
        found = start(ADMIN_PASSWORD=SECRET)
        assert found.returncode not in (0, 1)
        assert "ENCRYPTION_KEY is missing" in found.stderr
        assert len(found.stderr.splitlines()) == 1
        assert not (tmp_path / "encryption.key").exists()


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"admin_password": ""}, "ADMIN_PASSWORD"),
        ({"admin_password": "  "}, "ADMIN_PASSWORD is missing"),
        ({"admin_password": "scrypt:32768:8:1"}, "single quotes"),
        ({"admin_password": "pbkdf2:sha256:1$salt"}, "single quotes"),
        ({"database_url": "sqlite://"}, "must name an SQLite file"),
        ({"database_url": "sqlite:///:memory:"}, "must name an SQLite file"),
        ({"database_url": "mysql://x"}, "must name an SQLite file"),
        ({"database_url": "rubbish"}, "not a database URL"),
        ({"encryption_key": "short"}, "not a Fernet key"),
        ({"encryption_key": f"{Fernet.generate_key().decode()},short"}, "not a Fernet key"),
        ({"log_level": "LOUD"}, "LOG_LEVEL"),
        ({"log_format": "xml"}, "LOG_FORMAT"),
        ({"timezone": "Mars/Olympus"}, "TIMEZONE 'Mars/Olympus' is not an IANA time zone"),
        ({"max_concurrent_runs": 0}, "MAX_CONCURRENT_RUNS"),
        ({"max_concurrent_runs": 5_001}, "MAX_CONCURRENT_RUNS"),
        ({"max_concurrent_runs": "many"}, "MAX_CONCURRENT_RUNS"),
        ({"request_timeout": 0}, "REQUEST_TIMEOUT"),
        ({"request_timeout": 3_601}, "REQUEST_TIMEOUT"),
        ({"drain_timeout": -1}, "DRAIN_TIMEOUT"),
        ({"trusted_proxies": 11}, "TRUSTED_PROXIES"),
        ({"max_response_bytes": 10}, "MAX_RESPONSE_BYTES"),
        ({"ca_bundle": "/no/such/file"}, "CA_BUNDLE '/no/such/file' is not a file"),
        ({"ca_bundle": __file__}, "is not a file of certificates (PEM)"),
        ({"allowed_networks": "10.0.0.0/33"}, "ALLOWED_NETWORKS '10.0.0.0/33' is not a network"),
        ({"denied_networks": "::/0 localhost"}, "DENIED_NETWORKS 'localhost' is not a network"),
        ({"demo": "perhaps"}, "DEMO"),
        ({"host": "example.org"}, "HOST"),
        ({"port": 0}, "PORT"),
        ({"port": 65_536}, "PORT"),
    ],
)
def test_bad_values(values: dict[str, Any], says: str, tmp_path: Path) -> None:
    text = complaint(instance_dir=tmp_path, **values)
    assert says in text
    assert text.startswith("AutoAI cannot start: ")
    assert "\n" not in text
    assert SECRET not in text


def test_all_complaints_at_once() -> None:
    text = complaint(port=0, timezone="x", log_level="y")
    assert all(name in text for name in ("PORT", "TIMEZONE", "LOG_LEVEL"))


def test_a_missing_password_says_where_it_belongs(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError, match=r"ADMIN_PASSWORD is missing: set it .*\.env"):
        load_settings(_env_file=None)


def test_defaults(tmp_path: Path) -> None:
    found = load_settings(_env_file=None, admin_password=SECRET, instance_dir=tmp_path)
    assert found.database_path == tmp_path / "autoai.db"
    assert found.log_dir == tmp_path / "logs"
    assert (found.max_concurrent_runs, found.request_timeout, found.port) == (200, 30, 8000)
    assert found.log_level == "INFO" and found.trusted_proxies == 0 and not found.demo
    assert ZoneInfo(found.timezone)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("sqlite:///x.db", "{instance}/x.db"),
        ("sqlite:///instance/x.db", "{instance}/x.db"),
        ("sqlite:////srv/x.db", "/srv/x.db"),
        ("", "{instance}/autoai.db"),
    ],
)
def test_where_the_database_lies(tmp_path: Path, given: str, expected: str) -> None:
    instance = tmp_path / "instance"
    found = load_settings(
        _env_file=None, admin_password=SECRET, instance_dir=instance, database_url=given
    )
    assert str(found.database_path) == expected.format(instance=instance)


def test_env_file_and_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hashed = generate_password_hash(SECRET)
    file = tmp_path / ".env"
    file.write_text(
        f"# a comment\nADMIN_PASSWORD='{hashed}'\nPORT=9000\nLOG_LEVEL= debug \nTIMEZONE=\nOTHER=1\n"
    )
    monkeypatch.setenv("PORT", "9001")
    monkeypatch.setenv("MAX_CONCURRENT_RUNS", "")
    found = load_settings(_env_file=file)
    assert found.admin_password.get_secret_value() == hashed
    assert (found.port, found.log_level, found.max_concurrent_runs) == (9_001, "DEBUG", 200)


def test_a_dollar_that_was_taken_for_a_variable(tmp_path: Path) -> None:
    """Without single quotes python-dotenv reads the $ of a hash as variables."""
    file = tmp_path / ".env"
    file.write_text("ADMIN_PASSWORD=scrypt:32768:8:1${salt}${digest}\n")
    with pytest.raises(SettingsError, match="single quotes"):
        load_settings(_env_file=file)


def test_several_encryption_keys() -> None:
    one, two = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    for text in (f"{one},{two}", f"{one} {two}", f" {one},\n{two} ,"):
        assert split_keys(text) == [one, two]
        load_settings(_env_file=None, admin_password=SECRET, encryption_key=text)


def test_settings_cannot_be_changed() -> None:
    found: Settings = load_settings(_env_file=None, admin_password=SECRET)
    with pytest.raises(ValueError, match="frozen"):
        found.port = 1
