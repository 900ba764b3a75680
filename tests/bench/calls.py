"""What a call costs: our provider and transport beside the `openai` SDK, on this machine, now.

    make bench
    .venv/bin/python tests/bench/calls.py --calls 500 --rounds 4 --turns 2

Each side is a process of its own that sends its calls from as many threads at once to the same
upstream, another process. That one holds every answer back until all calls of a round are there,
so that all are under way together; a streamed answer comes in `--pieces` events. The first round
opens the connections and is not counted. CPU is the process's own, user and system; memory is how
far its peak lies above what it had before the first call.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

_PIECE = "and another word or two, "
_MESSAGES = [
    {"role": "system", "content": "You are terse."},
    {"role": "user", "content": "What happened in the world yesterday? " * 20},
]
_SIDES = ("ours", "sdk")
_LONGEST_ROUND = 60.0
"""Seconds."""


def _completion(pieces: int) -> bytes:
    message = {"role": "assistant", "content": _PIECE * pieces}
    choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
    return json.dumps(_head("chat.completion", [choice])).encode()


def _chunks(pieces: int) -> list[bytes]:
    def chunk(delta: dict[str, str], ended: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": ended, "logprobs": None}
        found = {**_head("chat.completion.chunk", [choice]), "usage": None}
        return f"data: {json.dumps(found)}\n\n".encode()

    texts = [chunk({"content": _PIECE}) for _ in range(pieces)]
    last = f"data: {json.dumps(_head('chat.completion.chunk', []))}\n\ndata: [DONE]\n\n"
    return [chunk({"role": "assistant", "content": ""}), *texts, chunk({}, "stop"), last.encode()]


def _head(kind: str, choices: list[object]) -> dict[str, object]:
    usage = {"prompt_tokens": 200, "completion_tokens": 700, "total_tokens": 900}
    return {
        "id": "chatcmpl-bench",
        "object": kind,
        "created": 1_790_000_000,
        "model": "gpt-bench",
        "choices": choices,
        "usage": usage,
    }


async def _serve(port: int, calls: int, pieces: int) -> None:
    """Answers when `calls` requests have come, or when none has come for a second."""
    whole = _completion(pieces)
    head = "HTTP/1.1 200 OK\r\nContent-Type: {}\r\n{}\r\n\r\n"
    answer = head.format("application/json", f"Content-Length: {len(whole)}").encode() + whole
    stream = head.format("text/event-stream", "Transfer-Encoding: chunked").encode()
    events = [b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in _chunks(pieces)]
    waiting: list[asyncio.Event] = []

    async def all_there() -> None:
        event = asyncio.Event()
        waiting.append(event)
        if len(waiting) >= calls:
            for other in waiting:
                other.set()
            waiting.clear()
        try:
            await asyncio.wait_for(event.wait(), 1)
        except TimeoutError:
            waiting.clear()

    async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                request = (await reader.readuntil(b"\r\n\r\n")).lower()
                _, _, length = request.partition(b"content-length:")
                body = await reader.readexactly(int(length.split(b"\r\n")[0]))
                await all_there()
                if b'"stream":true' in body.replace(b" ", b""):
                    writer.write(stream)
                    for event in events:
                        writer.write(event)
                        await writer.drain()
                        await asyncio.sleep(0)  # the others' turn: pieces of all calls mingle
                    writer.write(b"0\r\n\r\n")
                else:
                    writer.write(answer)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            writer.close()

    server = await asyncio.start_server(connection, "127.0.0.1", port, backlog=4_096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def _ours(url: str, stream: bool, calls: int) -> Callable[[], str]:
    from datetime import UTC, datetime

    from autoai.providers.base import Connection, Request
    from autoai.providers.registry import make_providers
    from autoai.providers.transport import Call, Transport

    transport = Transport(calls, 2**21)
    provider = make_providers(transport, lambda: datetime.now(UTC))["openai"]
    connection = Connection(url, "sk-bench")

    def call() -> str:
        request = Request(connection, "gpt-bench", _MESSAGES, stream=stream)
        told: list[str] = []
        found = provider.complete(request, Call(_LONGEST_ROUND), told.append)
        assert found.usage.output_tokens == 700 and found.text == "".join(told)
        return found.text

    return call


def _sdk(url: str, stream: bool, calls: int) -> Callable[[], str]:
    import openai

    limits = openai.DefaultHttpxClient(trust_env=False, limits=_limits(calls))
    client = openai.OpenAI(api_key="sk-bench", base_url=url, max_retries=0, http_client=limits)
    more = {"stream": True, "stream_options": {"include_usage": True}} if stream else {}

    def call() -> str:
        found = client.chat.completions.create(model="gpt-bench", messages=_MESSAGES, **more)  # type: ignore[call-overload]
        if not stream:
            assert found.usage.completion_tokens == 700
            return str(found.choices[0].message.content)
        told: list[str] = []
        for chunk in found:
            told += [choice.delta.content or "" for choice in chunk.choices]
        assert chunk.usage.completion_tokens == 700
        return "".join(told)

    return call


def _limits(calls: int) -> object:
    """Connections are kept as they are on our side, which spares the SDK opening them anew."""
    import httpx2

    return httpx2.Limits(max_connections=calls, max_keepalive_connections=calls)


def _measure(options: argparse.Namespace) -> None:
    """One side, in this process; prints what a call cost."""
    make = _ours if options.side == "ours" else _sdk
    call = make(options.url, options.stream, options.calls)
    pool = ThreadPoolExecutor(options.calls)
    ready = threading.Barrier(options.calls)
    list(pool.map(lambda _: ready.wait(_LONGEST_ROUND), range(options.calls)))
    before = _resident()
    spent: list[float] = []
    took: list[float] = []
    for _ in range(options.rounds + 1):
        start, cpu = time.monotonic(), time.process_time()
        for text in pool.map(lambda _: call(), range(options.calls)):
            assert text == _PIECE * options.pieces
        spent.append((time.process_time() - cpu) / options.calls * 1000)
        took.append(time.monotonic() - start)
    found = {
        "CPU ms per call": statistics.median(spent[1:]),
        "CPU ms per call, first round": spent[0],
        "round, s": statistics.median(took[1:]),
        "memory kB per call": (_peak() - before) / options.calls,
        "memory MB in all": _peak() / 1024,
    }
    print(json.dumps(found), flush=True)
    os._exit(0)  # hundreds of threads and connections need no orderly end


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() // 1024


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _compare(options: argparse.Namespace, url: str, stream: bool) -> None:
    found: dict[str, list[dict[str, float]]] = {side: [] for side in _SIDES}
    numbers = ("calls", "rounds", "pieces")
    for _ in range(options.turns):
        for side in _SIDES:
            command = [sys.executable, __file__, "--side", side, "--url", url]
            command += [f"--{name}={getattr(options, name)}" for name in numbers]
            out = subprocess.check_output(
                [*command, *(["--stream"] if stream else [])],
                text=True,
                timeout=(options.rounds + 2) * _LONGEST_ROUND,
            )
            found[side].append(json.loads(out))
    how = f"streamed in {options.pieces} pieces" if stream else "whole"
    print(
        f"\n{options.calls} calls at once, answers {how}; {options.turns} × {options.rounds} rounds"
    )
    print(f"  {'':<30}{'AutoAI':>10}{'openai':>10}{'ratio':>8}")
    for name in found["ours"][0]:
        ours, sdk = (statistics.median(turn[name] for turn in found[side]) for side in _SIDES)
        print(f"  {name:<30}{ours:>10.2f}{sdk:>10.2f}{ours / sdk:>8.2f}", flush=True)


def main() -> None:
    """Measure and print. What is printed is for people: nothing fails here for being slow."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--turns", type=int, default=1)
    parser.add_argument("--pieces", type=int, default=100)
    parser.add_argument("--side", choices=[*_SIDES, "upstream"], help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    parser.add_argument("--stream", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if options.side == "upstream":
        asyncio.run(_serve(0, options.calls, options.pieces))
    elif options.side:
        _measure(options)
    else:
        command = [sys.executable, __file__, "--side", "upstream", f"--calls={options.calls}"]
        upstream = subprocess.Popen(
            [*command, f"--pieces={options.pieces}"], stdout=subprocess.PIPE, text=True
        )
        try:
            assert upstream.stdout
            url = f"http://127.0.0.1:{int(upstream.stdout.readline())}/v1"
            for stream in (False, True):
                _compare(options, url, stream)
        finally:
            upstream.kill()
            upstream.wait()


if __name__ == "__main__":
    main()
