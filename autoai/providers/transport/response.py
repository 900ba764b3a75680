"""http.client's answer, read strictly: interim answers are skipped, and broken framing is no cut.

http.client takes any 1xx but 100 for the final answer, skips 100 without end, takes a cut head for
a whole one and ignores a Content-Length that is no number.
"""

from __future__ import annotations

import re
from http.client import (
    BadStatusLine,
    HTTPException,
    HTTPResponse,
    IncompleteRead,
    RemoteDisconnected,
    parse_headers,
)
from typing import Any

_INTERIM = 100
"""So many interim answers may come before the final one."""
_SWITCHING = 101
_FINAL = 200
_LINE = 64 * 1024
_ENDS = (b"\r\n", b"\n")
_SIZE = re.compile(rb"[0-9a-fA-F]{1,15}")
_LENGTH = re.compile(r"[0-9]{1,18}")


class BrokenAnswer(HTTPException):
    """What came is not HTTP. Asking again would bring the same."""


class StrictResponse(HTTPResponse):
    """An answer whose head and framing are as RFC 9112 wants them.

    Raises `BrokenAnswer` or http.client's own `LineTooLong`, `BadStatusLine`, `HTTPException` for
    what is broken, and `IncompleteRead` or `RemoteDisconnected` for what was cut.
    """

    fp: Any
    chunk_left: int | None

    def begin(self) -> None:
        """Read the head."""
        lines = self.fp = _Lines(self.fp)
        super().begin()
        if self.fp is lines:
            self.fp = lines.file
        if lines.last not in _ENDS:
            raise RemoteDisconnected("the connection ended in the middle of the headers")
        self._check_framing()

    def _read_status(self) -> tuple[str, int, str]:
        """The final status line. 101 is final: nobody asked to switch (RFC 9110, 15.2.2)."""
        for _ in range(_INTERIM + 1):
            try:
                version, status, reason = super()._read_status()  # type: ignore[misc]
            except BadStatusLine as error:
                if not _is_start(str(error.args[0])):
                    raise
                break
            if status >= _FINAL or status == _SWITCHING:
                return version, status, reason
            parse_headers(self.fp)
        else:
            raise BrokenAnswer(f"more than {_INTERIM} interim answers")
        raise RemoteDisconnected("the connection ended in the status line")

    def _check_framing(self) -> None:
        coding = self.headers.get("transfer-encoding")
        if coding is not None and not self.chunked:
            raise BrokenAnswer("a Transfer-Encoding other than chunked")
        lengths = {
            length.strip()
            for field in self.headers.get_all("content-length", [])
            for length in field.split(",")
        }
        # The same number twice is allowed (RFC 9110, 8.6).
        if not self.chunked and (len(lengths) > 1 or not all(map(_LENGTH.fullmatch, lengths))):
            raise BrokenAnswer("a Content-Length that is not a number")

    def read1(self, n: int = -1) -> bytes:
        """At most one read of the socket; nothing at the end.

        http.client's own forgets how much of the body it has read (python/cpython#113199).
        """
        if self.fp is None or self.chunked or self.length is None:
            return super().read1(n)
        data: bytes = self.fp.read1(self.length if n < 0 else min(n, self.length))
        self.length -= len(data)
        if not data or not self.length:
            self._close_conn()  # type: ignore[attr-defined]
        return data

    def _get_chunk_left(self) -> int | None:
        if self.chunk_left == 0:
            if self._safe_read(2) != b"\r\n":  # type: ignore[attr-defined]
                raise BrokenAnswer("a chunk that is longer than it says")
            self.chunk_left = None
        left: int | None = super()._get_chunk_left()  # type: ignore[misc]
        return left

    def _read_next_chunk_size(self) -> int:
        line: bytes = self.fp.readline(_LINE + 1)
        if not line.endswith(b"\n") and len(line) <= _LINE:
            raise IncompleteRead(line)
        size = line.partition(b";")[0].strip()
        if not _SIZE.fullmatch(size):
            raise BrokenAnswer("a chunk whose size is not a number")
        return int(size, 16)


class _Lines:
    """Remembers the last line that was read: an end of the headers, or of the connection?"""

    def __init__(self, file: Any) -> None:
        self.file = file
        self.last = b""

    def readline(self, limit: int = -1) -> bytes:
        self.last = self.file.readline(limit)
        return self.last

    def flush(self) -> None:
        self.file.flush()

    def close(self) -> None:
        self.file.close()


def _is_start(line: str) -> bool:
    """May this be the first part of a status line?"""
    return not line.endswith("\n") and "HTTP/".startswith(line[:5])
