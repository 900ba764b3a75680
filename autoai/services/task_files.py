"""Tasks → a JSON document → tasks. Keys go by reference: the document names the environment variable
that holds each, never the key.

    {"version": 1, "tasks": [{"name": …, "api_endpoint": …, "api_key_env": "OPENAI_API_KEY", …}]}

The same of secrets: `secrets_env` has the variable of each.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select

from ..domain.errors import Invalid, KeyUnreadable
from ..extensions import db
from ..models import Account, Task
from .connection_rules import check_key
from .connections import TASK_KEY
from .ports import Ports
from .prompt_secrets import masks, open_secrets
from .stored_keys import check_key_change
from .task_fields import TASK_FIELDS, task_fields
from .task_rules import check_task
from .tasks import create_task, stored_of, update_task

VERSION = 1
_KEY_FIELD = "api_key_env"
_ACCOUNT_FIELD = "account"
"""An account's name: its number is another one elsewhere."""
_SECRETS_FIELD = "secrets_env"
_OURS = (_KEY_FIELD, _ACCOUNT_FIELD, _SECRETS_FIELD)
_FIELDS = (TASK_FIELDS | {*_OURS}) - {"account_id"}


@dataclass
class Imported:
    """How many tasks of a document were new, changed, and as they had been."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0


def export_tasks() -> dict[str, Any]:
    """All tasks by name, without keys. A task with a key says from which variable to take it."""
    taken: set[str] = set()
    tasks = db.session.scalars(select(Task).order_by(Task.name, Task.id))
    return {"version": VERSION, "tasks": [_exported(task, taken) for task in tasks]}


def import_tasks(ports: Ports, document: Any, environment: Mapping[str, str]) -> Imported:
    """Create or update by name. Everything is checked before anything is stored.

    Raises `Invalid` whose fields name the task: `tasks[2] "Morning news": model`.
    """
    items = _items(document)
    stored: dict[str, list[Task]] = {}
    for task in db.session.scalars(select(Task)):
        stored.setdefault(task.name, []).append(task)
    errors: dict[str, list[str]] = {}
    prepared = []
    for number, item in enumerate(items):
        where = f'tasks[{number}] "{item.get("name", "?")}"'
        try:
            prepared.append(_prepare(ports, item, stored, environment))
        except Invalid as error:
            errors.update({f"{where}: {field}": texts for field, texts in error.errors.items()})
    for name, count in Counter(str(item.get("name")).strip() for item in items).items():
        if count > 1:
            errors[f'"{name}"'] = [f"stands {count} times in the file; names must differ"]
    if errors:
        raise Invalid(errors)
    result = Imported()
    for values, known in prepared:
        if known is None:
            create_task(ports, values)
            result.created += 1
        elif _differs(ports, known, values):
            update_task(ports, known.id, values, partial=False, replaces_draft=False)
            result.updated += 1
        else:
            result.unchanged += 1
    return result


def _exported(task: Task, taken: set[str]) -> dict[str, Any]:
    # Null means "never" there; everywhere else it is what an absent field means too.
    told = {"pause_after_failures"}
    fields = {
        name: value
        for name, value in task_fields(task).items()
        if value is not None or name in told
    }
    fields.pop("account_id", None)
    if task.account is not None:
        fields[_ACCOUNT_FIELD] = task.account.name
        fields.pop("provider")
    if task.api_key_encrypted is not None:
        fields[_KEY_FIELD] = _variable_name(task.name, taken)
    if names := masks(task):
        fields[_SECRETS_FIELD] = {
            name: _variable_name(task.name, taken, f"SECRET_{name.upper()}") for name in names
        }
    return fields


def _variable_name(name: str, taken: set[str], what: str = "API_KEY") -> str:
    """A variable for the task's key: "Morning news" → MORNING_NEWS_API_KEY.

    One that no other task has (it joins `taken`): names without Latin letters look alike here, and
    a shared variable would send one task's key to the other's server.
    """
    word = re.sub(r"[^A-Z0-9]+", "_", name.upper()).strip("_") or "TASK"
    word = word if not word[0].isdigit() else f"TASK_{word}"
    candidates = (f"{word}_{number}_{what}" for number in itertools.count(2))
    found = next(one for one in itertools.chain([f"{word}_{what}"], candidates) if one not in taken)
    taken.add(found)
    return found


def _items(document: Any) -> list[dict[str, Any]]:
    items = document.get("tasks") if isinstance(document, dict) else document
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise Invalid(
            {"file": ['must be {"tasks": [{"name": …}, …]}, as `tasks export` prints it']}
        )
    return items


def _prepare(
    ports: Ports,
    item: dict[str, Any],
    stored: Mapping[str, list[Task]],
    environment: Mapping[str, str],
) -> tuple[dict[str, Any], Task | None]:
    """Checked values, and the stored task of that name."""
    unknown = sorted(set(item) - _FIELDS)
    if "secrets" in unknown:
        raise Invalid({"secrets": [f"a file must not hold secrets; use {_SECRETS_FIELD}"]})
    if "api_key" in unknown:
        raise Invalid({"api_key": [f"a file must not hold keys; use {_KEY_FIELD}"]})
    if unknown:
        raise Invalid({field: ["is not a field of a task"] for field in unknown})
    for field in ("name", "account", "api_endpoint", "model", "message_content", "system_message"):
        if not isinstance(item.get(field), str | None):
            raise Invalid({field: ["must be text"]})
    values = {n: v for n, v in item.items() if n not in _OURS}
    if item.get(_ACCOUNT_FIELD):
        values["account_id"] = _account_id(item[_ACCOUNT_FIELD])
    namesakes = stored.get(str(values.get("name")).strip(), [])
    task = namesakes[0] if len(namesakes) == 1 else None
    if item.get(_SECRETS_FIELD) is not None:
        values["secrets"] = _secrets(item[_SECRETS_FIELD], task, environment)
    check_task(values, ports.default_timezone, ports.default_timeout, masks(task) if task else ())
    if len(namesakes) > 1:
        raise Invalid(
            {"name": [f"{len(namesakes)} stored tasks have this name; rename them first"]}
        )
    variable = item.get(_KEY_FIELD)
    if variable is not None:
        key = environment.get(str(variable), "").strip()
        if key and not ports.keyring.readable:
            raise Invalid({_KEY_FIELD: ["the stored keys belong to another ENCRYPTION_KEY"]})
        if key:
            values["api_key"] = check_key(key)
        elif task is None or task.api_key_encrypted is None:
            raise Invalid({_KEY_FIELD: [f"the environment variable {variable} is not set"]})
    if task is not None:
        try:
            check_key_change(ports, {"keep_api_key": False, **values}, stored_of(task))
        except Invalid as error:
            raise Invalid(
                {_KEY_FIELD: [t for texts in error.errors.values() for t in texts]}
            ) from error
    return values, task


def _secrets(
    variables: Any, task: Task | None, environment: Mapping[str, str]
) -> dict[str, str | None]:
    """Name → value from the environment, None where the stored one is kept."""
    if not isinstance(variables, dict) or not all(isinstance(v, str) for v in variables.values()):
        raise Invalid({_SECRETS_FIELD: ["must be an object of names and variables"]})
    known = masks(task) if task else {}
    found = {name: environment.get(variable) or None for name, variable in variables.items()}
    for name, value in found.items():
        if value is None and name not in known:
            raise Invalid(
                {_SECRETS_FIELD: [f"the environment variable {variables[name]} is not set"]}
            )
    return found


def _account_id(name: str) -> int:
    found = db.session.scalar(select(Account.id).where(func.lower(Account.name) == name.lower()))
    if found is None:
        raise Invalid({_ACCOUNT_FIELD: [f'there is no account "{name}"; make it first']})
    return found


def _differs(ports: Ports, task: Task, values: Mapping[str, Any]) -> bool:
    columns = check_task(values, ports.default_timezone, ports.default_timeout, masks(task))
    if any(getattr(task, name) != value for name, value in columns.items()):
        return True
    if "secrets" in values and _other_secrets(ports, task, values["secrets"]):
        return True
    return "api_key" in values and values["api_key"] != _stored_key(ports, task)


def _other_secrets(ports: Ports, task: Task, wanted: Mapping[str, str | None]) -> bool:
    try:
        known = open_secrets(ports, task)
    except KeyUnreadable:
        return True
    return {name: known.get(name) if v is None else v for name, v in wanted.items()} != known


def _stored_key(ports: Ports, task: Task) -> str | None:
    if task.api_key_encrypted is None:
        return None
    try:
        return ports.keyring.decrypt(task.api_key_encrypted, task.secret_id, TASK_KEY)
    except KeyUnreadable:
        return None
