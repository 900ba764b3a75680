"""All open streams, looked after by one thread: what is written to which of them, and when."""

from __future__ import annotations

import logging
import select
import socket
import threading
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import Protocol

from ...services.ports import Clock

log = logging.getLogger(__name__)

_CLOSED = select.POLLIN | select.POLLHUP | select.POLLERR | select.POLLNVAL
_FAR_PAST = float("-inf")


class Sight(Protocol):
    """What the hub sees of the instance. Every call is short."""

    def revision(self) -> int:
        """The counter that every change of a task or a run moves."""
        ...

    def living(self, sessions: Collection[str]) -> set[str]:
        """Those of these sessions in which somebody is still logged in."""
        ...

    def grown(self, run_id: int) -> int:
        """How long the answer of a run under way here is by now; 0 for others."""
        ...


@dataclass(frozen=True)
class Pace:
    """How often, how many, how long; in seconds where nothing else is said."""

    look: float = 0.25
    """Between two looks; the most by which news is late."""
    change: float = 1.0
    """At least between two changes that one stream tells of …"""
    grow: float = 0.5
    """… and between two events of any kind."""
    per_second: float = 20.0
    """Events over all streams. Each makes its page ask for its parts, and that is the work: two
    hundred pages share what two dozen would ask for, so that runs and pages are not late."""
    beat: float = 15.0
    """Of silence before a sign of life: for the page, and for proxies that end what is silent."""
    session: float = 5.0
    """Between two looks at who is still logged in."""
    life: float = 300.0
    """Of one stream; the browser opens another one by itself."""
    streams: int = 256
    """At once. Each is an open file and a kilobyte."""
    of_session: int = 4
    """At once for one login: a browser opens six connections to a host, and pages need some too."""


@dataclass(eq=False)
class Stream:
    """One page that listens."""

    session: str
    """Its login's `token_hash`."""
    seen: int | None
    """The revision that the page shows; None where it does not say."""
    run_ids: tuple[int, ...] = ()
    """The runs whose growing answers it shows."""
    ends_at: float = 0.0
    sock: socket.socket | None = None
    """None until its head is written."""
    sizes: tuple[int, ...] = ()
    told_at: float = _FAR_PAST
    changed_at: float = _FAR_PAST
    wrote_at: float = field(default=0.0)


class Hub:
    """Streams of one process. `launch` starts the thread; a test makes each `step` itself."""

    def __init__(
        self,
        sight: Sight,
        clock: Clock,
        pace: Pace | None = None,
        launch: Callable[[Callable[[], None]], None] | None = None,
    ) -> None:
        self.pace = pace or Pace()
        self._sight = sight
        self._clock = clock
        self._launch = launch or _in_a_thread
        self._lock = threading.Lock()
        self._streams: list[Stream] = []
        self._running = False
        self._stopping = threading.Event()
        self._revision: int | None = None
        self._looked_at = _FAR_PAST
        self._blind = False

    def __len__(self) -> int:
        return len(self._streams)

    def admit(self, session: str, seen: int | None, run_ids: Iterable[int]) -> Stream | None:
        """A place for another stream, None where there is none; `start` or `drop` must follow."""
        now, runs = self._clock.monotonic(), tuple(run_ids)
        stream = Stream(session, seen, runs, now + self.pace.life, sizes=(0,) * len(runs))
        if self._is_full(session):
            self._drop_closed()  # a page that was left for this one may be gone since the last look
        with self._lock:
            if self._is_full(session) or self._stopping.is_set():
                return None
            self._streams.append(stream)
        return stream

    def start(self, stream: Stream, sock: socket.socket) -> None:
        """Its head is written: look after it from now on."""
        sock.setblocking(False)
        stream.wrote_at = self._clock.monotonic()
        stream.sock = sock
        with self._lock:
            if self._running:
                return
            self._running = True
        self._launch(self._run)

    def drop(self, stream: Stream) -> None:
        """End it. Also where it has ended already."""
        with self._lock:
            if stream in self._streams:
                self._streams.remove(stream)
        if stream.sock is not None:
            stream.sock.close()

    def close(self) -> None:
        """The process ends: so do all streams, at once, and none begins."""
        self._stopping.set()
        with self._lock:
            if self._running:  # its thread sees to it
                return
        self._drop_all()

    def step(self) -> None:
        """One look: who is gone, what is new, who is told."""
        now = self._clock.monotonic()
        self._drop_closed()
        for stream in list(self._streams):
            if now >= stream.ends_at:
                self.drop(stream)
        self._look(now)
        self._tell(now)
        for stream in list(self._streams):
            if now - stream.wrote_at >= self.pace.beat:
                self._write(stream, "beat", now)

    def _run(self) -> None:
        try:
            while not self._clock.wait(self._stopping, self.pace.look):
                self.step()
                with self._lock:
                    if not self._streams:
                        self._running = False
                        return
        except Exception:
            log.exception("the event streams have broken off; their pages open new ones")
        with self._lock:
            self._running = False
        self._drop_all()

    def _drop_all(self) -> None:
        for stream in list(self._streams):
            self.drop(stream)

    def _is_full(self, session: str) -> bool:
        streams = list(self._streams)
        own = sum(stream.session == session for stream in streams)
        return len(streams) >= self.pace.streams or own >= self.pace.of_session

    def _drop_closed(self) -> None:
        """A page says nothing on its stream: whatever comes is its end."""
        poll = select.poll()
        of = {}
        for stream in list(self._streams):
            descriptor = stream.sock.fileno() if stream.sock is not None else -1
            if descriptor >= 0:
                of[descriptor] = stream
                poll.register(descriptor, _CLOSED)
        for descriptor, _ in poll.poll(0):
            self.drop(of[descriptor])

    def _look(self, now: float) -> None:
        try:
            self._revision = self._sight.revision()
            if now - self._looked_at >= self.pace.session:
                self._looked_at = now
                living = self._sight.living({stream.session for stream in self._streams})
                for stream in list(self._streams):
                    if stream.session not in living:
                        self._write(stream, "over", now)
                        self.drop(stream)
        except Exception:
            if not self._blind:  # once, it is tried four times a second
                log.exception("the event streams cannot see what is new; trying until they can")
            self._blind = True
        else:
            self._blind = False

    def _tell(self, now: float) -> None:
        """Events to those that have waited longest, as many as one look may send."""
        most = max(1, round(self.pace.per_second * self.pace.look))
        open_ones = [stream for stream in list(self._streams) if stream.sock is not None]
        waiting = [(stream, news) for stream in open_ones if (news := self._news(stream, now))]
        waiting.sort(key=lambda one: one[0].told_at)
        for stream, news in waiting[:most]:
            stream.told_at, stream.sizes = now, self._sizes(stream)
            if news == "change":  # the page looks at what grows, too; not the other way round
                stream.seen, stream.changed_at = self._revision, now
            self._write(stream, news, now)

    def _news(self, stream: Stream, now: float) -> str | None:
        if now - stream.told_at < self.pace.grow:
            return None
        if stream.seen != self._revision and now - stream.changed_at >= self.pace.change:
            return "change"
        return "grow" if self._sizes(stream) != stream.sizes else None

    def _sizes(self, stream: Stream) -> tuple[int, ...]:
        return tuple(self._sight.grown(run_id) for run_id in stream.run_ids)

    def _write(self, stream: Stream, event: str, now: float) -> None:
        """A page that takes nothing any more is gone: the few bytes fit into any open connection."""
        if stream.sock is None or stream.sock.fileno() < 0:
            return
        mark = f"id: {stream.seen}\n" if event == "change" else ""
        text = f"{mark}event: {event}\ndata: {self._revision}\n\n".encode()
        stream.wrote_at = now
        try:
            if stream.sock.send(text) == len(text):
                return
        except OSError:
            pass
        self.drop(stream)


def _in_a_thread(run: Callable[[], None]) -> None:
    threading.Thread(target=run, name="event-streams", daemon=True).start()
