"""Secrets of tasks: values that texts name and nobody sees. Each is bound to its task and its name."""

from __future__ import annotations

from collections.abc import Mapping

from ..models import Task, TaskSecret
from ..security.encryption import mask
from .ports import Ports


def purpose(name: str) -> str:
    """What the value of a secret was encrypted for."""
    return f"task.secret:{name}"


def masks(task: Task) -> dict[str, str]:
    """Name → what is shown of it, in alphabetical order."""
    return {row.name: row.mask for row in task.secret_rows}


def open_secrets(ports: Ports, task: Task) -> dict[str, str]:
    """Name → value; `KeyUnreadable` where that is not possible. The redactor learns them."""
    values = {
        row.name: ports.keyring.decrypt(row.value_encrypted, task.secret_id, purpose(row.name))
        for row in task.secret_rows
    }
    for value in values.values():
        ports.redactor.learn(value)
    return values


def store_secrets(ports: Ports, task: Task, wanted: Mapping[str, str | None] | None) -> None:
    """Give `task` the secrets that are `wanted`: see `prompt_rules.check_secrets`."""
    if wanted is None:
        return
    known = {row.name: row for row in task.secret_rows if row.name in wanted}
    for name, value in wanted.items():
        if value is None:
            continue
        ports.redactor.learn(value)
        token = ports.keyring.encrypt(value, task.secret_id, purpose(name))
        if name in known:
            known[name].value_encrypted, known[name].mask = token, mask(value)
        else:
            known[name] = TaskSecret(name=name, value_encrypted=token, mask=mask(value))
    task.secret_rows = [known[name] for name in sorted(known)]
