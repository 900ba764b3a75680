"""What the scripted upstream can do to a request; `BEHAVIOURS` is the list.

What is worse than these is in `tests/tricks.py`, over raw sockets.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

_LONGEST = 3_600.0
"""Seconds after which a silent connection is let go of."""
USAGE = {"prompt_tokens": 12, "completion_tokens": 34, "total_tokens": 46}
"""What every answer says that it took."""


@dataclass
class Seen:
    """One request. Times are Unix seconds; `answered` is when the last byte of the answer went out
    to a client that was still there, null where that never happened."""

    number: int
    arrived: float
    method: str
    target: str
    headers: dict[str, str]
    body: str
    model: str = ""
    launch: str = ""
    answered: float | None = None
    status: int | None = None
    sent: int = 0
    """Bytes of the answer that were handed to the kernel."""

    @property
    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.body)


@dataclass
class Exchange:
    """What a behaviour gets: the request, its arguments, and the way back."""

    seen: Seen
    arguments: dict[str, str]
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    keep: bool = field(default=True)
    """May the connection be used again?"""

    def number(self, name: str, default: float) -> float:
        return float(self.arguments.get(name, default))

    async def write(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()
        self.seen.sent += len(data)

    async def answer(
        self,
        body: bytes,
        status: int = 200,
        content_type: str = "application/json",
        headers: dict[str, str] | None = None,
    ) -> None:
        lines = {"Content-Type": content_type, "Content-Length": str(len(body)), **(headers or {})}
        if self.reader.at_eof():
            raise ConnectionResetError("the client has gone")
        await self.write(_head(status, lines) + body)
        self.seen.status, self.seen.answered = status, time.time()


Behaviour = Callable[[Exchange], Awaitable[None]]


def completion(text: str, model: str = "scripted", finish_reason: str = "stop") -> bytes:
    """A Chat Completions answer."""
    return json.dumps(
        {
            "id": "chatcmpl-scripted",
            "object": "chat.completion",
            "created": int(time.time()),
            "model": model,
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": text},
                    "finish_reason": finish_reason,
                }
            ],
            "usage": USAGE,
        }
    ).encode()


def _head(status: int, headers: dict[str, str]) -> bytes:
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status} Scripted\r\n{lines}\r\n".encode()


async def _ok(x: Exchange) -> None:
    text = x.arguments.get("text", "All is well.")
    await x.answer(completion(text, finish_reason=x.arguments.get("finish", "stop")))


async def _models(x: Exchange) -> None:
    names = ["ok", "slow", "stream"]
    await x.answer(
        json.dumps({"object": "list", "data": [{"id": name} for name in names]}).encode()
    )


async def _stream(x: Exchange) -> None:
    """Numbered lines, `pieces` of them, `pause` seconds apart."""
    await x.write(_head(200, {"Content-Type": "text/event-stream", "Connection": "close"}))
    x.keep = False
    for number in range(int(x.number("pieces", 20))):
        if x.reader.at_eof():
            raise ConnectionResetError("the client has gone")
        await x.write(_event({"content": f"Line {number + 1} of the answer.\n"}, None))
        await asyncio.sleep(x.number("pause", 0.5))
    await x.write(_event({}, "stop") + b"data: [DONE]\n\n")
    x.seen.status, x.seen.answered = 200, time.time()


def _event(delta: dict[str, str], finish_reason: str | None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    chunk = {"object": "chat.completion.chunk", "model": "scripted", "choices": [choice]}
    return f"data: {json.dumps(chunk)}\n\n".encode()


async def _slow(x: Exchange) -> None:
    await asyncio.sleep(x.number("seconds", 2))
    await _ok(x)


async def _status(x: Exchange) -> None:
    error = {"message": x.arguments.get("message", "scripted"), "code": x.arguments.get("error")}
    headers = {}
    if "retry_after" in x.arguments:
        headers["Retry-After"] = x.arguments["retry_after"]
    code = int(x.number("code", 500))
    await x.answer(json.dumps({"error": error}).encode(), code, headers=headers)


async def _flaky(x: Exchange) -> None:
    """The first `fails` requests of a launch get `code`, the next ones an answer."""
    count = int(x.arguments["count"])
    await (_status if count <= x.number("fails", 1) else _ok)(x)


async def _echo_key(x: Exchange) -> None:
    shown = x.seen.headers.get("authorization", "")
    error = {"error": {"message": f"Incorrect API key provided: {shown}"}}
    await x.answer(json.dumps(error).encode(), int(x.number("code", 401)))


async def _silent(x: Exchange) -> None:
    x.keep = False
    await asyncio.wait_for(x.reader.read(), _LONGEST)


async def _reset(x: Exchange) -> None:
    x.keep = False
    linger = struct.pack("ii", 1, 0)
    x.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    x.writer.transport.abort()


BEHAVIOURS: dict[str, Behaviour] = {
    "ok": _ok,
    "models": _models,
    "stream": _stream,
    "slow": _slow,
    "status": _status,
    "flaky": _flaky,
    "echo-key": _echo_key,
    "silent": _silent,
    "reset": _reset,
}
