"""A scripted OpenAI-compatible server on loopback: what the fault tests and the bench talk to.

How it behaves is said by the model's name, with arguments like those of a URL: `ok`,
`slow?seconds=2`, `status?code=429&retry_after=1`. Where the model cannot say it, the path does:
`http://127.0.0.1:PORT/as/slow?seconds=2` is a base URL. The behaviours are in `tests/behaviours.py`.

Every request is kept with its arrival time, headers and body, and whether it was answered; a
message that holds `launch=WORD` gives it a name. In the same process:

    with Upstream() as upstream:
        ... upstream.base_url, upstream.requests()

and as a process of its own, which outlives the app that is killed: `python -m tests.upstream
--port 8001`, with GET /_control/requests and POST /_control/clear.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import resource
import threading
import time
from dataclasses import asdict
from typing import Self
from urllib.parse import parse_qsl, unquote, urlsplit

from tests.behaviours import BEHAVIOURS, Exchange, Seen

BACKLOG = 4_096
_LAUNCH = re.compile(r"launch=([\w.-]+)")


class Upstream:
    """The server, on a thread of its own. `port` 0 takes a free one."""

    def __init__(self, port: int = 0) -> None:
        self._port = port
        self._lock = threading.Lock()
        self._seen: list[Seen] = []
        self._counts: dict[str, int] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, name="upstream", daemon=True)
        self._ready = threading.Event()
        self.connections = 0

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._ready.wait(10):
            raise RuntimeError("the upstream did not start")
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    @property
    def port(self) -> int:
        return self._port

    @property
    def base_url(self) -> str:
        """What a person enters as the endpoint."""
        return f"http://127.0.0.1:{self._port}/v1"

    def as_url(self, behaviour: str) -> str:
        """A base URL that behaves like this whatever the model, such as `slow?seconds=2`."""
        name, _, arguments = behaviour.partition("?")
        return f"http://127.0.0.1:{self._port}/as/{name}" + (f"?{arguments}" if arguments else "")

    def requests(self, launch: str | None = None) -> list[Seen]:
        """What arrived so far, oldest first."""
        with self._lock:
            return [seen for seen in self._seen if launch is None or seen.launch == launch]

    def clear(self) -> None:
        """Forget what arrived so far."""
        with self._lock:
            self._seen.clear()
            self._counts.clear()

    def wait_for(self, count: int, seconds: float = 10, launch: str | None = None) -> list[Seen]:
        """At least `count` requests, or `AssertionError` after `seconds`."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if len(found := self.requests(launch)) >= count:
                return found
            time.sleep(0.02)
        raise AssertionError(f"{len(self.requests(launch))} of {count} requests after {seconds} s")

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.set_exception_handler(lambda loop, context: None)
        server = self._loop.run_until_complete(
            asyncio.start_server(
                self._connection, "127.0.0.1", self._port, backlog=BACKLOG, limit=2**20
            )
        )
        self._port = server.sockets[0].getsockname()[1]
        self._ready.set()
        try:
            self._loop.run_forever()
        finally:
            server.close()
            tasks = asyncio.all_tasks(self._loop)
            for task in tasks:
                task.cancel()
            self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
            self._loop.close()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while await self._one(reader, writer):
                pass
        except (OSError, asyncio.IncompleteReadError, TimeoutError):
            pass  # the client has gone, which is its right
        finally:
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.rstrip().split("\r\n")
        method, target, _ = first.split(" ", 2)
        headers = {
            name.lower(): value.strip()
            for name, _, value in (line.partition(":") for line in lines)
        }
        body = (await reader.readexactly(int(headers.get("content-length", 0)))).decode()
        arrived = time.time()
        if target.startswith("/_control/"):
            await self._control(
                Exchange(Seen(0, arrived, method, target, {}, ""), {}, reader, writer)
            )
            return True
        seen, behaviour, arguments = self._note(arrived, method, target, headers, body)
        exchange = Exchange(seen, arguments, reader, writer)
        await BEHAVIOURS[behaviour](exchange)
        return exchange.keep

    def _note(
        self, arrived: float, method: str, target: str, headers: dict[str, str], body: str
    ) -> tuple[Seen, str, dict[str, str]]:
        with self._lock:
            seen = Seen(len(self._seen) + 1, arrived, method, target, headers, body)
            self._seen.append(seen)
        try:
            seen.model = json.loads(body)["model"]
        except (ValueError, LookupError, TypeError):
            seen.model = ""
        if found := _LAUNCH.search(body):
            seen.launch = found.group(1)
        with self._lock:
            count = self._counts[seen.launch] = self._counts.get(seen.launch, 0) + 1
        _path, _, query = target.partition("?")
        parts = urlsplit(target).path.split("/")
        if parts[1] == "as":
            name = unquote(parts[2])
        elif method == "GET" and parts[-1] == "models":
            name, query = "models", ""
        else:
            name, _, query = seen.model.partition("?")
        arguments = {**dict(parse_qsl(query)), "count": str(count)}
        return seen, name if name in BEHAVIOURS else "ok", arguments

    async def _control(self, exchange: Exchange) -> None:
        if exchange.seen.method == "POST":
            self.clear()
        seen = [asdict(request) for request in self.requests()]
        body = {"connections": self.connections, "requests": seen}
        await exchange.answer(json.dumps(body).encode())


def main() -> None:
    """Serve until the process is ended."""
    parser = argparse.ArgumentParser(description="A scripted OpenAI-compatible server.")
    parser.add_argument("--port", type=int, default=8001)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with Upstream(parser.parse_args().port) as upstream:
        print(f"listening on {upstream.base_url}", flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
