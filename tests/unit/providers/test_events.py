"""Server-sent events: the format's own examples, and every way to cut them into pieces."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoai.providers.events import Event, EventParser, EventTooLarge, is_event_stream


def parsed(*pieces: bytes, limit: int = 1_000) -> list[Event]:
    parser = EventParser(limit)
    return [event for piece in pieces for event in parser.feed(piece)]


def data(*texts: str) -> list[Event]:
    return [Event("message", text) for text in texts]


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        # From the format's own page.
        (b"data: YHOO\ndata: +2\ndata: 10\n\n", data("YHOO\n+2\n10")),
        (b": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event",
         data("first event", "second event")),
        (b"data\n\ndata\ndata\n\ndata:", data("", "\n")),
        (b"data:test\n\ndata: test\n\n", data("test", "test")),
        (b"event: add\ndata: 73857293\n\nevent: remove\ndata: 2153\n\n",
         [Event("add", "73857293"), Event("remove", "2153")]),
        # Ends of lines, alone and mixed.
        (b"data: a\r\n\r\ndata: b\r\n\r\n", data("a", "b")),
        (b"data: a\r\rdata: b\r\r", data("a", "b")),
        (b"data: a\n\r\ndata: b\r\n\ndata: c\r\n\r", data("a", "b", "c")),
        (b"data: a\r\ndata: b\r\n\r\n", data("a\nb")),
        # What ends no line: Python's splitlines would say otherwise.
        ("data: a\u2028b\u0085c\x0b\x0c\x1cd\n\n".encode(), data("a\u2028b\u0085c\x0b\x0c\x1cd")),
        # A byte order mark at the start, and only there.
        (b"\xef\xbb\xbfdata: a\n\n\xef\xbb\xbfdata: b\n\n", data("a")),
        (b"\xef\xbbdata: a\n\ndata: b\n\n", data("b")),
        # Bad UTF-8 is replaced; a stream that is cut loses its last event.
        (b"data: \xff\xc3\n\n", data("\ufffd\ufffd")),
        (b"data: whole\n\ndata: half\n", data("whole")),
        # A name without data is forgotten; unknown fields and comments count for nothing.
        (b"event: lonely\n\ndata: a\n\n", data("a")),
        (b"retry: 5\nwhatever: x\nData: no\ndata : no\n:data: no\ndata: a\n\n", data("a")),
        (b"data: a: b\n\ndata::\n\n", data("a: b", ":")),
        (b"", []),
        (b"\n\n\r\r\n\n", []),
    ],
)  # fmt: skip
def test_streams(stream: bytes, events: list[Event]) -> None:
    assert parsed(stream) == events
    assert parsed(*(stream[at : at + 1] for at in range(len(stream)))) == events
    for at in range(len(stream)):
        assert parsed(stream[:at], stream[at:]) == events


@given(
    st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=5),
    st.sampled_from(["\n", "\r", "\r\n"]),
    st.lists(st.integers(0, 200), max_size=8),
)
def test_any_text_in_any_pieces(texts: list[str], newline: str, cuts: list[int]) -> None:
    events = [json.dumps(text) for text in texts]
    raw = [json.dumps(text, ensure_ascii=False) for text in texts]
    stream = "".join(f"data: {text}{newline}{newline}" for pair in zip(events, raw, strict=True)
                     for text in pair).encode()  # fmt: skip
    places = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    pieces = [stream[a:b] for a, b in pairwise(places)]
    found = [json.loads(event.data) for event in parsed(*pieces, limit=10**6)]
    assert found == [text for text in texts for _ in range(2)]


@pytest.mark.parametrize(
    "pieces",
    [
        [b"data: " + b"x" * 1_000],
        [b"x"] * 1_001,
        [b"data: x\n"] * 200,
        [b": comment\n"] * 200,
    ],
)
def test_an_event_has_bounds(pieces: list[bytes]) -> None:
    with pytest.raises(EventTooLarge):
        parsed(*pieces)


def test_a_stream_has_none_here() -> None:
    """The transport bounds the whole."""
    assert len(parsed(*[b"data: 12345\n\n"] * 500)) == 500


@pytest.mark.parametrize(
    ("content_type", "answer"),
    [
        ("text/event-stream", True),
        ("Text/Event-Stream; charset=utf-8", True),
        (" text/event-stream ;x", True),
        ("application/json", False),
        ("text/event-streams", False),
        ("", False),
        (None, False),
    ],
)
def test_the_content_type_decides(content_type: str | None, answer: bool) -> None:
    assert is_event_stream(content_type) is answer
