"""The event stream: who hears what, and when. A page is one end of a pair of sockets, the other is
what gunicorn hands over; the clock stands still between two looks of the hub."""

from __future__ import annotations

import socket
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from autoai.extensions import db
from autoai.runtime import runtime
from autoai.services.users import SESSION_LENGTH
from autoai.web.events import views
from autoai.web.events.hub import Hub, Pace

from ..conftest import PASSWORD, csrf_of
from ..fakes import FakeClock
from .conftest import HTMX


class Stepped(Hub):
    """The streams of a process, whose thread begins only to end them."""

    def __init__(self, sight: Any, clock: FakeClock, pace: Pace | None = None) -> None:
        self._threads: list[Callable[[], None]] = []
        super().__init__(sight, clock, pace, self._threads.append)

    def end(self) -> None:
        """As at the end of the process."""
        self.close()
        for run in self._threads:
            run()


@pytest.fixture
def hub(app: Flask, clock: FakeClock) -> Iterator[Stepped]:
    """The app's streams, without their thread: a test makes each step."""
    hub = Stepped(views.AppSight(app), clock)
    app.extensions[views._NAME] = hub
    yield hub
    hub.end()


class Tab:
    """A page that listens."""

    def __init__(self, ours: socket.socket) -> None:
        self._sock = ours
        ours.settimeout(5)

    def heard(self) -> str:
        """What has arrived since the last time; "" for nothing."""
        self._sock.setblocking(False)
        try:
            return self._sock.recv(65_536).decode()
        except BlockingIOError:
            return ""
        finally:
            self._sock.setblocking(True)

    def rest(self) -> str:
        """All that comes until the stream ends."""
        self._sock.settimeout(5)
        return b"".join(iter(lambda: self._sock.recv(65_536), b"")).decode()

    def leave(self) -> None:
        self._sock.close()


Listen = Callable[..., Tab]


@pytest.fixture
def listen(hub: Stepped) -> Iterator[Listen]:
    """Open a stream as a browser does: `listen(browser, "?since=3", last="4")`."""
    tabs: list[Tab] = []

    def open_stream(browser: FlaskClient, query: str = "", last: str | None = None) -> Tab:
        ours, theirs = socket.socketpair()
        headers = {"Last-Event-ID": last} if last is not None else {}
        with theirs, pytest.raises(StopIteration):
            browser.get(f"/events{query}", headers=headers, environ_overrides=wire(theirs))
        tabs.append(Tab(ours))
        return tabs[-1]

    yield open_stream
    for tab in tabs:
        tab.leave()


def wire(theirs: socket.socket) -> dict[str, Any]:
    """What gunicorn adds to a request."""
    return {"gunicorn.socket": theirs}


def refused(browser: FlaskClient) -> tuple[int, str | None]:
    """The status and Retry-After of a stream that is not opened."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        answer = browser.get("/events", environ_overrides=wire(theirs))
        assert theirs.fileno() >= 0
    return answer.status_code, answer.headers.get("Retry-After")


def revision(app: Flask) -> int:
    return views.AppSight(app).revision()


def test_the_head_of_a_stream(listen: Listen, signed_in: FlaskClient) -> None:
    head, _, body = listen(signed_in).heard().partition("\r\n\r\n")
    status, *lines = head.split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    assert status == "HTTP/1.1 200 OK"
    assert headers["content-type"] == "text/event-stream; charset=utf-8"
    assert headers["cache-control"] == "no-store"
    assert headers["x-accel-buffering"] == "no"
    assert headers["connection"] == "close", "the body ends where the connection does"
    assert headers["x-content-type-options"] == "nosniff", "what every answer says"
    assert not {"content-length", "transfer-encoding", "set-cookie"} & set(headers)
    assert body.startswith("retry: ") and body.endswith("\n\n") and 1000 <= int(body[7:]) <= 3000


def test_news(
    app: Flask, hub: Stepped, clock: FakeClock, listen: Listen, signed_in: FlaskClient, task
) -> None:
    task()
    tab, at = listen(signed_in), revision(app)
    tab.heard()
    hub.step()
    assert tab.heard() == f"id: {at}\nevent: change\ndata: {at}\n\n", "it did not say what it shows"
    clock.step(5)
    hub.step()
    assert tab.heard() == "", "nothing is new"
    task()
    hub.step()
    assert tab.heard() == f"id: {at + 1}\nevent: change\ndata: {at + 1}\n\n"
    task()
    clock.step(0.9)
    hub.step()
    assert tab.heard() == "", "one a second is enough"
    clock.step(0.2)
    hub.step()
    assert f"id: {at + 2}\n" in tab.heard()
    with app.app_context():
        assert db.engine.pool.checkedout() == 0, "who waits holds no connection to the database"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("query", "last", "told"),
    [
        ("", None, True),
        ("", "{now}", False),
        ("?since={now}", None, False),
        ("?since={before}", "{now}", False),  # the browser's own mark is the newer one
        ("?since={now}", "{before}", True),
        ("", "{before}", True),
        ("?since={after}", None, True),  # the database was put back
        ("?since=x", None, True),
        ("", "9" * 30, True),
        ("?since=%00", "\u202e", True),
    ],
)
def test_what_a_page_has_missed_is_told_at_once(
    app: Flask, hub: Stepped, listen: Listen, signed_in: FlaskClient, task, query, last, told
) -> None:
    for _ in range(3):
        task()
    at = revision(app)
    known = {"now": str(at), "before": str(at - 1), "after": str(at + 1)}
    last = last.format(**known).encode().decode("latin-1") if last else None
    tab = listen(signed_in, query.format(**known), last)
    tab.heard()
    hub.step()
    assert ("event: change" in tab.heard()) is told


def test_a_sign_of_life_where_nothing_happens(
    hub: Stepped, clock: FakeClock, listen: Listen, signed_in: FlaskClient, task
) -> None:
    tab = listen(signed_in)
    hub.step()
    tab.heard()
    for _ in range(3):
        clock.step(14.9)
        hub.step()
        assert tab.heard() == ""
        clock.step(0.2)
        hub.step()
        assert tab.heard().startswith("event: beat\n"), "no id: it is no news"


def test_a_growing_answer(
    app: Flask, hub: Stepped, clock: FakeClock, listen: Listen, signed_in: FlaskClient, task
) -> None:
    task()
    live, at = runtime(app).ports.live, revision(app)
    live.begin(7)
    reader = listen(signed_in, f"?since={at}&run=7&run=x&run=8")
    other = listen(signed_in, f"?since={at}&run=9")
    for tab in (reader, other):
        tab.heard()
    hub.step()
    assert reader.heard() == "", "there is nothing of it yet"
    live.add(7, "Good ")
    hub.step()
    grown = f"event: grow\ndata: {at}\n\n"
    assert reader.heard() == grown
    live.add(7, "day.")
    clock.step(0.4)
    hub.step()
    assert reader.heard() == "", "twice a second is enough"
    clock.step(0.2)
    hub.step()
    assert reader.heard() == grown
    task()
    live.add(7, " How")
    clock.step(0.6)
    hub.step()
    assert f"id: {at + 1}\nevent: change" in reader.heard(), "it makes the page look at all"
    task()
    live.add(7, " are you?")
    clock.step(0.6)
    hub.step()
    assert reader.heard().startswith("event: grow\n"), "one change a second"
    live.add(7, " Well?")
    clock.step(0.6)
    hub.step()
    assert f"id: {at + 2}\nevent: change" in reader.heard(), "what grows does not hold it up"
    assert "grow" not in other.heard()


@dataclass
class Stub:
    """An instance in which something happens all the time."""

    at: int = 0
    dead: set[str] = field(default_factory=set)

    def revision(self) -> int:
        self.at += 1
        return self.at

    def living(self, sessions: Collection[str]) -> set[str]:
        return set(sessions) - self.dead

    def grown(self, run_id: int) -> int:
        return self.at


def crowd(hub: Stepped, size: int) -> list[Tab]:
    tabs = []
    for number in range(size):
        stream = hub.admit(f"session-{number}", None, [1])
        assert stream
        ours, theirs = socket.socketpair()
        hub.start(stream, theirs)
        tabs.append(Tab(ours))
    return tabs


def test_many_pages_share_what_a_few_may_ask_for() -> None:
    """What costs is that each page that is told asks for its parts."""
    clock, seconds = FakeClock(), 30
    hub = Stepped(Stub(), clock)
    tabs = crowd(hub, 200)
    told, most = [0] * len(tabs), 0
    for _ in range(4 * seconds):
        hub.step()
        counts = [tab.heard().count("event: change") for tab in tabs]
        told = [before + now for before, now in zip(told, counts, strict=True)]
        most = max(most, sum(counts))
        clock.step(0.25)
    assert 0.9 * 20 * seconds < sum(told) <= 20 * seconds
    assert most <= 5, "nor all of it at once"
    assert max(told) - min(told) <= 1, "each in its turn"
    hub.end()
    assert all("beat" not in tab.rest() for tab in tabs)

    few = Stepped(Stub(), clock)
    [alone] = crowd(few, 1)
    for _ in range(4 * seconds):
        few.step()
        clock.step(0.25)
    assert 0.9 * seconds < alone.heard().count("event: change") <= seconds
    few.end()


def test_one_login_has_a_few_streams(
    app: Flask, hub: Stepped, listen: Listen, signed_in: FlaskClient
) -> None:
    tabs = [listen(signed_in) for _ in range(4)]
    assert refused(signed_in) == (503, "60"), "the browser needs connections for pages, too"
    other = app.test_client()
    other.post("/login", data={"password": PASSWORD, "csrf_token": csrf_of(other)})
    listen(other)
    tabs[0].leave()
    listen(signed_in)
    assert len(hub) == 5, "the place of a page that has just been left is free at once"
    assert refused(signed_in) == (503, "60")
    tabs[1].leave()
    hub.step()
    assert len(hub) == 4


def test_all_together_have_so_many(
    app: Flask, clock: FakeClock, signed_in: FlaskClient, hub: Stepped, listen: Listen
) -> None:
    small = Stepped(views.AppSight(app), clock, Pace(streams=2))
    app.extensions[views._NAME] = small
    for _ in range(2):
        listen(signed_in)
    assert refused(signed_in) == (503, "60")
    small.end()
    assert len(small) == 0
    assert refused(signed_in) == (503, "60"), "the process ends"


def test_a_logout_ends_the_streams_of_its_session_alone(
    app: Flask, hub: Stepped, clock: FakeClock, listen: Listen, signed_in: FlaskClient
) -> None:
    other = app.test_client()
    other.post("/login", data={"password": PASSWORD, "csrf_token": csrf_of(other)})
    gone, stays = listen(signed_in), listen(other)
    hub.step()
    signed_in.post("/logout", data={"csrf_token": csrf_of(signed_in, "/health")})
    clock.step(5)
    hub.step()
    assert gone.rest().endswith("event: over\ndata: 0\n\n")
    assert "over" not in stays.heard() and len(hub) == 1


def test_a_session_is_prolonged_by_nothing(
    hub: Stepped, clock: FakeClock, listen: Listen, signed_in: FlaskClient, task
) -> None:
    """Neither by a stream nor by a page that asks for its parts day and night."""
    task()
    text = signed_in.get("/").text
    cookie, tab = signed_in.get_cookie("autoai_session"), listen(signed_in)
    assert cookie and cookie.expires and "Set-Cookie" not in tab.heard()
    part = text.split('hx-get="/?seen=')[1].split('"')[0]
    for days in range(1, 14):
        clock.step(days=1)
        for path in ("/", f"/?seen={part}", "/health", "/logs?seen=x"):
            answer = signed_in.get(path, headers=HTMX)
            assert answer.status_code in (200, 204) and "Set-Cookie" not in answer.headers, days
        hub.step()
        assert "Set-Cookie" not in listen(signed_in).heard(), "the one before has lived its time"
    assert signed_in.get_cookie("autoai_session") == cookie
    clock.step(days=1)
    assert refused(signed_in) == (302, None), "it is over when it was said to be"
    assert signed_in.get("/", headers=HTMX).headers["HX-Redirect"] == "/login"


def test_a_session_that_expires_ends_its_stream(
    hub: Stepped, clock: FakeClock, listen: Listen, signed_in: FlaskClient
) -> None:
    clock.step(SESSION_LENGTH.total_seconds() - 60)
    tab = listen(signed_in)
    hub.step()
    clock.step(50)
    hub.step()
    assert "over" not in tab.heard()
    clock.step(20)
    hub.step()
    assert "event: over\n" in tab.rest()


def test_a_stream_lives_for_five_minutes(
    hub: Stepped, clock: FakeClock, listen: Listen, signed_in: FlaskClient
) -> None:
    tab = listen(signed_in)
    clock.step(299)
    hub.step()
    assert len(hub) == 1
    clock.step(2)
    hub.step()
    assert "over" not in tab.rest(), "the browser opens another one"
    assert len(hub) == 0


def test_a_page_that_reads_nothing_is_given_up() -> None:
    clock = FakeClock()
    hub = Stepped(Stub(), clock)
    deaf, hears = crowd(hub, 2)
    for _ in range(20_000):
        hub.step()
        hears.heard()
        clock.step(1)
        clock_of_life(hub, clock)
        if len(hub) == 1:
            break
    assert len(hub) == 1 and deaf is not hears
    hub.step()
    assert "event: change" in hears.heard()
    hub.end()


def clock_of_life(hub: Stepped, clock: FakeClock) -> None:
    """Five minutes are shorter than what a connection can hold."""
    for stream in hub._streams:
        stream.ends_at = clock.monotonic() + 300


def test_a_page_that_speaks_is_given_up(
    hub: Stepped, listen: Listen, signed_in: FlaskClient
) -> None:
    tab = listen(signed_in)
    tab._sock.sendall(b"GET / HTTP/1.1\r\n\r\n")
    hub.step()
    assert len(hub) == 0


def test_a_database_that_does_not_answer_costs_news_and_no_stream(
    clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(Stub):
        broken = True

        def revision(self) -> int:
            if self.broken:
                raise OSError("disk")
            return 1

    sight = Broken()
    hub = Stepped(sight, clock)
    [tab] = crowd(hub, 1)
    for _ in range(8):
        hub.step()
        clock.step(2)
    assert tab.heard().count("event: beat") == 0
    clock.step(2)
    hub.step()
    assert tab.heard().count("event: beat") == 1, "it is alive"
    assert len(caplog.records) == 1, "said once"
    sight.broken = False
    hub.step()
    assert "event: change" in tab.heard()
    hub.end()


def test_a_fault_of_ours_ends_the_streams_and_not_what_comes_after(clock: FakeClock) -> None:
    class Faulty(Stub):
        broken = True

        def grown(self, run_id: int) -> int:
            if self.broken:
                raise ZeroDivisionError
            return 0

    sight = Faulty()
    hub = Stepped(sight, clock)
    [tab] = crowd(hub, 1)
    hub._threads.pop()()
    assert tab.rest() == "" and len(hub) == 0
    sight.broken = False
    [tab] = crowd(hub, 1)
    assert len(hub._threads) == 1, "another thread"
    hub.step()
    assert "event: change" in tab.heard()
    hub.end()


def test_where_there_are_no_streams(signed_in: FlaskClient, hub: Stepped) -> None:
    """204: the browser does not try again, and the page asks by itself."""
    assert signed_in.get("/events").status_code == 204
    ours, theirs = socket.socketpair()
    with ours, theirs:
        for method, more in (("HEAD", {}), ("GET", {"SERVER_PROTOCOL": "HTTP/2"})):
            answer = signed_in.open(
                "/events", method=method, environ_overrides={**wire(theirs), **more}
            )
            assert answer.status_code == 204
    assert len(hub) == 0
    assert signed_in.post("/events").status_code == 405


def test_without_a_login(client: FlaskClient, hub: Stepped) -> None:
    assert refused(client) == (302, None)
    assert len(hub) == 0
