"""Create, change, switch and delete accounts: saved endpoints with a key and limits."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy import delete, func, select, update
from sqlalchemy.exc import IntegrityError

from ..domain.errors import Conflict, Invalid
from ..domain.runs import Reason
from ..extensions import db
from ..models import Account, DbSession, Task, Throttle, bump_revision, find, write_transaction
from ..providers.registry import PROVIDERS
from ..security.encryption import mask
from .budget_rules import check_budgets
from .budgets import budget_fields
from .checker import Checker
from .connection_rules import (
    MODEL_LENGTH,
    check_endpoint,
    check_headers,
    check_proxy,
    new_key,
    proxy_without_password,
)
from .connections import (
    ACCOUNT_HEADERS,
    ACCOUNT_KEY,
    ACCOUNT_PROXY,
    PUBLIC_HEADERS,
    account_connection,
    open_connection,
)
from .endings import skip_waiting
from .lookup import existing_account
from .occurrences import settle_task
from .ports import Ports
from .price_rules import check_prices
from .stored_keys import KeyChange, Stored, check_key_change

NAME_LENGTH = 200
MOST_CALLS, MOST_REQUESTS, MOST_TOKENS = 5_000, 1_000_000, 1_000_000_000
_PLAIN_FIELDS = (
    "name",
    "provider",
    "api_endpoint",
    "default_model",
    "max_concurrent_calls",
    "requests_per_minute",
    "tokens_per_minute",
    "prices",
    "enabled",
)


def find_account(account_id: object) -> Account | None:
    """The account, or None for what is no id of one."""
    return find(db.session(), Account, account_id)


def get_account(account_id: int) -> Account:
    """The account; `NotFound` where there is none."""
    return existing_account(db.session(), account_id)


def account_fields(account: Account) -> dict[str, Any]:
    """The fields of a stored account as input again, without its secrets."""
    fields = {field: getattr(account, field) for field in _PLAIN_FIELDS}
    return {**fields, **budget_fields(account)}


def create_account(ports: Ports, values: Mapping[str, Any]) -> Account:
    """Validate `values` (fields of the API's account) and store a new one."""
    columns, found = _checked(ports, values, None)
    now = ports.clock.now()
    account = Account(secret_id=secrets.token_hex(16), created_at=now)
    account.disabled_at = None if columns["enabled"] else now
    _set(ports, account, columns, found, now)
    with _unique_name(), write_transaction() as session:
        session.add(account)
        bump_revision(session)
    return account


def update_account(
    ports: Ports, account_id: int, values: Mapping[str, Any], *, partial: bool
) -> Account:
    """Change an account. With `partial`, fields that are absent keep their value; else they get
    their default. Secrets are kept where they are absent, empty, or the
    mask itself; of the key `stored_keys` says more."""
    with _unique_name(), write_transaction() as session:
        account = existing_account(session, account_id)
        if partial:
            values = {**account_fields(account), **values}
        columns, found = _checked(ports, values, account)
        now = ports.clock.now()
        if account.enabled != columns["enabled"]:
            _switch(session, ports, account, columns["enabled"], now)
        _set(ports, account, columns, found, now)
        # Their next runs are sent in another way now: what was found out before counts no more.
        session.execute(
            update(Task)
            .where(Task.account_id == account.id)
            .values(preflight_at=None, preflight_reason=None, preflight_message=None)
        )
        bump_revision(session)
    ports.wake()
    return account


def set_enabled(ports: Ports, account_id: int, enabled: bool) -> Account:
    """Switch an account on or off. While it is off its tasks are skipped, with that reason; on
    again, a server's wish for patience is forgotten too."""
    with write_transaction() as session:
        account = existing_account(session, account_id)
        now = ports.clock.now()
        if account.enabled != enabled:
            _switch(session, ports, account, enabled, now)
            account.updated_at = now
        if enabled:
            session.execute(delete(Throttle).where(Throttle.key == account.limit_key))
            ports.limits.hurry(account.limit_key)
        bump_revision(session)
    ports.wake()
    return account


def count_tasks(account_id: int) -> int:
    """How many tasks are sent through it."""
    return db.session.scalar(select(func.count()).where(Task.account_id == account_id)) or 0


def delete_account(ports: Ports, account_id: int, move_to: int | None = None) -> None:
    """Delete an account. `Conflict` while tasks use it, unless they are moved to `move_to`."""
    with write_transaction() as session:
        account = existing_account(session, account_id)
        target = None
        if move_to is not None:
            target = _target(session, account, move_to)
        tasks = session.scalars(select(Task).where(Task.account_id == account.id)).all()
        if tasks and target is None:
            raise Conflict(
                ngettext(
                    "%(num)s task uses this account. Say which other account it is to move to.",
                    "%(num)s tasks use this account. Say which other account they are to move to.",
                    len(tasks),
                )
            )
        now = ports.clock.now()
        for task in tasks:
            settle_task(session, task, now, ports.zone)
            task.model = task.model or (None if target and target.default_model else "")
            task.account_id = target.id if target else None
            task.preflight_at = task.preflight_reason = task.preflight_message = None
            task.updated_at = now
        session.flush()
        session.delete(account)
        session.execute(delete(Throttle).where(Throttle.key == account.limit_key))
        bump_revision(session)
    ports.wake()


def _target(session: DbSession, account: Account, move_to: int) -> Account:
    target = find(session, Account, move_to)
    if target is None or target.id == account.id:
        raise Invalid({"move_to": [_("Choose another account.")]})
    needing = select(Task.name).where(Task.account_id == account.id, Task.model.is_(None)).limit(1)
    if not target.default_model and (name := session.scalar(needing)) is not None:
        raise Invalid(
            {
                "move_to": [
                    _(
                        "“%(name)s” has no model of its own, and that account has no default one.",
                        name=name,
                    )
                ]
            }
        )
    return target


def _switch(
    session: DbSession, ports: Ports, account: Account, enabled: bool, now: datetime
) -> None:
    """What was due up to now is written as it was before; from now on it is the other way."""
    tasks = session.scalars(select(Task).where(Task.account_id == account.id)).all()
    for task in tasks:
        settle_task(session, task, now, ports.zone)
    account.disabled_at = None if enabled else now
    if not enabled:
        for task in tasks:
            skip_waiting(session, task.id, now, ports.zone, Reason.DISABLED_ACCOUNT)


@dataclass
class _Secrets:
    """New secrets; None where the stored one is kept, empty where it goes."""

    key: KeyChange = field(default_factory=KeyChange)
    headers: dict[str, str] | None = None
    proxy: str | None = None


def _checked(
    ports: Ports, values: Mapping[str, Any], current: Account | None
) -> tuple[dict[str, Any], _Secrets]:
    check = Checker(values)
    columns: dict[str, Any] = {
        "name": check.line("name", NAME_LENGTH),
        "provider": check.choice("provider", PROVIDERS, PROVIDERS[0]),
        "api_endpoint": check_endpoint(check),
        "default_model": check.line("default_model", MODEL_LENGTH, required=False) or None,
        "max_concurrent_calls": check.optional_number("max_concurrent_calls", 1, MOST_CALLS),
        "requests_per_minute": check.optional_number("requests_per_minute", 1, MOST_REQUESTS),
        "tokens_per_minute": check.optional_number("tokens_per_minute", 1, MOST_TOKENS),
        "prices": check_prices(check, "prices", values.get("prices")),
        "enabled": check.flag("enabled", True),
        **check_budgets(check),
    }
    if current is not None and columns["default_model"] is None:
        _needed_by_tasks(check, current)
    found = _Secrets()
    stored = _stored(current, values) if current is not None else None
    found.key = check.merge(lambda: {"key": check_key_change(ports, values, stored)}).get(
        "key", KeyChange()
    )
    if "extra_headers" in values:
        kept = _kept_headers(ports, current, values["extra_headers"])
        found.headers = check_headers(check, "extra_headers", kept)
    if "proxy" in values and (current is None or values["proxy"] != current.proxy_mask):
        found.proxy = check_proxy(check, "proxy", values["proxy"]) or ""
    if (found.headers or found.proxy) and not ports.keyring.readable:
        check.merge(lambda: {"key": new_key(ports, {"api_key": "x"})})
    check.done()
    return columns, found


def _needed_by_tasks(check: Checker, account: Account) -> None:
    using = select(Task.name).where(Task.account_id == account.id, Task.model.is_(None)).limit(1)
    if (name := db.session.scalar(using)) is not None:
        check.complain("default_model", _("“%(name)s” has no model of its own.", name=name))


def _stored(account: Account, values: Mapping[str, Any]) -> Stored:
    """What its endpoint has been entrusted with, and is to keep by `values`."""
    masks = account.extra_header_masks or {}
    given = values.get("extra_headers", masks)
    headers = isinstance(given, dict) and any(
        given.get(name) == text and name.lower() not in PUBLIC_HEADERS
        for name, text in masks.items()
    )
    return Stored(account.api_endpoint, account.api_key_mask, headers)


def _kept_headers(ports: Ports, current: Account | None, value: Any) -> Any:
    """Masks that come back stand for the values that are stored."""
    masks = (current.extra_header_masks or {}) if current is not None else {}
    if not isinstance(value, dict) or current is None or not masks:
        return value
    if all(masks.get(name) != text for name, text in value.items()):
        return value
    stored = open_connection(ports, account_connection(current)).extra_headers
    return {
        name: stored.get(name, text) if masks.get(name) == text else text
        for name, text in value.items()
    }


def _set(
    ports: Ports, account: Account, columns: dict[str, Any], found: _Secrets, now: datetime
) -> None:
    for name, value in columns.items():
        if name != "enabled":
            setattr(account, name, value)
    account.updated_at = now
    seal = ports.keyring.encrypt
    if found.key.new:
        ports.redactor.learn(found.key.new)
        account.api_key_encrypted = seal(found.key.new, account.secret_id, ACCOUNT_KEY)
        account.api_key_mask = mask(found.key.new)
    elif found.key.removes:
        account.api_key_encrypted = account.api_key_mask = None
    if found.headers is not None:
        text = json.dumps(found.headers)
        account.extra_headers_encrypted = (
            seal(text, account.secret_id, ACCOUNT_HEADERS) if found.headers else None
        )
        account.extra_header_masks = {n: mask(v) for n, v in found.headers.items()} or None
    if found.proxy is not None:
        account.proxy_encrypted = (
            seal(found.proxy, account.secret_id, ACCOUNT_PROXY) if found.proxy else None
        )
        account.proxy_mask = proxy_without_password(found.proxy) if found.proxy else None


@contextmanager
def _unique_name() -> Iterator[None]:
    """Two accounts of one name are a complaint about the field, also where two are made at once."""
    try:
        yield
    except IntegrityError as error:
        raise Invalid({"name": [_("There is an account of this name.")]}) from error
