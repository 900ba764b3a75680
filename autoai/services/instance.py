"""What the instance needs before it serves: its one row of state, its keys proven, its user."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from sqlalchemy import select

from ..extensions import db
from ..models import Account, InstanceState, Task, TaskSecret, bump_revision, write_transaction
from .budget_rules import check_budgets
from .budgets import INSTANCE, budget_fields
from .checker import Checker
from .connections import ACCOUNT_HEADERS, ACCOUNT_KEY, ACCOUNT_PROXY, TASK_KEY
from .hours import count_hours_once
from .ports import Ports
from .prompt_secrets import purpose as secret_purpose
from .users import ensure_admin

log = logging.getLogger(__name__)

_SECRETS: dict[type[Task] | type[Account], dict[str, str]] = {
    Task: {"api_key_encrypted": TASK_KEY},
    Account: {
        "api_key_encrypted": ACCOUNT_KEY,
        "extra_headers_encrypted": ACCOUNT_HEADERS,
        "proxy_encrypted": ACCOUNT_PROXY,
    },
}
"""The columns that hold secrets, and what each was encrypted for."""


def prepare_instance(ports: Ports, admin_password: str, *, password_wins: bool) -> None:
    """After the migrations: state row, key canary, admin. Safe to call from several processes.

    `password_wins`: an admin who exists gets this password too.
    """
    with write_transaction() as session:
        state = session.get(InstanceState, INSTANCE)
        if state is None:
            state = InstanceState(id=INSTANCE, revision=0)
            session.add(state)
        if state.key_canary is None:
            state.key_canary = ports.keyring.make_canary()
        canary = state.key_canary
    count_hours_once(ports.zone)
    if not ports.keyring.check_canary(canary):
        log.error(
            "ENCRYPTION_KEY is not the one that the stored keys were encrypted with: runs that"
            " need a key will fail until the right one is back; nothing is overwritten"
        )
    ensure_admin(ports, admin_password, wins=password_wins)


def instance_fields() -> dict[str, Any]:
    """What a person sets for the whole instance, as input again."""
    return budget_fields(db.session.get_one(InstanceState, INSTANCE))


def update_instance(ports: Ports, values: Mapping[str, Any], *, partial: bool) -> None:
    """Change it. With `partial`, fields that are absent keep their value; else they are emptied."""
    with write_transaction() as session:
        state = session.get_one(InstanceState, INSTANCE, populate_existing=True)
        check = Checker({**budget_fields(state), **values} if partial else values)
        columns = check_budgets(check)
        check.done()
        for name, cap in columns.items():
            setattr(state, name, cap)
        bump_revision(session)
    ports.wake()


def reencrypt_keys(ports: Ports) -> int:
    """Encrypt every stored secret with the first ENCRYPTION_KEY, so that older ones can go; how many."""
    count = 0
    with write_transaction() as session:
        rows: list[Task | Account] = [*session.scalars(select(Task))]
        rows += session.scalars(select(Account))
        for row in rows:
            for column, purpose in _SECRETS[type(row)].items():
                if (token := getattr(row, column)) is not None:
                    secret = ports.keyring.decrypt(token, row.secret_id, purpose)
                    setattr(row, column, ports.keyring.encrypt(secret, row.secret_id, purpose))
                    count += 1
        for secret_row, bound_to in session.execute(
            select(TaskSecret, Task.secret_id).join(Task, Task.id == TaskSecret.task_id)
        ):
            where = bound_to, secret_purpose(secret_row.name)
            value = ports.keyring.decrypt(secret_row.value_encrypted, *where)
            secret_row.value_encrypted = ports.keyring.encrypt(value, *where)
            count += 1
        state = session.get_one(InstanceState, INSTANCE)
        state.key_canary = ports.keyring.make_canary()
    return count
