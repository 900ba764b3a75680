"""A setting that is missing or bad: one clear line, an exit code, and no worker after worker."""

from __future__ import annotations

import socket
import time

import pytest
from cryptography.fernet import Fernet

from tests.server import Instance, Process

BAD: dict[str, dict[str, str | None]] = {
    "ADMIN_PASSWORD": {"ADMIN_PASSWORD": None},
    "ADMIN_PASSWORD looks like a hash": {"ADMIN_PASSWORD": "scrypt:32768:8:1"},
    "ENCRYPTION_KEY": {"ENCRYPTION_KEY": "not-a-key"},
    "TIMEZONE": {"TIMEZONE": "Mars/Olympus"},
    "DATABASE_URL": {"DATABASE_URL": "mysql://somewhere/else"},
    "MAX_CONCURRENT_RUNS": {"MAX_CONCURRENT_RUNS": "many"},
    "LOG_LEVEL": {"LOG_LEVEL": "LOUD"},
}
_LINE = "AutoAI cannot start:"


def _assert_one_line(process: Process, word: str, seconds: float = 30) -> None:
    code = process.wait(seconds)
    output = process.output()
    assert code != 0
    assert "Traceback" not in output, output
    lines = [line for line in output.splitlines() if _LINE in line]
    assert len(lines) == 1, output
    assert lines[0].startswith(_LINE)
    assert word.split(maxsplit=1)[0] in lines[0]
    assert output.count("Booting worker") <= 1, output
    assert process.members() == []


@pytest.mark.parametrize("word", BAD)
def test_bad_setting_under_gunicorn(instance: Instance, word: str) -> None:
    _assert_one_line(instance.gunicorn(wait=False, **BAD[word]), word)
    assert not instance.database.exists()


@pytest.mark.parametrize("word", ["ADMIN_PASSWORD", "TIMEZONE"])
@pytest.mark.parametrize("arguments", [(), ("--debug",)])
def test_bad_setting_under_flask_run(
    instance: Instance, word: str, arguments: tuple[str, ...]
) -> None:
    _assert_one_line(instance.flask(*arguments, wait=False, **BAD[word]), word)


def test_bad_setting_in_a_command(instance: Instance) -> None:
    done = instance.command("token", "create", "x", ADMIN_PASSWORD=None)
    assert done.returncode != 0
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert _LINE in done.stderr and "ADMIN_PASSWORD" in done.stderr


def test_lost_encryption_key(instance: Instance) -> None:
    server = instance.gunicorn()
    server.api.create(api_endpoint="http://127.0.0.1:9/v1", enabled=False)
    assert server.terminate() == 0
    key_file = instance.folder / "instance" / "encryption.key"
    key = key_file.read_text()
    assert key_file.stat().st_mode & 0o777 == 0o600
    key_file.unlink()
    for arguments in ((), ("--workers", "2")):
        _assert_one_line(instance.gunicorn(*arguments, wait=False), "ENCRYPTION_KEY")
        assert not key_file.exists(), "a new key would shut the owner out for good"
    _assert_one_line(instance.flask(wait=False), "ENCRYPTION_KEY")
    _assert_one_line(instance.flask("--debug", wait=False), "ENCRYPTION_KEY")
    key_file.write_text(key)
    assert instance.gunicorn().get("/readyz").status_code == 200


def test_generated_keys_survive_a_restart(instance: Instance) -> None:
    instance.gunicorn().kill()
    keys = {path.name: path.read_text() for path in (instance.folder / "instance").glob("*.key")}
    assert set(keys) == {"secret.key", "encryption.key"}
    Fernet(keys["encryption.key"].strip())
    instance.gunicorn().kill()
    assert keys == {p.name: p.read_text() for p in (instance.folder / "instance").glob("*.key")}
    assert instance.database.stat().st_mode & 0o777 == 0o600


def test_port_in_use(instance: Instance) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        process = instance.gunicorn(port=taken.getsockname()[1], wait=False)
        assert process.wait(60) != 0
        assert "Address already in use" in process.output() or "in use" in process.output()
        assert "Booting worker" not in process.output()


def test_folder_that_cannot_be_written(instance: Instance) -> None:
    (instance.folder / "file").write_text("not a folder")
    started = time.monotonic()
    process = instance.gunicorn(
        wait=False,
        INSTANCE_DIR=str(instance.folder / "file" / "instance"),
        DATABASE_URL="sqlite:///autoai.db",
    )
    assert process.wait(30) != 0
    assert time.monotonic() - started < 30
    assert "Traceback" not in process.output(), process.output()
    assert process.output().count("Booting worker") <= 1
