"""TLS as the transport asks for it, against real servers with certificates of our own."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest

from autoai.domain.errors import ProviderError
from autoai.domain.runs import Kind, Reason
from autoai.providers.transport import Call, Outgoing, Transport
from tests.certificates import Authority
from tests.line import Line, line, says

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
SECRET = {"Authorization": "Bearer sk-never-to-be-shown"}


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("other-ca"), "Another CA")


def ask(bundle: Path | None, url: str, timeout: float = 10) -> bytes:
    transport = Transport(2, 10_000, str(bundle) if bundle else None)
    try:
        with transport.open(Outgoing("POST", url, SECRET, {}), Call(timeout)) as incoming:
            return incoming.body()
    finally:
        transport.close()


def refused(bundle: Path | None, server: Line, timeout: float = 10) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        ask(bundle, server.url, timeout)
    assert server.taken == 0, "not a byte of the request left"
    return caught.value


def test_a_known_authority(authority: Authority) -> None:
    with line(says(OK), authority.server()) as server:
        assert ask(authority.bundle, server.url) == b"ok"
        by_name = server.url.replace("127.0.0.1", "localhost")
        with pytest.raises(ProviderError):
            ask(authority.bundle, by_name)
    with line(says(OK), authority.server("localhost")) as server:
        assert ask(authority.bundle, server.url.replace("127.0.0.1", "localhost")) == b"ok"


@pytest.mark.parametrize(
    ("certificate", "says_so"),
    [
        ({"expired": True}, "expired"),
        ({"self_signed": True}, "self-signed"),
        ({"host": "other.example"}, "127.0.0.1"),
    ],
)
def test_a_bad_certificate(authority: Authority, certificate: dict[str, str], says_so: str) -> None:
    with line(says(OK), authority.server(**certificate)) as server:  # type: ignore[arg-type]
        error = refused(authority.bundle, server)
    assert (error.kind, error.reason) == (Kind.NEVER_SENT, Reason.TLS)
    assert says_so in error.message


@pytest.mark.parametrize("trusts", ["the usual ones", "another one"])
def test_an_unknown_authority(authority: Authority, stranger: Authority, trusts: str) -> None:
    bundle = None if trusts == "the usual ones" else stranger.bundle
    with line(says(OK), authority.server()) as server:
        error = refused(bundle, server)
    assert (error.kind, error.reason) == (Kind.NEVER_SENT, Reason.TLS)
    assert "unable to get local issuer" in error.message


def test_a_handshake_that_stalls(authority: Authority) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}/"
        before = time.monotonic()
        with pytest.raises(ProviderError) as caught:
            ask(authority.bundle, url, timeout=0.5)
    took = time.monotonic() - before
    print(f"\nended {took - 0.5:+.2f} s after the deadline")
    assert (caught.value.kind, caught.value.reason) == (Kind.NEVER_SENT, Reason.TIMEOUT)
    assert took < 10


def test_a_kept_connection_is_used_again(authority: Authority) -> None:
    transport = Transport(2, 10_000, str(authority.bundle))
    with line(says(OK), authority.server()) as server:
        for _ in range(3):
            with transport.open(Outgoing("GET", server.url, SECRET), Call(5)) as incoming:
                assert incoming.body() == b"ok"
        assert server.connections == 1
    transport.close()
