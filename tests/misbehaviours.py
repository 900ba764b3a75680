"""What the other side can do wrong, and what becomes of the run: one table.

`tests/unit/test_misbehaviours.py` plays each row; `tests/upstream_failures.py` writes the table
down for people.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from email.utils import format_datetime
from typing import Any

from autoai.domain.runs import Kind, Reason, Status
from tests.fakes import START
from tests.line import Talk
from tests.tricks import (
    CHUNKED,
    JSON,
    OK,
    chunks_for_ever,
    continue_for_ever,
    drip,
    drip_head,
    echo_key,
    gzip_bomb,
    half,
    huge,
    many_headers,
    reset,
    says,
    silent,
    split,
    stream,
)
from tests.wire import answer, http

ELSEWHERE = "http://ELSEWHERE/"
"""Stands for an address at which nothing may arrive."""
NOBODY = "http://no-such-name.invalid/v1"
NO_LISTENER = "http://127.0.0.1:9/v1"
PASSWORD = "hush-hush-hush"
NO_PROXY = f"http://me:{PASSWORD}@127.0.0.1:9"
METADATA = "http://169.254.169.254/v1"
CERTIFICATES = {
    "expired": "has a certificate that has expired",
    "self-signed": "has a certificate that it signed itself",
    "wrong-host": "has a certificate for another host",
    "unknown-ca": "has a certificate of an unknown authority",
}


@dataclass(frozen=True)
class Misbehaviour:
    """One row. `kinds` has one entry for each attempt of a task with the default rules for
    repeating, or with those for `statuses`."""

    name: str
    what: str
    """It completes the sentence "The other side …"."""
    does: Talk | bytes
    reason: Reason | None
    kinds: tuple[Kind, ...]
    status: Status = Status.FAILED
    text: str | None = None
    """Of the answer, where that matters."""
    says: str = ""
    """What the error has to hold."""
    statuses: tuple[int, ...] = ()
    """After these the task asks for another attempt."""
    waits: tuple[float, ...] | None = None
    """Seconds between the attempts, where that matters."""
    endpoint: str | None = None
    """Instead of the server's own."""
    proxy: str | None = None
    certificate: str | None = None
    """TLS is spoken, with this fault."""
    timeout: float = 10

    def __str__(self) -> str:
        return self.name

    @property
    def arrive(self) -> int:
        """So many requests reach the other side."""
        return sum(kind is not Kind.NEVER_SENT for kind in self.kinds)


def talk(row: Misbehaviour, elsewhere: str) -> Talk:
    """What the row does, with a real address in the place of another host's."""
    if isinstance(row.does, bytes):
        return says(row.does.replace(ELSEWHERE.encode(), elsewhere.encode()))
    return row.does


BILLED = (Kind.MAYBE_BILLED,) * 3
NEVER = (Kind.NEVER_SENT,) * 3
UNUSABLE, REJECTED, ANSWERED = (Kind.UNUSABLE_ANSWER,), (Kind.REJECTED,), (Kind.OK,)
FAULTY, THROTTLED = (Kind.SERVER_ERROR,), (Kind.THROTTLED,)

_ERROR = {"error": {"message": "because"}}
_GOOD = http(answer())
_HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
_BOM = b"\r\n\xef\xbb\xbf" + _GOOD.partition(b"\r\n\r\n")[2]
_LATIN = b'{"choices": [{"message": {"content": "Gr\xfc\xdfe"}}]}'
_DATE = format_datetime(START + timedelta(seconds=9), usegmt=True)
_BROKEN_OFF = stream("Good", finish=None, done=False)
_STREAM_ERROR = stream("Go", finish=None, done=False, more='{"error": {"message": "overloaded"}}')

_LENGTH = OK + b"Content-Length: %b\r\n\r\n{}"
_UNSTORABLE = http(answer("a\x00b\ud800c"))
_SPLIT = split(stream("你好，", "世界"), "世")

Row = tuple[str, str, Talk | bytes] | tuple[str, str, Talk | bytes, dict[str, Any]]


def _come_to(
    reason: Reason | None, kinds: tuple[Kind, ...], *rows: Row, **same: Any
) -> Iterator[Misbehaviour]:
    for name, what, does, *more in rows:
        values = {"kinds": kinds, **same, **(more[0] if more else {})}
        yield Misbehaviour(name, what, does, reason, **values)


def _json(body: Any, **headers: str) -> bytes:
    return http(body, **{"Content_Type": "application/json", **headers})


def _of_connections() -> Iterator[Misbehaviour]:
    yield from _come_to(
        Reason.TIMEOUT,
        BILLED,
        ("silent", "takes the request and stays silent", silent, {"timeout": 1}),
    )
    yield from _come_to(
        Reason.DEADLINE,
        BILLED,
        ("drip", "sends the body a byte at a time", drip),
        ("drip-headers", "sends a header a byte at a time", drip_head),
        timeout=1,
    )
    yield from _come_to(
        Reason.CONNECTION_LOST,
        BILLED,
        ("no-answer", "ends the connection without an answer", b""),
        ("cut-headers", "ends the connection in the middle of the headers", OK + b"Content-"),
        ("cut-body", "ends the connection in the middle of the body", half(answer())),
        ("reset-body", "resets the connection in the middle of the body", reset(half(answer()))),
        ("cut-chunk", "ends the connection in the middle of a chunk", CHUNKED + b"ff\r\n{"),
        ("stream-stops", "streams, and stops before the answer is whole", _BROKEN_OFF),
    )
    yield from _come_to(
        Reason.PROTOCOL,
        UNUSABLE,
        ("continue-for-ever", "says 100 Continue without end", continue_for_ever),
        ("long-header", "sends a header of 70 KB", OK + b"X: " + b"y" * 70_000 + b"\r\n\r\n{}"),
        ("many-headers", "sends 10,000 headers", many_headers(10_000)),
        ("not-http", "is no web server", b"SSH-2.0-OpenSSH_9.9\r\n", {"says": "SSH-2.0"}),
        ("wrong-length", "sends a Content-Length that is no number", _LENGTH % b"1e3"),
        ("wrong-chunk", "sends a chunk whose size is no number", CHUNKED + b"many\r\n{}\r\n"),
    )
    for fault, what in CERTIFICATES.items():
        yield from _come_to(
            Reason.TLS, NEVER, (f"tls-{fault}", what, _GOOD, {"certificate": fault})
        )
    yield from _come_to(
        Reason.NEVER_SENT,
        NEVER,
        ("no-such-name", "has a name that nobody knows", b"", {"endpoint": NOBODY}),
        ("refused", "does not listen", b"", {"endpoint": NO_LISTENER, "says": "refused"}),
        ("no-proxy", "is behind a proxy that is off", b"", {"proxy": NO_PROXY, "says": "proxy"}),
    )
    yield from _come_to(
        Reason.DENIED_NETWORK,
        NEVER[:1],
        ("metadata", "is where a cloud keeps its credentials", b"", {"endpoint": METADATA}),
    )


def _of_bodies() -> Iterator[Misbehaviour]:
    yield from _come_to(
        Reason.TOO_LARGE,
        UNUSABLE,
        ("huge", "sends a body of 10 GB", huge),
        ("gzip-bomb", "sends 256 MB packed into a quarter of one", gzip_bomb),
        ("chunks-for-ever", "sends chunks without end", chunks_for_ever),
    )
    page = _json("<html>Log in</html>", Content_Type="text/html")
    yield from _come_to(
        Reason.BAD_RESPONSE,
        UNUSABLE,
        ("false-gzip", "calls gzip what is none", _json(answer(), Content_Encoding="gzip")),
        ("html", "answers 200 with a web page", page, {"says": "Log in"}),
        ("not-json", "answers with broken JSON", _json('{"choices": [{')),
        ("deep-json", "answers with 100,000 opening brackets", _json("[" * 100_000)),
        ("long-number", "answers with 5,000 digits", _json(f'{{"n": {"9" * 5_000}}}')),
        ("nan", "answers with NaN", _json("NaN")),
        ("latin-1", "answers in Latin-1 instead of UTF-8", _json(_LATIN)),
        ("no-choices", "answers without choices", _json({"id": "c-1", "choices": []})),
        ("no-message", "answers without a message", _json({"choices": [{"index": 0}]})),
        ("error-200", "answers 200 with an error", _json(_ERROR), {"says": "because"}),
        ("stream-error", "streams an error", _STREAM_ERROR, {"says": "overloaded"}),
    )
    call = answer(None, message={"tool_calls": [{"id": "t", "type": "function"}]})
    short = answer("Good d", choice={"finish_reason": "length"})
    yield from _come_to(
        Reason.EMPTY, ANSWERED, ("null-content", "answers with null", _json(answer(None)))
    )
    yield from _come_to(
        Reason.TOOL_CALLS_ONLY, ANSWERED, ("tool-calls", "asks for a tool only", _json(call))
    )
    yield from _come_to(
        Reason.TRUNCATED,
        ANSWERED,
        ("cut-by-length", "cuts its answer at the length limit", _json(short)),
        status=Status.SUCCESS,
        text="Good d",
    )


def _of_statuses() -> Iterator[Misbehaviour]:
    yield from _come_to(
        Reason.AUTH,
        REJECTED,
        *((f"echo-{n}", f"answers {n} and repeats the key", echo_key(n)) for n in (401, 403)),
        says="You sent",
    )
    yield from _come_to(
        Reason.REJECTED,
        REJECTED,
        *((f"status-{n}", f"answers {n}", http(_ERROR, n)) for n in (400, 404, 413)),
        says="because",
    )
    yield from _come_to(
        Reason.RATE_LIMITED, THROTTLED, ("status-429", "answers 429", http(_ERROR, 429))
    )
    for what, value, waits in (
        ("seconds", "7", (7, 7)),
        ("a date", _DATE, (9, 4)),
        ("inf", "inf", (2, 4)),
        ("-1", "-1", (2, 4)),
        ("soon", "soon", (2, 4)),
    ):
        data = http(_ERROR, 429, Retry_After=value)
        yield from _come_to(
            Reason.RATE_LIMITED,
            THROTTLED * 3,
            (f"retry-after-{what.split()[-1]}", f"answers 429 with Retry-After: {what}", data),
            statuses=(429,),
            waits=waits,
        )
    yield from _come_to(
        Reason.SERVER_ERROR,
        FAULTY,
        *((f"status-{n}", f"answers {n}", http(_ERROR, n)) for n in (500, 502, 504)),
        ("status-503", "answers 503", http(_ERROR, 503), {"kinds": THROTTLED}),
        ("500-again", "answers 500", http(_ERROR, 500), {"kinds": FAULTY * 3, "statuses": (500,)}),
        says="because",
    )
    yield from _come_to(
        Reason.REDIRECT,
        REJECTED,
        *(
            (
                f"redirect-{n}",
                f"redirects to another host with {n}",
                http("", n, Location=ELSEWHERE),
            )
            for n in (301, 302, 303, 307, 308)
        ),
        ("redirect-broken", "redirects to nowhere", http("", 302, Location="http://[broken")),
    )


def _of_successes() -> Iterator[Misbehaviour]:
    charset = "application/json; charset="
    lie, odd = (_json(answer("Grüße"), Content_Type=charset + x) for x in ("utf-16", "no-such"))
    nan = _json(answer(usage={"prompt_tokens": float("nan")}))
    yield from _come_to(
        None,
        ANSWERED,
        ("early-hints", "sends 103 Early Hints first", _HINTS + _GOOD),
        ("bom", "puts a byte order mark before the JSON", JSON + _BOM),
        ("nan-usage", "counts NaN tokens", nan),
        ("wrong-charset", "names the wrong charset", lie, {"text": "Grüße"}),
        ("odd-charset", "names a charset that does not exist", odd, {"text": "Grüße"}),
        (
            "unstorable",
            "sends NUL and half a surrogate pair",
            _UNSTORABLE,
            {"text": "a\ufffdb\ufffdc"},
        ),
        ("echo-200", "repeats the key in its answer", echo_key(200), {"text": None}),
        ("stream-unasked", "streams although nobody asked", stream("Good ", "day.")),
        ("stream-split", "parts its stream inside a character", _SPLIT, {"text": "你好，世界"}),
        status=Status.SUCCESS,
        text="Good day.",
    )


MISBEHAVIOURS = (*_of_connections(), *_of_bodies(), *_of_statuses(), *_of_successes())
