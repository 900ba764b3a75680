"""Two hundred tabs that are looked at, on a real server: the pages stay fast, no thread is held, and
an end of the process waits for none of them."""

from __future__ import annotations

import queue
import selectors
import signal
import socket
import statistics
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
import requests

from autoai import create_app
from autoai.extensions import db
from autoai.runtime import runtime
from autoai.services.users import log_in
from autoai.web.events.hub import Pace
from tests.conftest import make_settings
from tests.server import PASSWORD, Instance, Process, wait_until
from tests.upstream import Upstream

TABS = 200
HTMX = {"HX-Request": "true", "HX-Request-Type": "partial"}


def sessions(instance: Instance, count: int) -> list[str]:
    """The cookies of so many browsers that have logged in; the password is hashed for none of them
    but the first."""
    app = create_app(make_settings(Path(instance.settings["INSTANCE_DIR"])))
    sign = app.session_interface.get_signing_serializer(app)  # type: ignore[attr-defined]
    assert sign
    with app.app_context(), pytest.MonkeyPatch.context() as patch:
        patch.setattr("autoai.services.users._is_password", lambda stored, password: True)
        tokens = [log_in(runtime().ports, PASSWORD, "127.0.0.1") for _ in range(count)]
        db.engine.dispose()
    return [sign.dumps({"_user_id": token, "_fresh": True}) for token in tokens]


def listen(server: Process, cookie: str) -> socket.socket:
    """A stream whose head has arrived."""
    sock = socket.create_connection(("127.0.0.1", server.port), 30)
    sock.sendall(
        f"GET /events HTTP/1.1\r\nHost: localhost\r\nCookie: autoai_session={cookie}\r\n\r\n".encode()
    )
    head = sock.recv(4_096)
    assert head.startswith(b"HTTP/1.1 200 ") and b"text/event-stream" in head, head
    return sock


def browser(cookie: str) -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    session.cookies["autoai_session"] = cookie
    return session


def median_page(server: Process, person: requests.Session, count: int = 30) -> float:
    """Seconds that a page takes."""
    took = []
    for _ in range(count):
        start = time.perf_counter()
        assert person.get(f"{server.base}/tasks", timeout=30).status_code == 200
        took.append(time.perf_counter() - start)
    return statistics.median(took)


def threads(server: Process) -> int:
    return sum(len(list(Path(f"/proc/{pid}/task").iterdir())) for pid in server.members())


class Crowd:
    """Tabs that ask for their part whenever they are told that there is something new."""

    def __init__(self, server: Process, streams: dict[socket.socket, str]) -> None:
        self._server, self._streams = server, streams
        self._over = threading.Event()
        self._told: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.told = dict.fromkeys(streams, 0)
        self.asked = 0
        self.failed: list[str] = []

    def __enter__(self) -> Crowd:
        self._pool = ThreadPoolExecutor(9)
        self._pool.submit(self._hear)
        for _ in range(8):
            self._pool.submit(self._ask)
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._pool.shutdown()

    def _hear(self) -> None:
        with selectors.DefaultSelector() as selector:
            for sock in self._streams:
                selector.register(sock, selectors.EVENT_READ)
            while not self._over.is_set():
                for key, _ in selector.select(0.2):
                    sock = key.fileobj
                    assert isinstance(sock, socket.socket)
                    events = sock.recv(4_096).count(b"event: change")
                    self.told[sock] += events
                    for _ in range(events):
                        self._told.put(self._streams[sock])

    def _ask(self) -> None:
        while not self._over.is_set():
            with suppress(queue.Empty), browser(self._told.get(timeout=0.2)) as tab:
                answer = tab.get(f"{self._server.base}/tasks?seen=x", headers=HTMX, timeout=30)
                self.asked += 1
                if answer.status_code != 200:
                    self.failed.append(answer.text)


def test_two_hundred_tabs(instance: Instance, upstream: Upstream) -> None:
    server = instance.gunicorn()
    api = server.api
    for number in range(10):
        api.create(name=f"Task {number}", api_endpoint=upstream.base_url, interval_seconds=1)
    cookies = sessions(instance, TABS // 4 + 1)
    person = browser(cookies.pop())
    with ThreadPoolExecutor(16) as pool:  # until gunicorn has made all of its threads
        list(pool.map(lambda _: server.get("/login"), range(64)))
    alone, before = median_page(server, person), threads(server)

    streams = {listen(server, cookie): cookie for cookie in cookies for _ in range(4)}
    assert len(streams) == TABS
    try:
        with Crowd(server, streams) as crowd:
            begin = time.monotonic()
            amid = median_page(server, person)
            wait_until(lambda: time.monotonic() > begin + 8, 60, "some seconds more")
            seconds, told = time.monotonic() - begin, sum(crowd.told.values())
            held = threads(server) - before
        print(
            f"\n{TABS} tabs, 10 runs a second: a page took {alone * 1000:.0f} ms alone, "
            f"{amid * 1000:.0f} ms amid them; {told / seconds:.1f} events a second, "
            f"{held} threads more"
        )
        assert crowd.failed == [] and crowd.asked > 50
        assert held <= 2, "the one that looks after them, and one that comes and goes"
        assert told <= Pace.per_second * (seconds + 1)
        assert amid < alone * 10 + 0.1, "wide: the tabs are on the same two cores"
        assert server.health()["scheduler"] == "active"
    finally:
        for sock in streams:
            sock.close()
    with browser(cookies[0]) as other:  # their places are free again
        wait_until(lambda: stream_status(server, other) == 200, 10, "a place for another stream")


def stream_status(server: Process, person: requests.Session) -> int:
    with person.get(f"{server.base}/events", stream=True, timeout=10) as answer:
        return answer.status_code


def test_an_end_does_not_wait_for_streams(instance: Instance, upstream: Upstream) -> None:
    """SIGTERM while a call is under way: the tabs are told at once, the call has its time."""
    server = instance.gunicorn(DRAIN_TIMEOUT="4")
    task = server.api.create(
        api_endpoint=upstream.base_url, model="slow?seconds=60", max_attempts=1
    )
    server.api.run(task["id"])
    upstream.wait_for(1)
    cookies = sessions(instance, 5)
    streams = [listen(server, cookie) for cookie in cookies for _ in range(4)]
    told = time.monotonic()
    server.signal(signal.SIGTERM)
    for sock in streams:
        while sock.recv(4_096):
            pass
        sock.close()
    ended = time.monotonic() - told
    assert server.members(), "the streams end first"
    assert server.wait(60) == 0
    took = time.monotonic() - told
    print(
        f"\nSIGTERM with {len(streams)} streams: ended after {ended:.2f} s, the process {took:.1f} s"
    )
    assert ended < took / 2
    assert took < 4 + 20
    assert "Traceback" not in server.output()
