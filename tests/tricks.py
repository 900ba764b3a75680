"""What the other side can do over a raw socket; `tests/misbehaviours.py` says what comes of it."""

from __future__ import annotations

import gzip
import json
import re
import socket
import struct
import time
from typing import Any

from tests.line import Hangup, Talk
from tests.wire import answer, http

_PIECE = 64 * 1024
_TEN_GIGABYTES = 10 * 2**30
_DRIPS = 1_000
_KEY = re.compile(rb"\r\nAuthorization: (.*)\r\n", re.IGNORECASE)

OK = b"HTTP/1.1 200 OK\r\n"
JSON = OK + b"Content-Type: application/json\r\n"
CHUNKED = JSON + b"Transfer-Encoding: chunked\r\n\r\n"


def says(data: bytes) -> Talk:
    """These bytes, and goodbye."""

    def talk(sock: socket.socket, request: bytes) -> None:
        sock.sendall(data)
        raise Hangup

    return talk


def pieces(*parts: bytes, pause: float = 0.02) -> Talk:
    """Byte strings, each in a packet of its own."""

    def talk(sock: socket.socket, request: bytes) -> None:
        for part in parts:
            sock.sendall(part)
            time.sleep(pause)
        raise Hangup

    return talk


def silent(sock: socket.socket, request: bytes) -> None:
    """Nothing, until the client goes."""
    sock.recv(1)
    raise Hangup


def endless(head: bytes, piece: bytes, size: int = _TEN_GIGABYTES, pause: float = 0) -> Talk:
    """The same piece again and again, as long as the client takes it."""

    def talk(sock: socket.socket, request: bytes) -> None:
        sock.sendall(head)
        for _ in range(_DRIPS if pause else size // len(piece)):
            sock.sendall(piece)
            if pause:
                time.sleep(pause)
        raise Hangup

    return talk


def reset(after: bytes) -> Talk:
    """These bytes, and then a reset instead of an end."""

    def talk(sock: socket.socket, request: bytes) -> None:
        sock.sendall(after)
        time.sleep(0.05)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise Hangup

    return talk


def echo_key(status: int) -> Talk:
    """The key that came, in the error or in the answer."""

    def talk(sock: socket.socket, request: bytes) -> None:
        key = _KEY.search(request)
        assert key is not None
        text = f"You sent {key[1].decode()}."
        body = answer(text) if status == 200 else {"error": {"message": text}}
        sock.sendall(http(body, status))
        raise Hangup

    return talk


drip = endless(JSON + b"Content-Length: 1000000\r\n\r\n", b" ", pause=0.05)
drip_head = endless(OK + b"X-Slow: ", b"a", pause=0.05)
huge = endless(JSON + b"Content-Length: %d\r\n\r\n" % _TEN_GIGABYTES, b" " * _PIECE)
chunks_for_ever = endless(CHUNKED, b"%x\r\n%b\r\n" % (_PIECE, b" " * _PIECE))
gzip_bomb = says(http(gzip.compress(b" " * 2**20) * 256, Content_Encoding="gzip"))
"""Members of a megabyte each (RFC 1952, 2.2)."""
continue_for_ever = endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n", 2**20)


def half(body: Any) -> bytes:
    """An answer that stops in the middle of its body."""
    whole = http(body)
    return whole[: whole.index(b"\r\n\r\n") + 20]


def many_headers(count: int) -> bytes:
    return OK + b"".join(b"X-%d: y\r\n" % number for number in range(count)) + b"\r\n{}"


def stream(*texts: str, finish: str | None = "stop", done: bool = True, more: str = "") -> bytes:
    """An event stream of these pieces of text, without chunks: it ends where the connection does."""
    deltas: list[dict[str, Any]] = [{"delta": {"content": text}} for text in texts]
    if finish:
        deltas.append({"delta": {}, "finish_reason": finish})
    events = [
        json.dumps({"model": "m-1", "choices": [{"index": 0, **delta}]}, ensure_ascii=False)
        for delta in deltas
    ]
    if more:
        events.append(more)
    if done:
        events.append("[DONE]")
    head = OK + b"Content-Type: text/event-stream\r\n\r\n"
    return head + "".join(f"data: {event}\n\n" for event in events).encode()


def split(data: bytes, inside: str) -> Talk:
    """`data` in packets that part in the middle of every byte sequence of `inside`."""
    parts, marker = [], inside.encode()
    while (at := data.find(marker)) >= 0:
        parts.append(data[: at + 1])
        data = data[at + 1 :]
    return pieces(*parts, data)
