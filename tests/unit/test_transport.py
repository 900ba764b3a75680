"""The transport alone, over real sockets: pieces as they come, connections kept and closed."""

from __future__ import annotations

import gzip
import socket
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from autoai.domain.errors import CallEnded, ProviderError
from autoai.domain.runs import Kind, Reason
from autoai.providers.transport import Call, Outgoing, Transport
from tests.line import line, says
from tests.tricks import pieces, silent

LIMIT = 64 * 1024


@pytest.fixture
def transport() -> Iterator[Transport]:
    made = Transport(4, LIMIT)
    yield made
    made.close()


def get(url: str) -> Outgoing:
    return Outgoing("GET", url, {"Authorization": "Bearer sk-test"})


def say_whole(sock: socket.socket, request: bytes) -> None:
    sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
    sock.sendall(b"wh")
    time.sleep(0.05)
    sock.sendall(b"ole, and more than it said")


def test_what_a_get_looks_like(transport: Transport) -> None:
    with line(say_whole) as server:
        with transport.open(get(server.url + "v1/models"), Call(5)) as incoming:
            assert (incoming.status, incoming.headers["CONTENT-LENGTH"]) == (200, "5")
            assert incoming.body() == b"whole", "and nothing beyond its length"
        head = server.requests[0].decode()
        assert head.startswith("GET /v1/models HTTP/1.1\r\n")
        assert "Authorization: Bearer sk-test" in head
        assert "Content-" not in head
        assert "sk-test" not in repr(get(server.url))


@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
@pytest.mark.parametrize("packed", [False, True])
def test_pieces_come_through_at_once(transport: Transport, framing: str, packed: bool) -> None:
    """Each piece is sent only after the one before was seen."""
    seen = [threading.Event() for _ in range(3)]
    packer = zlib.compressobj(wbits=31)
    pieces = [f"data: {number}\n\n".encode() for number in range(3)]
    if packed:
        sent = [packer.compress(piece) + packer.flush(zlib.Z_SYNC_FLUSH) for piece in pieces]
        sent[-1] += packer.flush()
    else:
        sent = pieces

    def talk(sock: socket.socket, request: bytes) -> None:
        head = "HTTP/1.1 200 OK\r\n" + ("Content-Encoding: gzip\r\n" if packed else "")
        if framing == "length":
            head += f"Content-Length: {sum(map(len, sent))}\r\n"
        elif framing == "chunked":
            head += "Transfer-Encoding: chunked\r\n"
        sock.sendall(head.encode() + b"\r\n")
        for piece, event in zip(sent, seen, strict=True):
            sock.sendall(b"%x\r\n%b\r\n" % (len(piece), piece) if framing == "chunked" else piece)
            assert event.wait(5)
        if framing == "chunked":
            sock.sendall(b"0\r\n\r\n")
        if framing == "close":
            sock.shutdown(socket.SHUT_WR)

    with line(talk) as server, transport.open(get(server.url), Call(10)) as incoming:
        found = []
        for piece, event in zip(incoming.chunks(), seen, strict=True):
            found.append(piece)
            event.set()
        assert found == pieces


def test_a_body_that_was_read_leaves_its_connection(transport: Transport) -> None:
    with line(says(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")) as server:
        for _ in range(3):
            call = Call(5)
            with transport.open(get(server.url), call) as incoming:
                assert incoming.body() == b"ok"
                call.end(Reason.CANCELLED)  # too late: the connection is the next call's by now
        assert server.connections == 1


def test_a_body_that_was_left_closes_its_connection(transport: Transport) -> None:
    closed = threading.Event()

    def talk(sock: socket.socket, request: bytes) -> None:
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nok")
        assert sock.recv(1) == b""
        closed.set()

    with line(talk) as server:
        with transport.open(get(server.url), Call(5)) as incoming:
            assert next(incoming.chunks()) == b"ok"
        assert closed.wait(5)


@pytest.mark.parametrize(("end", "connections"), [(b"0\r\n\r\n", 1), (b"", 2), (b"1\r\nx\r\n", 2)])
@pytest.mark.parametrize("packed", [False, True])
def test_a_stream_that_was_left_at_its_end(
    transport: Transport, end: bytes, connections: int, packed: bool
) -> None:
    """The connection is kept where the body is over, and nobody waits for its end."""
    event = gzip.compress(b"data: [DONE]\n\n") if packed else b"data: [DONE]\n\n"
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
    head += b"Content-Encoding: gzip\r\n" if packed else b""
    with line(says(head + b"\r\n%x\r\n%b\r\n" % (len(event), event) + end)) as server:
        for _ in range(2):
            before = time.monotonic()
            with transport.open(get(server.url), Call(30)) as incoming:
                assert next(incoming.chunks()) == b"data: [DONE]\n\n"
            assert time.monotonic() - before < 10
        assert server.connections == connections


def test_on_sent_is_called_once_when_all_is_sent(transport: Transport) -> None:
    with line(says(b"HTTP/1.1 204 None\r\n\r\n")) as server:
        for _ in range(2):  # over a new connection, and over a kept one
            call, stamps = Call(5), list[float]()
            call.on_sent = lambda stamps=stamps: stamps.append(time.monotonic())  # type: ignore[misc]
            payload = {"text": "x" * 1000}
            with transport.open(Outgoing("POST", server.url, {}, payload), call) as incoming:
                assert len(stamps) == 1
                assert incoming.body() == b""
            assert len(stamps) == 1 and call.sent
        assert server.connections == 1
        assert b"x" * 1000 in server.requests[1]


def test_on_sent_is_not_called_for_what_never_went_out(transport: Transport) -> None:
    call = Call(5)
    call.on_sent = lambda: pytest.fail("nothing was sent")
    with (
        pytest.raises(ProviderError) as caught,
        transport.open(get("http://127.0.0.1:9/"), call),
    ):
        pass
    assert caught.value.kind is Kind.NEVER_SENT and not call.sent


def test_ended_while_pieces_come(transport: Transport) -> None:
    def talk(sock: socket.socket, request: bytes) -> None:
        sock.sendall(b"HTTP/1.1 200 OK\r\n\r\nfirst")
        sock.recv(1)

    call = Call(10)
    with line(talk) as server, pytest.raises(CallEnded), transport.open(get(server.url), call) as x:
        for piece in x.chunks():
            assert piece == b"first"
            call.end(Reason.CANCELLED)


def test_a_deadline_between_pieces(transport: Transport) -> None:
    def talk(sock: socket.socket, request: bytes) -> None:
        sock.sendall(b"HTTP/1.1 200 OK\r\n\r\nfirst")
        sock.recv(1)

    with (
        line(talk) as server,
        pytest.raises(ProviderError) as caught,
        transport.open(get(server.url), Call(0.3)) as incoming,
    ):
        incoming.body()
    assert (caught.value.kind, caught.value.reason) == (Kind.MAYBE_BILLED, Reason.DEADLINE)
    assert caught.value.http_status == 200


def test_the_bound_holds_over_all_pieces(transport: Transport) -> None:
    bomb = gzip.compress(b" " * 50_000_000)
    taken = 0

    with (
        line(says(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + bomb)) as server,
        pytest.raises(ProviderError) as caught,
        transport.open(get(server.url), Call(10)) as incoming,
    ):
        for piece in incoming.chunks():
            taken += len(piece)
    assert caught.value.reason is Reason.TOO_LARGE
    assert taken <= LIMIT


def test_an_error_of_the_readers_own_passes(transport: Transport) -> None:
    with (
        line(say_whole) as server,
        pytest.raises(ZeroDivisionError),
        transport.open(get(server.url), Call(5)),
    ):
        raise ZeroDivisionError


HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


def refused(transport: Transport, url: str, timeout: float = 10) -> ProviderError:
    with (
        pytest.raises(ProviderError) as caught,
        transport.open(get(url), Call(timeout)) as incoming,
    ):
        incoming.body()
    return caught.value


class TestFraming:
    @pytest.mark.parametrize(
        "answer",
        [
            b"HTT",
            b"HTTP/1.1 2",
            HEAD + b"Content-Length: 2\r\n",
            HEAD + b"Content-Length: 500\r\n\r\nonly this",
            CHUNKED + b"5",
            CHUNKED + b"5\r\n{",
            CHUNKED + b"2\r\n{}\r\n",
        ],
    )
    def test_what_was_cut_may_be_sent_again(self, transport: Transport, answer: bytes) -> None:
        with line(pieces(answer)) as server:
            error = refused(transport, server.url)
        assert (error.kind, error.reason) == (Kind.MAYBE_BILLED, Reason.CONNECTION_LOST)

    @pytest.mark.parametrize(
        "answer",
        [
            CHUNKED + b"-1\r\n{",
            CHUNKED + b"1\r\n{}\r\n",
            CHUNKED + b"\r\n{}\r\n",
            HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n2\r\n{}\r\n",
            HEAD + b"Content-Length: -2\r\n\r\n{}",
            HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
            HEAD + b"Content-Length: \xb2\r\n\r\n{}",
            b"HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\n{}",
            b"HTTP/1.1 abc OK\r\n\r\n",
            b"220 mail.example ESMTP\r\n",
        ],
    )
    def test_what_is_not_http_is_not_sent_again(self, transport: Transport, answer: bytes) -> None:
        with line(pieces(answer)) as server:
            error = refused(transport, server.url)
        assert (error.kind, error.reason) == (Kind.UNUSABLE_ANSWER, Reason.PROTOCOL)

    @pytest.mark.parametrize(
        "answer",
        [
            b"HTTP/1.1 100 Continue\r\n\r\n" * 100 + HEAD + b"Content-Length: 2\r\n\r\nok",
            b"HTTP/1.1 102 Wait\r\nA: b\r\n\r\n" + HEAD + b"Content-Length: 2, 2\r\n\r\nok",
            CHUNKED + b"1;a=b\r\no\r\n1 \r\nk\r\n0\r\nTrailer: x\r\n\r\n",
            HEAD + b"\r\nok",
            b"HTTP/1.0 200 OK\n\nok",
        ],
    )
    def test_what_is_odd_but_allowed(self, transport: Transport, answer: bytes) -> None:
        with (
            line(pieces(answer)) as server,
            transport.open(get(server.url), Call(5)) as incoming,
        ):
            assert incoming.body() == b"ok"

    def test_switching_protocols_is_an_answer(self, transport: Transport) -> None:
        with (
            line(pieces(b"HTTP/1.1 101 Switching\r\n\r\n")) as server,
            transport.open(get(server.url), Call(5)) as incoming,
        ):
            assert (incoming.status, incoming.body()) == (101, b"")


@pytest.mark.parametrize(
    "host",
    ["*.example", ".example", "exam\u00adple\u2028", f"{'a' * 70}.example", "a..b", "host:99999"],
)
def test_an_address_that_leads_nowhere(transport: Transport, host: str) -> None:
    assert refused(transport, f"http://{host}/v1").kind is Kind.NEVER_SENT


def test_plain_http_where_tls_is_spoken(transport: Transport) -> None:
    with line(silent) as server:
        error = refused(transport, server.url.replace("http:", "https:"), timeout=0.5)
    assert error.kind is Kind.NEVER_SENT


@contextmanager
def no_more_threads() -> Iterator[None]:
    """A thread's stack of 16 TiB is one that the kernel refuses."""
    before = threading.stack_size(1 << 44)
    try:
        yield
    finally:
        threading.stack_size(before)


def test_a_machine_without_more_threads(transport: Transport) -> None:
    """First there is none for the watchdog, then none for the resolver. Afterwards all is well."""
    with line(say_whole) as server:
        by_name = server.url.replace("127.0.0.1", "localhost")
        for url in (server.url, by_name):
            with no_more_threads():
                error = refused(transport, url)
            assert (error.kind, error.message) == (Kind.NEVER_SENT, "no thread could be started")
            with transport.open(get(url), Call(5)) as incoming:
                assert incoming.body() == b"whole"
