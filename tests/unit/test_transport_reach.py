"""Through proxies, and only to where requests may go."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest

from autoai.domain.errors import ProviderError
from autoai.domain.networks import NetworkRules, parse_networks
from autoai.domain.runs import Kind, Reason
from autoai.providers.transport import Call, Outgoing, Transport
from tests.certificates import Authority
from tests.line import Line, line, says
from tests.proxy import proxy
from tests.tricks import silent

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
SECRET = "Bearer sk-never-to-be-shown"
PASSWORD = "me:hush-%40-hush"
ENTERED = "me:hush-@-hush"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture
def transport(authority: Authority) -> Iterator[Transport]:
    made = Transport(4, 10_000, str(authority.bundle))
    yield made
    made.close()


@pytest.fixture(params=["http", "https"])
def target(request: pytest.FixtureRequest, authority: Authority) -> Iterator[Line]:
    tls = authority.server() if request.param == "https" else None
    with line(says(OK), tls) as server:
        yield server


def outgoing(url: str, through: Line | None = None, password: str | None = None) -> Outgoing:
    address = through.url.replace("//", f"//{password}@" if password else "//") if through else None
    return Outgoing("POST", url, {"Authorization": SECRET}, {"a": 1}, address)


def ask(transport: Transport, request: Outgoing, call: Call | None = None) -> bytes:
    with transport.open(request, call or Call(10)) as incoming:
        return incoming.body()


def refused(transport: Transport, request: Outgoing, timeout: float = 10) -> ProviderError:
    call = Call(timeout)
    with pytest.raises(ProviderError) as caught:
        ask(transport, request, call)
    error = caught.value
    assert error.kind is Kind.NEVER_SENT
    assert "hush" not in f"{error} {request!r}"
    return error


class TestProxies:
    @pytest.mark.parametrize("over_tls", [False, True])
    @pytest.mark.parametrize("password", [None, PASSWORD])
    def test_the_way_there(
        self,
        transport: Transport,
        target: Line,
        authority: Authority,
        over_tls: bool,
        password: str | None,
    ) -> None:
        tls = authority.server() if over_tls else None
        with proxy(ENTERED if password else None, tls) as between:
            for _ in range(2):
                assert ask(transport, outgoing(target.url, between, password)) == b"ok"
            assert len(target.requests) == 2
            assert between.connections == 1, "the connection is kept"
            seen = b"".join(between.requests)
            assert (SECRET.encode() in seen) is (target.tls is None), "a tunnel hides the key"
        assert b"Proxy-Authorization" not in b"".join(target.requests) or target.tls is None

    def test_a_connect_is_not_yet_sent(self, transport: Transport, authority: Authority) -> None:
        """A tunnel that is refused, or whose other end is not the one that was meant."""
        stamps: list[str] = []
        with proxy() as between, line(says(OK), authority.server("other.example")) as target:
            call = Call(10)
            call.on_sent = lambda: stamps.append("sent")
            with pytest.raises(ProviderError) as caught:
                ask(transport, outgoing(target.url, between), call)
            assert (caught.value.kind, caught.value.reason) == (Kind.NEVER_SENT, Reason.TLS)
            assert not call.sent and not stamps
            assert between.requests[0].startswith(b"CONNECT ")
        with proxy() as between, line(says(OK), authority.server()) as target:
            call = Call(10)
            call.on_sent = lambda: stamps.append("sent")
            assert ask(transport, outgoing(target.url, between), call) == b"ok"
            assert stamps == ["sent"]

    @pytest.mark.parametrize("password", [None, "me:wrong-hush"])
    def test_it_wants_another_password(
        self, transport: Transport, target: Line, password: str | None
    ) -> None:
        with proxy(ENTERED) as between:
            error = refused(transport, outgoing(target.url, between, password))
        assert error.message == "the proxy: it refused with HTTP 407"
        assert error.final, "asking again with the same password may lock it"
        assert target.requests == []

    def test_nobody_listens_there(self, transport: Transport, target: Line) -> None:
        with proxy() as between:
            pass
        error = refused(transport, outgoing(target.url, between, PASSWORD))
        assert error.message == "the proxy: not reached: Connection refused"
        assert not error.final

    @pytest.mark.parametrize(
        "answer",
        [b"", b"HTTP/1.1 502 Bad\r\n\r\n", b"SSH-2.0-x\r\n", b"HTTP/1.1 200 " + b"x" * 70_000],
    )
    def test_a_bad_answer_to_connect(
        self, transport: Transport, authority: Authority, answer: bytes
    ) -> None:
        def talk(sock: socket.socket, request: bytes) -> None:
            sock.sendall(answer)
            sock.shutdown(socket.SHUT_RDWR)

        with line(says(OK), authority.server()) as target, line(talk) as between:
            error = refused(transport, outgoing(target.url, between, PASSWORD))
        assert error.message.startswith("the proxy: ")

    @pytest.mark.parametrize("over_tls", [False, True])
    def test_it_stays_silent(
        self, transport: Transport, authority: Authority, over_tls: bool
    ) -> None:
        tls = authority.server() if over_tls else None
        with line(silent, tls) as between, line(says(OK), authority.server()) as target:
            error = refused(transport, outgoing(target.url, between, PASSWORD), timeout=0.3)
        assert error.reason is Reason.TIMEOUT

    @pytest.mark.parametrize("over_tls", [False, True])
    def test_the_target_stays_silent(
        self, transport: Transport, authority: Authority, over_tls: bool
    ) -> None:
        """Also inside TLS inside TLS there is a socket to shut down."""
        tls = authority.server() if over_tls else None
        with proxy(None, tls) as between, line(silent, authority.server()) as target:
            call = Call(0.5)
            with pytest.raises(ProviderError) as caught:
                ask(transport, outgoing(target.url, between), call)
        assert (caught.value.kind, caught.value.reason) == (Kind.MAYBE_BILLED, Reason.TIMEOUT)
        assert call.sent

    def test_its_certificate_is_bad(
        self, transport: Transport, target: Line, authority: Authority
    ) -> None:
        """Also where the target is plain http: the password goes to the proxy itself."""
        with proxy(ENTERED, authority.server("other.example")) as between:
            error = refused(transport, outgoing(target.url, between, PASSWORD))
            assert between.taken == 0
        assert error.reason is Reason.TLS
        assert error.message.startswith("the proxy: ")

    def test_accounts_do_not_share_connections(self, transport: Transport, target: Line) -> None:
        """What came in with a password is not lent to who has another one, or none."""
        with proxy(ENTERED) as between:
            assert ask(transport, outgoing(target.url, between, PASSWORD)) == b"ok"
            refused(transport, outgoing(target.url, between))
            refused(transport, outgoing(target.url, between, "me:wrong-hush"))
            assert between.connections == 3
        assert ask(transport, outgoing(target.url)) == b"ok"
        assert len(target.requests) == 2

    @pytest.mark.parametrize(
        "address",
        ["socks5://me:hush@127.0.0.1:1", "127.0.0.1:1", "http://", "http://me:hush@h:x", "ftp://h"],
    )
    def test_an_address_that_is_no_proxy(self, transport: Transport, address: str) -> None:
        error = refused(transport, Outgoing("GET", "http://127.0.0.1:9/", {}, None, address))
        assert error.final and "proxy" in error.message


def denying(authority: Authority, denied: str = "", allowed: str = "") -> Transport:
    rules = NetworkRules(parse_networks(allowed), parse_networks(denied))
    return Transport(4, 10_000, str(authority.bundle), rules)


LOOPBACK = ["127.0.0.1", "127.1", "2130706433", "0177.0.0.1", "0x7f.1", "[::ffff:127.0.0.1]"]


class TestNetworks:
    @pytest.mark.parametrize("host", [*LOOPBACK, "localhost", "LOCALHOST"])
    def test_a_denied_address_however_it_is_written(
        self, authority: Authority, target: Line, host: str
    ) -> None:
        transport = denying(authority, "127.0.0.0/8 ::1")
        error = refused(transport, outgoing(target.url.replace("127.0.0.1", host)))
        assert (error.reason, error.final) == (Reason.DENIED_NETWORK, True)
        assert "DENIED_NETWORKS" in error.message
        assert target.connections == 0, "not even a connection"

    @pytest.mark.parametrize("host", [*LOOPBACK, "localhost"])
    def test_what_is_not_allowed(self, authority: Authority, target: Line, host: str) -> None:
        transport = denying(authority, allowed="203.0.113.0/24")
        error = refused(transport, outgoing(target.url.replace("127.0.0.1", host)))
        assert error.reason is Reason.DENIED_NETWORK
        assert "ALLOWED_NETWORKS" in error.message
        assert target.connections == 0

    def test_what_is_allowed(self, authority: Authority, target: Line) -> None:
        transport = denying(authority, "10.0.0.0/8", "127.0.0.1")
        assert ask(transport, outgoing(target.url)) == b"ok"

    @pytest.mark.parametrize(
        "host",
        ["169.254.169.254", "2852039166", "0xa9fea9fe", "[::ffff:a9fe:a9fe]", "100.100.100.200"],
    )
    def test_metadata(self, transport: Transport, host: str) -> None:
        error = refused(transport, outgoing(f"http://{host}/latest/meta-data"))
        assert error.reason is Reason.DENIED_NETWORK
        assert "credentials" in error.message

    def test_a_name_that_changes_its_mind(
        self, authority: Authority, target: Line, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """First an address that is allowed, then one that is not: the first is connected to."""
        answers = iter(["127.0.0.1", "127.0.0.2", "127.0.0.2"])
        real = socket.getaddrinfo

        def lookup(host: str, *args: Any, flags: int = 0, **more: Any) -> Any:
            if host == "rebound.example" and not flags:
                return real(next(answers), *args, **more)
            return real(host, *args, flags=flags, **more)

        monkeypatch.setattr(socket, "getaddrinfo", lookup)
        transport = denying(authority, "127.0.0.2")
        url = f"http://rebound.example:{target.port}/"
        if target.tls is None:
            assert ask(transport, outgoing(url)) == b"ok"
            transport.close()
        else:
            next(answers)
        assert refused(transport, outgoing(url)).reason is Reason.DENIED_NETWORK
        with proxy() as between:
            assert refused(transport, outgoing(url, between)).reason is Reason.DENIED_NETWORK
            assert between.connections == 0

    @pytest.mark.parametrize("host", ["169.254.169.254", "[fd00:ec2::254]", "2852039166"])
    def test_metadata_through_a_proxy(self, transport: Transport, host: str) -> None:
        with proxy() as between:
            error = refused(transport, outgoing(f"http://{host}/latest", between))
            assert error.reason is Reason.DENIED_NETWORK
            assert between.connections == 0

    def test_a_proxy_at_a_denied_address(self, authority: Authority, target: Line) -> None:
        transport = denying(authority, "127.0.0.2")
        with proxy() as between:
            moved = Outgoing(
                "POST", target.url, {}, {}, between.url.replace("127.0.0.1", "127.0.0.2")
            )
            assert refused(transport, moved).reason is Reason.DENIED_NETWORK
            assert ask(transport, outgoing(target.url, between)) == b"ok"
            assert len(between.requests) == 1

    @pytest.mark.parametrize("host", ["127.1", "010.0.0.1", "2130706433"])
    def test_a_proxy_may_read_an_address_in_another_way(
        self, transport: Transport, host: str
    ) -> None:
        with proxy() as between:
            error = refused(transport, outgoing(f"http://{host}:9/", between))
            assert error.reason is Reason.DENIED_NETWORK
            assert between.connections == 0

    def test_a_name_that_is_not_known_here_is_not_asked_of_a_proxy(
        self, transport: Transport
    ) -> None:
        with proxy() as between:
            error = refused(transport, outgoing("http://no-such-name.invalid/", between))
            assert (error.reason, error.final) == (Reason.NEVER_SENT, False)
            assert between.connections == 0


@pytest.mark.parametrize("value", ["sk-a\nb", " sk-a", "sk-\x00", "sk-\x7f", "sk-\u4f60"])
def test_a_header_that_cannot_be_sent_is_not_shown(transport: Transport, value: str) -> None:
    request = Outgoing("POST", "http://127.0.0.1:9/", {"Authorization": value}, {})
    with pytest.raises(ProviderError) as caught:
        ask(transport, request)
    assert caught.value.final and caught.value.kind is Kind.NEVER_SENT
    assert "sk-" not in str(caught.value)
