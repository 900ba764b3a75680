"""What went wrong on the wire → an error with a kind and a reason."""

from __future__ import annotations

from http.client import (
    BadStatusLine,
    HTTPException,
    LineTooLong,
    RemoteDisconnected,
    UnknownProtocol,
)

import requests

from ...domain.errors import CallEnded, ProviderError
from ...domain.runs import Kind, Reason
from .call import Call
from .connections import ProxyTrouble
from .response import BrokenAnswer

_NOT_HTTP = (BrokenAnswer, LineTooLong, UnknownProtocol)
# and HTTPException itself, by which http.client says that there are more than 100 headers
_SHOWN = 80
_HOPELESS_AT_PROXY = (401, 403, 407)


def failure(call: Call, error: Exception | None, http_status: int | None = None) -> Exception:
    """Name what happened by how far the call had come."""
    kind = Kind.MAYBE_BILLED if call.sent else Kind.NEVER_SENT

    def problem(reason: Reason, text: str) -> ProviderError:
        return ProviderError(kind, reason, text, http_status=http_status)

    timed_out = call.ended_by is Reason.TIMEOUT or _is_timeout(error)
    if call.ended_by and call.ended_by is not Reason.TIMEOUT:
        return CallEnded(call.ended_by)
    if timed_out and not call.sent:
        return problem(Reason.TIMEOUT, "no connection within the time-out")
    if timed_out and call.answering:
        return problem(Reason.DEADLINE, "the answer was not complete in time")
    if timed_out:
        return problem(Reason.TIMEOUT, "no answer within the time-out")
    if call.sent and (broken := _broken(error)):
        return ProviderError(
            Kind.UNUSABLE_ANSWER, Reason.PROTOCOL, f"not HTTP: {broken}", http_status=http_status
        )
    for item in _chain(error):
        if isinstance(item, ProxyTrouble):
            return ProviderError(
                Kind.NEVER_SENT,
                Reason.TLS if item.tls else Reason.NEVER_SENT,
                f"the proxy: {item.text}",
                http_status=item.status,
                final=item.status in _HOPELESS_AT_PROXY,
            )
    text = _innermost(error)
    if not call.sent:
        tls = isinstance(error, requests.exceptions.SSLError)
        return problem(Reason.TLS if tls else Reason.NEVER_SENT, text)
    return problem(Reason.CONNECTION_LOST, text)


def _chain(error: BaseException | None) -> list[BaseException]:
    """The exception and everything that it wraps: as cause, context, argument or reason."""
    found: list[BaseException] = []
    todo = [error]
    while todo:
        item = todo.pop(0)
        if isinstance(item, BaseException) and item not in found:
            found.append(item)
            todo += [*item.args, getattr(item, "reason", None), item.__cause__, item.__context__]
    return found


def _is_timeout(error: Exception | None) -> bool:
    return any(
        isinstance(item, (TimeoutError, requests.exceptions.Timeout)) for item in _chain(error)
    )


def _broken(error: Exception | None) -> str | None:
    """What was not HTTP at all, as opposed to HTTP that was cut."""
    for item in _chain(error):
        if isinstance(item, BadStatusLine) and not isinstance(item, RemoteDisconnected):
            return f"the answer begins with {str(item.args[0])[:_SHOWN]!r}"
        if isinstance(item, _NOT_HTTP) or type(item) is HTTPException:
            return str(item) or type(item).__name__
    return None


def _innermost(error: Exception | None) -> str:
    """The operating system's words are the ones that help: "Connection refused"."""
    for item in reversed(_chain(error)):
        if isinstance(item, OSError) and item.strerror:
            return str(item.strerror)
    return str(error) or type(error).__name__
