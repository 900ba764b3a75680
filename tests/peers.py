"""Servers that speak the APIs and are not ours, each as a process of its own.

llmock is a package of Python's (requirements-dev.txt). aimock is one of node's: `make test`
installs it into .venv/aimock where npm is, and what needs it is skipped where it is missing.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import requests

from tests.server import free_port, wait_until

AIMOCK = Path(sys.prefix) / "aimock/node_modules/@copilotkit/aimock/dist/cli.js"
NODE = shutil.which("node")


class LLMock:
    """A running llmock."""

    def __init__(self, port: int) -> None:
        self.root = f"http://127.0.0.1:{port}"
        self._session = requests.Session()
        self._session.trust_env = False

    def ready(self) -> bool:
        with suppress(requests.RequestException):
            return self._session.get(f"{self.root}/_llmock/scenario", timeout=5).ok
        return False

    def script(self, *behaviors: dict[str, Any]) -> None:
        """What becomes of the next completions. Forgets what was before.

        Of completions only: the looks ahead ask for the models whenever it is their turn.
        """
        self._session.post(f"{self.root}/_llmock/reset", timeout=5).raise_for_status()
        body = {"behaviors": [self._for_completions(behavior) for behavior in behaviors]}
        self._session.post(f"{self.root}/_llmock/scenario", json=body, timeout=5).raise_for_status()

    def requests(self) -> list[dict[str, Any]]:
        """The completions that it was asked for since then."""
        found = self._session.get(f"{self.root}/_llmock/requests", timeout=5).json()
        served: list[dict[str, Any]] = found["requests"] if isinstance(found, dict) else found
        return [request for request in served if request["method"] == "POST"]

    @staticmethod
    def _for_completions(behavior: dict[str, Any]) -> dict[str, Any]:
        match: dict[str, Any] = {"model": "?*"}
        if behavior["type"] == "stream_fault":
            match["stream"] = True
        return {**behavior, "match": match}


@contextmanager
def llmock() -> Iterator[LLMock]:
    """llmock, as a person would start it."""
    port = free_port()
    found = LLMock(port)
    command = [sys.executable, "-m", "llmock.cli", "serve", "--host", "127.0.0.1"]
    with _process([*command, "--port", str(port), "--log-level", "warning"]):
        wait_until(found.ready, 60, "an answer from llmock")
        yield found


@contextmanager
def aimock(folder: Path, key: str, fixtures: list[dict[str, Any]]) -> Iterator[str]:
    """aimock, answering `fixtures`; its root address."""
    assert NODE
    port = free_port()
    root = f"http://127.0.0.1:{port}"
    file = folder / "fixtures.json"
    file.write_text(json.dumps({"fixtures": fixtures}))
    options = ["-p", str(port), "-f", str(file), "--chunk-size", "7", "--latency", "5"]

    def ready() -> bool:
        with suppress(requests.RequestException):
            return requests.get(f"{root}/health", timeout=5, proxies={"no_proxy": "*"}).ok
        return False

    with _process([NODE, str(AIMOCK), *options, "--log-level", "silent"], AIMOCK_API_KEYS=key):
        wait_until(ready, 60, "an answer from aimock")
        yield root


@contextmanager
def _process(command: list[str], **environment: str) -> Iterator[None]:
    process = subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **environment},
    )
    try:
        yield
    finally:
        process.kill()
        process.wait(10)
