"""Asking an endpoint something outside any run: which models it has, and whether it answers at all."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from flask_babel import gettext as _

from ..domain.endpoints import same_recipient
from ..domain.errors import CallEnded, Conflict, ProviderError, TooMany
from ..domain.limits import Limits
from ..domain.runs import Reason
from ..extensions import db
from ..providers.base import Connection, Parameters, Provider, Request
from ..providers.registry import PROVIDERS
from ..providers.transport import Call
from .checker import Checker
from .connection_rules import MODEL_LENGTH, check_endpoint, check_headers, check_proxy, new_key
from .connections import StoredConnection, open_connection, secrets_of
from .ports import Ports

MODELS_TIMEOUT = 15.0
MOST_MODELS = 2_000
_AT_ONCE = 4
"""Each holds a thread that serves pages."""
_MESSAGE = "Reply with the single word OK."
_ANSWER_TOKENS = 256
_TEXT = 2_000

_free = threading.BoundedSemaphore(_AT_ONCE)
_holders = itertools.count(-1, -1)  # below the ids of runs


@dataclass(frozen=True)
class Probe:
    """How a small call went. `reason` and `error_message` say why there is no `text`."""

    duration_ms: int
    text: str | None = None
    model: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    reason: Reason | None = None
    error_message: str | None = None
    http_status: int | None = None

    @property
    def ok(self) -> bool:
        """Was there an answer?"""
        return self.reason is None


def try_connection(
    ports: Ports, providers: Mapping[str, Provider], stored: StoredConnection, model: str
) -> Probe:
    """One small call, which costs a few tokens. `KeyUnreadable`, or `TooMany` at a limit."""
    connection = open_connection(ports, stored)
    request = Request(
        connection,
        model,
        [{"role": "user", "content": _MESSAGE}],
        Parameters(max_tokens=_ANSWER_TOKENS),
    )
    with _permit(ports, {stored.limit_key: stored.limits}) as holder:
        call = Call(ports.default_timeout)
        call.on_sent = lambda: ports.limits.sent(holder)
        start = ports.clock.monotonic()

        def took() -> int:
            return round((ports.clock.monotonic() - start) * 1000)

        try:
            found = providers[stored.provider].complete(request, call, lambda text: None)
        except ProviderError as error:
            return Probe(
                took(),
                reason=error.reason,
                error_message=_clean_error(ports, connection, error.message),
                http_status=error.http_status,
            )
        except CallEnded as error:
            return Probe(took(), reason=error.reason, error_message=str(error))
        return Probe(
            took(),
            _clean(ports, connection, found.text)[:_TEXT],
            _clean(ports, connection, found.model or "")[:MODEL_LENGTH] or None,
            found.usage.input_tokens,
            found.usage.output_tokens,
            http_status=found.http_status,
        )


def list_models(
    ports: Ports, providers: Mapping[str, Provider], provider: str, connection: Connection
) -> list[str]:
    """The models that an endpoint offers. `Conflict` with the endpoint's words where it does not say."""
    with _one_of_few():
        try:
            found = providers[provider].models(connection, Call(MODELS_TIMEOUT))
        except (ProviderError, CallEnded) as error:
            text = _clean_error(ports, connection, str(error))
            raise Conflict(
                _("The endpoint did not list its models: %(error)s", error=text)
            ) from error
    return [_clean(ports, connection, name)[:MODEL_LENGTH] for name in found[:MOST_MODELS]]


def typed_connection(
    ports: Ports, values: Mapping[str, Any], stored: StoredConnection | None
) -> tuple[str, Connection]:
    """The provider and the connection that are being typed into a form. Raises `Invalid`.

    What is stored lends its key only where the host is still the one that the key belongs to.
    """
    check = Checker(values)
    provider = check.choice("provider", PROVIDERS, PROVIDERS[0])
    endpoint = check_endpoint(check)
    key = check.merge(lambda: {"key": new_key(ports, _without_mask(values))}).get("key")
    proxy = check_proxy(check, "proxy", _without_mask(values, "proxy").get("proxy"))
    given = values.get("extra_headers")
    typed: Any = given or {}
    if isinstance(given, dict):
        typed = {name: text for name, text in given.items() if "…" not in str(text)}
    headers = check_headers(check, "extra_headers", typed)
    check.done()
    if stored is not None and _may_have_secrets(stored.endpoint, endpoint, proxy):
        known = open_connection(ports, stored)
        lent = None if values.get("remove_api_key") else known.api_key
        key, proxy = key or lent, proxy or known.proxy
        kept = (
            known.extra_headers if given is None else {n: known.extra_headers.get(n) for n in given}
        )
        headers = {**{name: text for name, text in kept.items() if text}, **headers}
    connection = Connection(endpoint, key, headers, proxy)
    for text in secrets_of(connection):
        ports.redactor.learn(text)
    return provider, connection


def _may_have_secrets(stored: str, typed: str, proxy: str | None) -> bool:
    """Only the host that they belong to, over a way on which nobody else reads them."""
    secure = urlsplit(typed).scheme.lower() == "https"
    return same_recipient(stored, typed) and (secure or not proxy)


def _without_mask(values: Mapping[str, Any], field: str = "api_key") -> dict[str, Any]:
    """A mask that was sent back is no secret."""
    return {} if "…" in str(values.get(field) or "") else {field: values.get(field)}


@contextmanager
def _permit(ports: Ports, keys: Mapping[str, Limits]) -> Iterator[int]:
    """A call outside any run is under the same limits as those inside."""
    with _one_of_few():
        holder = next(_holders)
        blocked = ports.limits.take(holder, keys, _ANSWER_TOKENS)
        if blocked is not None:
            raise TooMany(max(1, round(blocked.seconds or 1)))
        try:
            yield holder
        finally:
            ports.limits.finish(holder)


@contextmanager
def _one_of_few() -> Iterator[None]:
    if not _free.acquire(blocking=False):
        raise TooMany(5)
    db.session.commit()  # ends the read: the call takes its time
    try:
        yield
    finally:
        _free.release()


def _clean(ports: Ports, connection: Connection, text: str) -> str:
    for secret in secrets_of(connection):
        text = ports.redactor.clean(text, secret)
    return text


def _clean_error(ports: Ports, connection: Connection, text: str) -> str:
    for secret in secrets_of(connection) or [""]:
        text = ports.redactor.clean_error(text, secret)
    return text[:_TEXT]
