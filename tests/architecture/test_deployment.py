"""The container and compose files: that they are valid, and that they mean what the README says."""

from __future__ import annotations

import json
import os
import re
import runpy
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import yaml

from autoai.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
ENTRYPOINT = "autoai/cli/docker-entrypoint.sh"
APP_USER = 10001

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="giving up root takes root")


@pytest.fixture(scope="module")
def service() -> dict[str, Any]:
    """The one service of the compose file."""
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
    (only,) = services.values()
    return only


@pytest.fixture(scope="module")
def instructions() -> list[tuple[str, str]]:
    """The Dockerfile as (INSTRUCTION, arguments), continuation lines joined."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    text = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ")
    pairs = [line.split(None, 1) for line in text.splitlines() if line.strip()]
    return [(name, " ".join(rest.split())) for name, rest in pairs]


def interpolate(value: object, environ: dict[str, str]) -> str:
    """Compose's `${NAME:-default}` and `${NAME:?message}`; an empty value counts as unset in both."""

    def replace(match: re.Match[str]) -> str:
        name, kind, text = match.groups()
        if environ.get(name):
            return environ[name]
        if kind == ":?":
            raise LookupError(text)
        return text

    return re.sub(r"\$\{(\w+)(:-|:\?)([^}]*)\}", replace, str(value))


def container_environment(service: dict[str, Any], **environ: str) -> dict[str, str]:
    return {name: interpolate(value, environ) for name, value in service["environment"].items()}


def seconds(text: str) -> int:
    """`90s`, `2m` or `1m30s`, as compose writes durations."""
    units = {"h": 3600, "m": 60, "s": 1}
    assert re.fullmatch(r"(\d+[hms])+", text), text
    return sum(int(number) * units[unit] for number, unit in re.findall(r"(\d+)([hms])", text))


# --- docker-compose.yml ---------------------------------------------------------------------


def test_compose_file_follows_the_schema() -> None:
    result = subprocess.run(
        [
            *(sys.executable, "-m", "check_jsonschema"),
            *("--builtin-schema", "vendor.compose-spec", str(ROOT / "docker-compose.yml")),
        ],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_only_the_password_is_required(service: dict[str, Any]) -> None:
    with pytest.raises(LookupError, match="ADMIN_PASSWORD"):
        container_environment(service)
    with pytest.raises(LookupError, match="ADMIN_PASSWORD"):
        container_environment(service, ADMIN_PASSWORD="")
    assert container_environment(service, ADMIN_PASSWORD="x")["ADMIN_PASSWORD"] == "x"
    for entry in service["env_file"]:
        assert entry["required"] is False


def test_every_setting_reaches_the_container(service: dict[str, Any]) -> None:
    assert set(service["environment"]) == {name.upper() for name in Settings.model_fields}


def test_the_defaults_are_settings_that_the_app_accepts(
    service: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    for name, value in container_environment(service, ADMIN_PASSWORD="x").items():
        monkeypatch.setenv(name, value)
    settings = Settings(_env_file=None)
    assert settings.instance_dir == Path("/app/instance")
    assert settings.log_dir == Path("/app/logs")
    assert settings.database_url == "sqlite:////app/instance/autoai.db"
    assert settings.secret_key is None
    assert settings.max_concurrent_runs == Settings.model_fields["max_concurrent_runs"].default


def test_settings_of_the_host_change_nothing_that_the_mounts_count_on(
    service: dict[str, Any],
) -> None:
    """A .env that was written for `make run` may move the port and the folders; here it must not."""
    host = {
        "ADMIN_PASSWORD": "x",
        "PORT": "9000",
        "HOST": "127.0.0.1",
        "INSTANCE_DIR": "/srv/a",
        "LOG_DIR": "/srv/b",
    }
    inside = container_environment(service, **host)
    assert (inside["PORT"], inside["HOST"]) == ("8000", "0.0.0.0")
    assert (inside["INSTANCE_DIR"], inside["LOG_DIR"]) == ("/app/instance", "/app/logs")
    assert [interpolate(port, host) for port in service["ports"]] == ["9000:8000"]


def test_a_value_from_the_host_is_passed_on(service: dict[str, Any]) -> None:
    inside = container_environment(service, ADMIN_PASSWORD="x", DRAIN_TIMEOUT="45", DEMO="true")
    assert (inside["DRAIN_TIMEOUT"], inside["DEMO"]) == ("45", "true")


def test_port_mounts_and_restart(service: dict[str, Any]) -> None:
    assert [interpolate(port, {}) for port in service["ports"]] == ["8000:8000"]
    assert set(service["volumes"]) == {"./data:/app/instance", "./logs:/app/logs"}
    assert service["restart"] == "unless-stopped"


def test_killing_waits_for_the_drain(
    service: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Drain time < gunicorn's patience with its worker < the engine's patience with gunicorn."""
    grace = seconds(interpolate(service["stop_grace_period"], {}))
    drain = Settings.model_fields["drain_timeout"].default
    monkeypatch.setenv("ADMIN_PASSWORD", "x")
    monkeypatch.setenv("DRAIN_TIMEOUT", str(drain))
    gunicorn = runpy.run_path(str(ROOT / "gunicorn.conf.py"))["graceful_timeout"]
    assert drain < gunicorn < grace


# --- Dockerfile -----------------------------------------------------------------------------


def test_image_starts_through_the_entry_point(instructions: list[tuple[str, str]]) -> None:
    assert ("ENTRYPOINT", f'["/app/{ENTRYPOINT}"]') in instructions
    assert ("CMD", '["gunicorn", "wsgi:app"]') in instructions
    assert ("STOPSIGNAL", "SIGTERM") in instructions
    assert ("EXPOSE", "8000") in instructions
    assert os.access(ROOT / ENTRYPOINT, os.X_OK)


def test_image_has_the_user_that_the_entry_point_becomes(
    instructions: list[tuple[str, str]],
) -> None:
    commands = " ".join(text for name, text in instructions if name == "RUN")
    assert f"--uid {APP_USER} " in commands
    assert f"--gid {APP_USER} " in commands
    script = (ROOT / ENTRYPOINT).read_text(encoding="utf-8")
    assert f"\nuid={APP_USER}\ngid={APP_USER}\n" in script


def test_libraries_are_a_layer_of_their_own(instructions: list[tuple[str, str]]) -> None:
    """Installed before the code is copied: a change of the code does not install them again."""
    install = next(n for n, pair in enumerate(instructions) if "pip install" in pair[1])
    code = instructions.index(("COPY", ". ."))
    assert install < code
    assert [text for name, text in instructions[:install] if name == "COPY"] == [
        "requirements.txt ./"
    ]


def test_image_takes_only_what_is_listed() -> None:
    """Everything is left out, then the source is let in: no new secret file gets in by itself."""
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    let_in = {rule[1:] for rule in rules if rule.startswith("!")}
    assert let_in == {
        *("autoai", "templates", "static"),
        *("wsgi.py", "gunicorn.conf.py", "requirements.txt"),
    }
    for name in let_in:
        assert (ROOT / name).exists(), name


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1)])
def test_healthcheck_tells_well_from_ill(
    instructions: list[tuple[str, str]], status: int, code: int
) -> None:
    """Run as it stands, with a proxy in the environment that must not be asked."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/healthz" else 404)
            self.end_headers()

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        result = healthcheck(instructions, server.server_port)
        server.shutdown()
    assert result == code


def test_healthcheck_fails_where_nobody_listens(instructions: list[tuple[str, str]]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    assert healthcheck(instructions, port) != 0


def healthcheck(instructions: list[tuple[str, str]], port: int) -> int:
    arguments = next(text for name, text in instructions if name == "HEALTHCHECK")
    command = json.loads(arguments[arguments.index("[") :])
    assert command[0] == "python"
    return subprocess.run(
        [sys.executable, *command[1:]],
        env={"PORT": str(port), "http_proxy": "http://127.0.0.1:9", "HTTP_PROXY": "x"},
        stderr=subprocess.DEVNULL,
        timeout=30,
    ).returncode


# --- the entry point, for real ----------------------------------------------------------------


@pytest.fixture
def image() -> Iterator[Path]:
    """A folder like the image's /app. Not below tmp_path, which only its owner may enter."""
    root = Path(tempfile.mkdtemp(prefix="autoai-image-"))
    try:
        root.chmod(0o755)
        (root / ENTRYPOINT).parent.mkdir(parents=True)
        shutil.copy(ROOT / ENTRYPOINT, root / ENTRYPOINT)
        yield root
    finally:
        shutil.rmtree(root)


def start(image: Path, *command: str, **options: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [str(image / ENTRYPOINT), *command],
        cwd=image,
        env={"PATH": os.environ["PATH"], "HOME": "/root", "LOG_DIR": str(image / "logs")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def output(image: Path, *command: str, **options: Any) -> str:
    with start(image, *command, **options) as process:
        out, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    return out


def owner(path: Path) -> tuple[int, int]:
    status = path.lstat()
    return status.st_uid, status.st_gid


@needs_root
def test_entry_point_drops_root_for_good(image: Path) -> None:
    status = dict(
        line.split(":\t", 1)
        for line in output(image, "cat", "/proc/self/status").splitlines()
        if ":\t" in line
    )
    assert status["Uid"].split() == [str(APP_USER)] * 4
    assert status["Gid"].split() == [str(APP_USER)] * 4
    assert status["Groups"].split() == []
    assert int(status["CapEff"], 16) == int(status["CapPrm"], 16) == 0
    assert status["NoNewPrivs"] == "1"


@needs_root
def test_entry_point_makes_the_folders_and_gives_them_away(image: Path) -> None:
    output(image, "touch", "instance/autoai.db", "logs/autoai.log")
    for name in ("instance", "logs", "instance/autoai.db", "logs/autoai.log"):
        assert owner(image / name) == (APP_USER, APP_USER), name
    assert owner(image / "autoai") == (0, 0)


@needs_root
def test_entry_point_takes_over_what_root_left_in_a_mount(image: Path) -> None:
    """A restored backup, or a command that was run as root; private modes stay as they are."""
    left = image / "instance" / "backup" / "secret_key"
    left.parent.mkdir(parents=True)
    left.write_text("key")
    left.chmod(0o600)
    assert output(image, "cat", str(left)) == "key"
    assert owner(left) == (APP_USER, APP_USER)
    assert left.stat().st_mode & 0o777 == 0o600


@needs_root
def test_entry_point_follows_no_link_out_of_a_mount(image: Path) -> None:
    outside = image / "outside"
    outside.write_text("root's")
    (image / "instance").mkdir()
    (image / "instance" / "link").symlink_to(outside)
    output(image, "true")
    assert owner(outside) == (0, 0)


@needs_root
def test_entry_point_sets_a_home_that_the_user_may_read(image: Path) -> None:
    assert output(image, "sh", "-c", 'echo "$HOME"').strip() == str(image)


def test_entry_point_as_another_user_just_starts_the_command(image: Path) -> None:
    user = {"user": 12345, "group": 12345, "extra_groups": []} if os.geteuid() == 0 else {}
    uid = output(image, "id", "-u", **user).strip()
    assert uid == str(user.get("user", os.geteuid()))
    assert not (image / "instance").exists()


def test_entry_point_becomes_the_command(image: Path) -> None:
    """The engine's signal reaches gunicorn itself, and its exit code is the container's."""
    with start(image, "sh", "-c", "trap 'exit 7' TERM; echo $$; while :; do sleep 0.05; done") as p:
        assert p.stdout is not None
        assert int(p.stdout.readline()) == p.pid
        p.send_signal(signal.SIGTERM)
        assert p.wait(timeout=30) == 7


def test_entry_point_keeps_words_whole(image: Path) -> None:
    assert output(image, "printf", "%s|", "two words", "", "$HOME") == "two words||$HOME|"
