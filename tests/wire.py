"""A server that answers every request with the bytes it was given: for answers no library would send."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

Reply = bytes | Callable[[bytes, dict[str, str]], bytes]
"""Raw bytes, or what makes them from the request's body and its headers (lower case)."""


class Wire(socketserver.ThreadingTCPServer):
    """Keeps what it was sent. `reply` can be changed between requests."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, reply: Reply) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.reply = reply
        self.heads: list[dict[str, str]] = []
        self.bodies: list[bytes] = []
        self.methods: list[str] = []
        self.paths: list[str] = []

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


class _Handler(socketserver.StreamRequestHandler):
    server: Wire

    def handle(self) -> None:
        line = self.rfile.readline().decode("latin-1")
        head: dict[str, str] = {}
        while (field := self.rfile.readline().decode("latin-1")).strip():
            name, _, value = field.partition(":")
            head[name.strip().lower()] = value.strip()
        body = self.rfile.read(int(head.get("content-length", 0)))
        method, _, rest = line.partition(" ")
        self.server.methods.append(method)
        self.server.paths.append(rest.partition(" ")[0])
        self.server.heads.append(head)
        self.server.bodies.append(body)
        reply = self.server.reply
        self.wfile.write(reply(body, head) if callable(reply) else reply)


@contextmanager
def wire(reply: Reply = b"") -> Iterator[Wire]:
    """A running `Wire` on a free port of loopback."""
    with Wire(reply) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def http(body: bytes | str | Any, status: int = 200, **headers: str) -> bytes:
    """An HTTP/1.1 answer; `Retry_After="2"` becomes the header Retry-After."""
    if not isinstance(body, bytes):
        body = (body if isinstance(body, str) else json.dumps(body)).encode()
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body)}", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def answer(text: Any = "Good day.", **more: Any) -> dict[str, Any]:
    """The JSON of a completion; `message` and `choice` add to those, the rest to the top."""
    message = {"role": "assistant", "content": text, **more.pop("message", {})}
    choice = {"index": 0, "message": message, "finish_reason": "stop", **more.pop("choice", {})}
    return {"id": "c-1", "object": "chat.completion", "model": "m-1", "choices": [choice], **more}
