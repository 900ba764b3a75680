"""An HTTP status that is not 200 → an error of ours. The same for every family: gateways answer
for all of them, each in whichever shape it likes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime

from ..domain.errors import ProviderError
from ..domain.runs import Kind, Reason
from .events import EventParser, EventTooLarge, is_event_stream
from .parsing import as_dict, error_object, error_text, json_or_none, parse_retry_after

_AUTH = (401, 403)
_PAYMENT_REQUIRED = 402
_OVERLOADED = (503, 529)
"""529 is Anthropic's overloaded_error: https://platform.claude.com/docs/en/api/errors"""
_NOT_ABOUT_STREAMS = (401, 403, 404, 429)
_STREAM = re.compile(r"\bstream(ing|ed|s|_options)?\b", re.IGNORECASE)
_NO_MONEY = frozenset(
    {
        # https://platform.openai.com/docs/guides/error-codes
        "insufficient_quota",
        "billing_hard_limit_reached",
        "billing_not_active",
        # Anthropic: error.type, and error.details.error_code
        "billing_error",
        "contract_spend_limit_reached",
        "enforced_spend_limit_reached",
        "linked_organization_spend_limit_reached",
        "linked_organization_billing_unavailable",
    }
)


def failure(
    status: int, headers: Mapping[str, str], body: bytes, streamed: bool, now: datetime
) -> ProviderError:
    """Name what a status means. `streamed`: had we asked for a stream?"""
    data = json_or_none(_event_data(body) if is_event_stream(headers.get("Content-Type")) else body)
    error = error_object(data)
    text = error_text(data, body)
    kind, reason = _kind(status)
    codes = (error.get("code"), error.get("type"), as_dict(error.get("details")).get("error_code"))
    return ProviderError(
        kind,
        reason,
        f"HTTP {status}: {text}",
        http_status=status,
        retry_after=parse_retry_after(headers.get("Retry-After"), now),
        final=status == _PAYMENT_REQUIRED
        or any(code in _NO_MONEY for code in codes if isinstance(code, str)),
        stream_refused=streamed and _refuses_streams(status, f"{text} {error.get('param')}"),
    )


def _kind(status: int) -> tuple[Kind, Reason]:
    if status in _AUTH:
        return Kind.REJECTED, Reason.AUTH
    if status == 429:
        return Kind.THROTTLED, Reason.RATE_LIMITED
    if status in _OVERLOADED:
        return Kind.THROTTLED, Reason.SERVER_ERROR
    if 500 <= status <= 599:
        return Kind.SERVER_ERROR, Reason.SERVER_ERROR
    if 300 <= status <= 399:
        return Kind.REJECTED, Reason.REDIRECT
    if status < 400:
        return Kind.UNUSABLE_ANSWER, Reason.PROTOCOL
    return Kind.REJECTED, Reason.REJECTED


def _refuses_streams(status: int, text: str) -> bool:
    if status in _NOT_ABOUT_STREAMS or not (400 <= status <= 499 or status == 501):
        return False
    return _STREAM.search(text) is not None


def _event_data(body: bytes) -> str:
    """Some servers put the error of a refused stream into an event."""
    try:
        events = EventParser().feed(body + b"\n\n")
    except EventTooLarge:
        events = []
    return events[0].data if events else ""
