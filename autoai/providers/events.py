"""Server-sent events out of bytes, as they arrive.

The format: https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
`id` and `retry` are for clients that connect again, which a completion never does.
"""

from __future__ import annotations

from dataclasses import dataclass

MAX_EVENT_BYTES = 8 * 1024 * 1024
"""The event that ends a stream of the Responses API holds the whole answer once more."""

_BOM = b"\xef\xbb\xbf"


class EventTooLarge(ValueError):
    """An event is longer than anybody means it to be."""


@dataclass(frozen=True)
class Event:
    """What was dispatched: its type, `message` where the other side named none, and its data."""

    name: str
    data: str


def is_event_stream(content_type: str | None) -> bool:
    """Does an answer with this Content-Type consist of events?"""
    kind = (content_type or "").partition(";")[0]
    return kind.strip().lower() == "text/event-stream"


class EventParser:
    """Fed pieces of any size, it gives the events that they complete.

    Lines are split as bytes: no byte of a longer UTF-8 sequence is a line's end, so a character
    that is spread over two pieces is whole again when its line is decoded.
    """

    def __init__(self, max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        self._max = max_event_bytes
        self._start = b""
        """Bytes held back until they are known to be, or not to be, a byte order mark."""
        self._started = False
        self._line: list[bytes] = []
        """The line under way, in pieces: adding up bytes again and again is quadratic."""
        self._skip_newline = False
        """The last piece ended in CR: an LF that follows belongs to the same line's end."""
        self._size = 0
        """Bytes of the event under way."""
        self._name = ""
        self._data: list[str] = []

    def feed(self, piece: bytes) -> list[Event]:
        """The events that are complete with this piece. Raises `EventTooLarge`."""
        if not self._started:
            piece = self._without_mark(piece)
        if not piece:
            return []
        if self._skip_newline:
            self._skip_newline = False
            if piece.startswith(b"\n"):
                piece = piece[1:]
        if b"\r" in piece:
            self._skip_newline = piece.endswith(b"\r")
            piece = piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        found: list[Event] = []
        *ended, rest = piece.split(b"\n")
        for line in ended:
            self._grow(len(line))
            if self._line:
                self._line.append(line)
                self._take(b"".join(self._line), found)
                self._line.clear()
            else:
                self._take(line, found)
        if rest:
            self._grow(len(rest))
            self._line.append(rest)
        return found

    def _without_mark(self, piece: bytes) -> bytes:
        self._start += piece
        if len(self._start) < len(_BOM) and _BOM.startswith(self._start):
            return b""
        self._started = True
        piece, self._start = self._start, b""
        return piece.removeprefix(_BOM)

    def _grow(self, size: int) -> None:
        self._size += size
        if self._size > self._max:
            raise EventTooLarge(f"an event is larger than {self._max} bytes")

    def _take(self, line: bytes, found: list[Event]) -> None:
        if not line:
            if self._data:
                found.append(Event(self._name or "message", "\n".join(self._data)))
                self._data = []
            self._name, self._size = "", 0
            return
        field, _, value = line.partition(b":")
        if field == b"data":
            self._data.append(value.removeprefix(b" ").decode("utf-8", "replace"))
        elif field == b"event":
            self._name = value.removeprefix(b" ").decode("utf-8", "replace")
