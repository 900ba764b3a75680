"""Where a run is sent and as whom: a task's account, or the endpoint and key of its own. One way to
both, whoever sends."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

from ..domain.costs import FREE, Rates
from ..domain.endpoints import base_url, is_built_in
from ..domain.limits import Limits
from ..models import Account, Task
from ..providers.base import Connection
from .ports import Ports

TASK_KEY = "task.api_key"
ACCOUNT_KEY = "account.api_key"
ACCOUNT_HEADERS = "account.extra_headers"
ACCOUNT_PROXY = "account.proxy"

PUBLIC_HEADERS = frozenset(
    {
        "accept",
        "accept-language",
        "anthropic-beta",
        "anthropic-version",
        "content-type",
        "http-referer",
        "openai-organization",
        "openai-project",
        "referer",
        "user-agent",
        "x-title",
    }
)
"""Headers that hold no secret: their values may well stand in an answer, and stay there."""


@dataclass(frozen=True)
class StoredConnection:
    """A connection as it is stored: its secrets are encrypted, bound to `secret_id` and a purpose."""

    provider: str
    endpoint: str
    secret_id: str
    key_purpose: str
    limit_key: str
    """What its limits are counted under, and what a server's wish for patience slows down."""
    limits: Limits = field(default_factory=Limits)
    account_id: int | None = None
    api_key_encrypted: str | None = None
    extra_headers_encrypted: str | None = None
    proxy_encrypted: str | None = None
    rates: Mapping[str, Rates] = field(default_factory=dict, hash=False)
    """The account's own prices, by model."""


def connection_of(task: Task) -> StoredConnection:
    """Where `task` is sent."""
    if task.account is not None:
        return account_connection(task.account)
    endpoint = task.api_endpoint or ""
    return StoredConnection(
        task.provider,
        endpoint,
        task.secret_id,
        TASK_KEY,
        base_url(endpoint),
        api_key_encrypted=task.api_key_encrypted,
        rates={"*": FREE} if is_built_in(endpoint) else {},
    )


def account_connection(account: Account) -> StoredConnection:
    """Where the tasks of `account` are sent."""
    return StoredConnection(
        account.provider,
        account.api_endpoint,
        account.secret_id,
        ACCOUNT_KEY,
        account.limit_key,
        account.limits,
        account.id,
        account.api_key_encrypted,
        account.extra_headers_encrypted,
        account.proxy_encrypted,
        account.rates,
    )


def open_connection(ports: Ports, stored: StoredConnection) -> Connection:
    """Decrypt what is needed for a call; `KeyUnreadable` where that is not possible.

    The redactor learns every secret that comes to light here.
    """

    def secret(token: str | None, purpose: str) -> str | None:
        return ports.keyring.decrypt(token, stored.secret_id, purpose) if token else None

    headers = json.loads(secret(stored.extra_headers_encrypted, ACCOUNT_HEADERS) or "{}")
    connection = Connection(
        stored.endpoint,
        secret(stored.api_key_encrypted, stored.key_purpose),
        headers,
        secret(stored.proxy_encrypted, ACCOUNT_PROXY),
    )
    for text in secrets_of(connection):
        ports.redactor.learn(text)
    return connection


def secrets_of(connection: Connection) -> list[str]:
    """What must appear nowhere."""
    headers = connection.extra_headers.items()
    values = [value for name, value in headers if name.lower() not in PUBLIC_HEADERS]
    found = [connection.api_key, proxy_password(connection.proxy), *values]
    return [text for text in found if text]


def proxy_password(proxy: str | None) -> str | None:
    """The secret part of a proxy's URL."""
    if not proxy:
        return None
    credentials, at, _ = proxy.partition("://")[2].rpartition("@")
    return unquote(credentials.partition(":")[2]) if at else None
