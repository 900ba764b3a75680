"""The real thing for tests: AutoAI in processes of its own, started as in production.

An `Instance` is a temp folder with database, keys and logs, and the environment that points at it.
Any number of processes may be started on it, one after the other or side by side. They run from a
copy of the app without the developer's `.env`, see no variable of the developer's shell that is a
setting, and are ended whatever happens to the test.
"""

from __future__ import annotations

import atexit
import ctypes
import functools
import hashlib
import os
import re
import secrets
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Self

import requests
from werkzeug.security import generate_password_hash

ROOT = Path(__file__).resolve().parent.parent
PASSWORD = "correct-horse-battery"
_HASHED = generate_password_hash(PASSWORD, method="scrypt:1024:8:1")
START_TIMEOUT = 60.0
"""Seconds; a start takes two or three, but the machine may be busy."""
_PR_SET_PDEATHSIG = 1
_KEPT = ("HOME", "LANG", "LC_ALL", "PATH", "TMPDIR", "TZ")
_libc = ctypes.CDLL(None)
_groups: set[int] = set()


@functools.cache
def app_folder() -> Path:
    """What is deployed, and nothing else: above all no `.env`."""
    folder = Path(tempfile.mkdtemp(prefix="autoai-app-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    for name in ("autoai", "static", "templates"):
        shutil.copytree(ROOT / name, folder / name)
    for name in ("gunicorn.conf.py", "wsgi.py"):
        shutil.copy2(ROOT / name, folder / name)
    return folder


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(condition: Any, seconds: float, what: str, pause: float = 0.05) -> Any:
    """The first true value of `condition()`; `AssertionError` after `seconds`."""
    until = time.monotonic() + seconds
    while True:
        if value := condition():
            return value
        if time.monotonic() > until:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(pause)


class Api:
    """The JSON API of one process. Paths are below /api."""

    def __init__(self, base: str, token: str) -> None:
        self.base = base
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers["Authorization"] = f"Bearer {token}"
        # One that was left open may be closed by the server in the very moment it is used again.
        self._session.headers["Connection"] = "close"

    def call(self, method: str, path: str, expect: int | None = None, **kwargs: Any) -> Any:
        """The parsed answer; with `expect`, its status is asserted."""
        response = self._session.request(method, f"{self.base}/api{path}", timeout=30, **kwargs)
        if expect is not None:
            assert response.status_code == expect, f"{response.status_code}: {response.text}"
        return response.json() if response.content else None

    def create(self, **fields: Any) -> dict[str, Any]:
        """A task; what is not given has a harmless value."""
        values = {
            "name": "a task",
            "model": "ok",
            "message_content": "Say something.",
            "api_key": "sk-test-0123456789abcdef",
            "schedule_type": "interval",
            "interval_seconds": 3600,
            "timezone": "UTC",
            **fields,
        }
        task: dict[str, Any] = self.call("POST", "/tasks", 201, json=values)
        return task

    def run(self, task_id: int) -> dict[str, Any]:
        """Run now."""
        run: dict[str, Any] = self.call("POST", f"/tasks/{task_id}/run", 202)
        return run

    def ended(self, run_id: int, seconds: float = 20) -> dict[str, Any]:
        """The run, once it has an ending."""

        def look() -> dict[str, Any] | None:
            run: dict[str, Any] = self.call("GET", f"/logs/{run_id}", 200)
            return run if run["status"] not in ("queued", "running") else None

        found: dict[str, Any] = wait_until(look, seconds, f"the end of run {run_id}")
        return found

    def logs(self, task_id: int, **query: Any) -> list[dict[str, Any]]:
        """All rows of a task, newest first."""
        rows: list[dict[str, Any]] = []
        cursor = None
        while True:
            found = self.call(
                "GET",
                f"/tasks/{task_id}/logs",
                200,
                params={"limit": 200, "cursor": cursor, **query},
            )
            rows += found["items"]
            cursor = found["next_cursor"]
            if cursor is None:
                return rows


class Process:
    """One server process with all its children, and what it wrote."""

    def __init__(
        self,
        instance: Instance,
        command: Sequence[str],
        environment: Mapping[str, str],
        port: int,
        folder: Path,
    ) -> None:
        self.port = port
        self.base = f"http://127.0.0.1:{port}"
        self._instance = instance
        self._output = instance.folder / f"output-{time.monotonic_ns()}.log"
        self.started = time.monotonic()
        with self._output.open("wb") as output:
            self._popen = subprocess.Popen(
                command,
                cwd=folder,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_die_with_parent,  # noqa: PLW1509 - it makes one system call
            )
        self.pid = self._popen.pid
        _groups.add(self.pid)

    @property
    def api(self) -> Api:
        """Its JSON API, with a token."""
        return Api(self.base, self._instance.token())

    def output(self) -> str:
        """All that it wrote to stdout and stderr."""
        return self._output.read_text(errors="replace")

    def get(self, path: str) -> requests.Response:
        """A page or a check, without a login, on a connection of its own."""
        with requests.Session() as session:
            session.trust_env = False
            headers = {"Connection": "close"}
            return session.get(self.base + path, timeout=10, allow_redirects=False, headers=headers)

    def health(self) -> dict[str, Any]:
        """What /healthz says; empty while nobody answers."""
        try:
            found: dict[str, Any] = self.get("/healthz").json()
        except (requests.RequestException, ValueError):
            return {}
        return found

    def ready(self) -> Self:
        """Wait until it answers."""

        def look() -> bool:
            if self._popen.poll() is not None:
                raise AssertionError(f"ended at the start:\n{self.output()}")
            return bool(self.health())

        wait_until(look, START_TIMEOUT, "an answer from /healthz")
        return self

    def members(self) -> list[int]:
        """The living processes of its group: itself, workers, a reloader's child."""
        return _members(self.pid)

    def signal(self, number: signal.Signals) -> None:
        """To the first process alone, as a service manager does it."""
        self._popen.send_signal(number)

    def kill(self) -> None:
        """SIGKILL to all of them at once, like a power cut."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._popen.wait(10)
        wait_until(lambda: not self.members(), 10, "the end of all its processes", pause=0.005)
        _groups.discard(self.pid)

    def wait(self, seconds: float) -> int:
        """Its exit code."""
        return self._popen.wait(seconds)

    def terminate(self, seconds: float = 60) -> int:
        """SIGTERM; the exit code."""
        self.signal(signal.SIGTERM)
        return self.wait(seconds)


class Instance:
    """A folder, an environment, and the processes that were started on them."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.settings = {
            "ADMIN_PASSWORD": _HASHED,  # unhashed where a test says so: it is slow on purpose
            "INSTANCE_DIR": str(folder / "instance"),
            "LOG_DIR": str(folder / "logs"),
            "DATABASE_URL": f"sqlite:///{folder / 'instance' / 'autoai.db'}",
            "HOST": "127.0.0.1",
            "TIMEZONE": "UTC",
            "DRAIN_TIMEOUT": "10",
            "PREFLIGHT": "false",  # a test of it says so: others count what arrives
            **settings,
        }
        self._processes: list[Process] = []
        self._token = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            process.kill()

    @property
    def database(self) -> Path:
        return self.folder / "instance" / "autoai.db"

    @property
    def log(self) -> str:
        """The log file."""
        path = self.folder / "logs" / "autoai.log"
        return path.read_text() if path.exists() else ""

    def environment(self, **more: str | None) -> dict[str, str]:
        """What a process sees: of the shell only the names in `_KEPT`. None takes a setting out."""
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        values: dict[str, str | None] = {**kept, "FLASK_SKIP_DOTENV": "1", **self.settings, **more}
        return {name: value for name, value in values.items() if value is not None}

    def gunicorn(
        self, *arguments: str, port: int = 0, wait: bool = True, **more: str | None
    ) -> Process:
        """`gunicorn wsgi:app`, in the foreground; upper-case keywords change its environment."""
        return self._start(["gunicorn", *arguments, "wsgi:app"], port, wait, more)

    def flask(
        self, *arguments: str, port: int = 0, wait: bool = True, **more: str | None
    ) -> Process:
        """`flask run`, with `arguments`."""
        port = port or free_port()
        command = ["flask", "--app", "wsgi", "run", "--port", str(port), *arguments]
        return self._start(command, port, wait, more)

    def command(self, *arguments: str, **more: str | None) -> subprocess.CompletedProcess[str]:
        """`flask --app wsgi ARGUMENTS`, to its end."""
        return subprocess.run(
            [sys.executable, "-m", "flask", "--app", "wsgi", *arguments],
            cwd=app_folder(),
            env=self.environment(**more),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=START_TIMEOUT,
        )

    def token(self) -> str:
        """A bearer token, put into the database of a server that has started: the command that
        makes one is a process of two seconds, and has a test of its own."""
        if not self._token:
            token = "aai_" + secrets.token_urlsafe(32)
            with closing(sqlite3.connect(self.database, timeout=10)) as connection, connection:
                connection.execute(
                    "INSERT INTO api_tokens (name, token_hash, user_id, created_at)"
                    " SELECT 'tests', ?, id, strftime('%Y-%m-%d %H:%M:%f000') FROM users",
                    (hashlib.sha256(token.encode()).hexdigest(),),
                )
            self._token = token
        return self._token

    def rows(self, query: str, *values: Any) -> list[dict[str, Any]]:
        """What the database holds, read beside the app."""
        connection = sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=10)
        connection.row_factory = sqlite3.Row
        try:
            return [dict(row) for row in connection.execute(query, values)]
        finally:
            connection.close()

    def _start(
        self, command: list[str], port: int, wait: bool, more: Mapping[str, str | None]
    ) -> Process:
        port = port or free_port()
        environment = self.environment(**{"PORT": str(port), **more})
        process = Process(self, [sys.executable, "-m", *command], environment, port, app_folder())
        self._processes.append(process)
        return process.ready() if wait else process


def _die_with_parent() -> None:
    """In the child: if the tests are killed, it must not live on."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _members(group: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                state = re.sub(r"^.*\) ", "", (entry / "stat").read_text()).split()
                if int(state[2]) == group and state[0] not in "ZX":
                    found.append(int(entry.name))
    return found


@atexit.register
def _end_all() -> None:
    for group in _groups:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)
