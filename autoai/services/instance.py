"""What the instance needs before it serves: its one row of state, its keys proven, its user."""

from __future__ import annotations

import logging

from sqlalchemy import select

from ..models import InstanceState, Task, write_transaction
from .execute_run import KEY_PURPOSE
from .ports import Ports
from .users import ensure_admin

log = logging.getLogger(__name__)


def prepare_instance(ports: Ports, admin_password: str, *, password_wins: bool) -> None:
    """After the migrations: state row, key canary, admin. Safe to call from several processes.

    `password_wins`: an admin who exists gets this password too.
    """
    with write_transaction() as session:
        state = session.get(InstanceState, 1)
        if state is None:
            state = InstanceState(id=1, revision=0)
            session.add(state)
        if state.key_canary is None:
            state.key_canary = ports.keyring.make_canary()
        canary = state.key_canary
    if not ports.keyring.check_canary(canary):
        log.error(
            "ENCRYPTION_KEY is not the one that the stored keys were encrypted with: runs that"
            " need a key will fail until the right one is back; nothing is overwritten"
        )
    ensure_admin(ports, admin_password, wins=password_wins)


def reencrypt_keys(ports: Ports) -> int:
    """Encrypt every stored key with the first ENCRYPTION_KEY, so that older ones can go; how many."""
    with write_transaction() as session:
        tasks = session.scalars(select(Task).where(Task.api_key_encrypted.is_not(None))).all()
        for task in tasks:
            key = ports.keyring.decrypt(task.api_key_encrypted or "", task.secret_id, KEY_PURPOSE)
            task.api_key_encrypted = ports.keyring.encrypt(key, task.secret_id, KEY_PURPOSE)
        state = session.get_one(InstanceState, 1)
        state.key_canary = ports.keyring.make_canary()
    return len(tasks)
