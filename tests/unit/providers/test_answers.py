"""What every provider in the registry makes of an answer, whatever its family; whole and streamed."""

from __future__ import annotations

import gzip
import json
import socket
import threading
import time
from contextlib import suppress
from uuid import uuid4

import pytest

from autoai.providers.base import Connection, Request, Usage
from autoai.providers.registry import PROVIDERS
from autoai.providers.transport import Call
from tests.dialects import DIALECTS, Said, sse
from tests.talk import Talk, both_ways
from tests.wire import http


def test_every_family_is_tested() -> None:
    assert tuple(DIALECTS) == PROVIDERS


@both_ways
def test_text_and_usage(talk: Talk, stream: bool) -> None:
    talk.says(Said(), stream)
    found = talk.ask(stream)
    assert (found.text, found.model, found.finish_reason) == ("All is well.", "m-1", "stop")
    assert found.usage == Usage(100, 30, 40, 7)
    assert (found.refused, found.tool_calls, found.http_status) == (False, False, 200)
    assert talk.told == (["All ", "is ", "well."] if stream else ["All is well."])


@both_ways
def test_nobody_counted(talk: Talk, stream: bool) -> None:
    talk.says(Said(usage=False), stream)
    assert talk.ask(stream).usage == Usage()


@both_ways
def test_cut_short(talk: Talk, stream: bool) -> None:
    talk.says(Said(ended="length"), stream)
    found = talk.ask(stream)
    assert (found.text, found.finish_reason) == ("All is well.", "length")


@both_ways
def test_refusal(talk: Talk, stream: bool) -> None:
    talk.says(Said(["I will ", "not."], "refusal"), stream)
    found = talk.ask(stream)
    assert (found.text, found.refused, found.tool_calls) == ("I will not.", True, False)
    assert "".join(talk.told) == "I will not."


@both_ways
def test_nothing_but_tool_calls(talk: Talk, stream: bool) -> None:
    talk.says(Said(ended="tool_calls"), stream)
    found = talk.ask(stream)
    assert (found.text, found.tool_calls, found.finish_reason) == ("", True, "tool_calls")
    assert talk.told == []


@both_ways
def test_no_text(talk: Talk, stream: bool) -> None:
    talk.says(Said([""]), stream)
    assert talk.ask(stream).text == ""
    assert talk.told == []


@both_ways
@pytest.mark.parametrize(
    ("pieces", "text"),
    [
        (["Grüß ", "Gott, ", "你好 \u2028\u0085\x0b"], "Grüß Gott, 你好 \u2028\u0085\x0b"),
        (["a\x00b", "\ud800", "c"], "a\ufffdb\ufffdc"),
        (["a\udc00", "b\ud83d"], "a\ufffdb\ufffd"),
    ],
)
def test_odd_characters(talk: Talk, stream: bool, pieces: list[str], text: str) -> None:
    talk.says(Said(pieces), stream)
    assert talk.ask(stream).text == text
    assert "".join(talk.told) == text


def test_a_character_in_two_pieces(talk: Talk) -> None:
    """As a server cuts that counts in UTF-16."""
    talk.says(Said(["a\ud83d", "\ude00b", "\ud83d", "\ude00"]), True)
    assert talk.ask(True).text == "a😀b😀"
    assert talk.told == ["a", "😀b", "😀"]


def test_a_stream_that_nobody_asked_for(talk: Talk) -> None:
    talk.says(Said(), True)
    assert talk.ask(False).text == "All is well."


def test_a_whole_answer_where_a_stream_was_asked_for(talk: Talk) -> None:
    talk.says(Said(), False)
    assert talk.ask(True).text == "All is well."
    assert talk.told == ["All is well."]


@pytest.mark.parametrize("newline", ["\n", "\r", "\r\n"])
def test_a_stream_in_single_bytes(talk: Talk, newline: str) -> None:
    body = b"\xef\xbb\xbf: hello\n\n" + sse(talk.dialect.events(Said(["Grüß ", "你好"])), newline)
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n"
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
    talk.wire.reply = head + b"Transfer-Encoding: chunked\r\n\r\n" + chunks
    assert talk.ask(True).text == "Grüß 你好"


def test_a_compressed_stream(talk: Talk) -> None:
    packed = gzip.compress(sse(talk.dialect.events(Said())))
    talk.wire.reply = http(packed, Content_Type="text/event-stream", Content_Encoding="gzip")
    assert talk.ask(True).text == "All is well."


def test_pieces_are_told_as_they_come(talk: Talk) -> None:
    """The other side sends the second half only when the first one has been told."""
    events = talk.dialect.events(Said(["first", "second"]))
    cut = next(at for at, event in enumerate(events) if "first" in json.dumps(event)) + 1
    with socket.create_server(("127.0.0.1", 0)) as listener:
        request = Request(
            Connection(f"http://127.0.0.1:{listener.getsockname()[1]}/v1"),
            "m-1",
            [],
            stream=True,
        )
        sides: list[socket.socket] = []
        told: list[str] = []

        def on_text(text: str) -> None:
            told.append(text)
            if text == "first":
                sides[0].sendall(sse(events[cut:]))
                sides[0].shutdown(socket.SHUT_WR)

        def serve() -> None:
            sides.append(listener.accept()[0])
            sides[0].recv(65536)
            head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
            sides[0].sendall(head + sse(events[:cut]))

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        found = talk.provider.complete(request, Call(10), on_text)
        thread.join(10)
        sides[0].close()
    assert (found.text, told) == ("firstsecond", ["first", "second"])


@pytest.mark.parametrize("rest", [b"0\r\n\r\n", b"", b"2\r\n: \r\n", b"zz\r\n"])
def test_after_the_last_event(talk: Talk, rest: bytes) -> None:
    """A connection whose stream has ended is used again; one that says no more is not waited for."""
    body = sse(talk.dialect.events(Said()))
    head = (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    accepted: list[socket.socket] = []
    asked: list[socket.socket] = []
    path = f"/{uuid4().hex}/v1"  # a stranger may knock who knew another server at this port

    def serve(side: socket.socket) -> None:
        with suppress(OSError):
            while path.encode() in side.recv(65536):
                asked.append(side)
                side.sendall(head + b"%x\r\n%b\r\n" % (len(body), body))
                time.sleep(0.01)  # the end comes by itself
                side.sendall(rest)

    def accept() -> None:
        while True:
            try:
                accepted.append(listener.accept()[0])
            except OSError:
                return
            threading.Thread(target=serve, args=accepted[-1:], daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, daemon=True).start()
        endpoint = f"http://127.0.0.1:{listener.getsockname()[1]}{path}"
        start = time.monotonic()
        for _ in range(3):
            found = talk.ask(True, talk.connection(endpoint=endpoint))
            assert (found.text, found.finish_reason) == ("All is well.", "stop")
        assert time.monotonic() - start < 3
        assert len(asked) == 3
        assert len(set(asked)) == (1 if rest.startswith(b"0") else 3)
        listener.shutdown(socket.SHUT_RDWR)
    for side in accepted:
        side.close()
