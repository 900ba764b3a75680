"""Will the next run fail? Once a day, and soon after a change, each enabled task's endpoint is asked
for its models: that shows an endpoint that is gone, a key that is no good, a model that is not
there, and costs no tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import or_, select, update

from ..domain.errors import CallEnded, KeyUnreadable, ProviderError
from ..domain.runs import Reason
from ..extensions import db
from ..models import Account, Task, bump_revision, write_transaction
from ..providers.base import Connection, Provider
from ..providers.transport import Call
from .connections import connection_of, open_connection, secrets_of
from .execute_run import RunControl
from .ports import Ports
from .probes import MODELS_TIMEOUT

EVERY = timedelta(days=1)
_TASKS_AT_ONCE = 200
_MESSAGE_LENGTH = 500
_TELLING = frozenset(
    {
        Reason.AUTH,
        Reason.NEVER_SENT,
        Reason.TIMEOUT,
        Reason.TLS,
        Reason.CONNECTION_LOST,
        Reason.REDIRECT,
        Reason.DENIED_NETWORK,
    }
)
"""Failures that a run would meet as well. Not every endpoint lists its models: a 404 says nothing."""


@dataclass(frozen=True)
class _Finding:
    """What speaks against the next run; nothing where `reason` is None."""

    reason: Reason | None = None
    message: str | None = None


def run_preflights(
    ports: Ports, providers: Mapping[str, Provider], control: RunControl | None = None
) -> int:
    """Look at the tasks whose turn it is; how many. Nothing is in a transaction while it asks.

    Whoever holds `control` can end it: the question under way, and all that would follow.
    """
    control = control or RunControl()
    now = ports.clock.now()
    tasks = [(task.id, connection_of(task), task.model_asked) for task in _whose_turn(now)]
    db.session.commit()  # ends the read: what follows takes its time
    answers: dict[object, list[str] | _Finding] = {}
    findings = []
    for task_id, stored, model in tasks:
        try:
            connection = open_connection(ports, stored)
        except KeyUnreadable as error:
            findings.append((task_id, _Finding(Reason.KEY_UNREADABLE, str(error))))
            continue
        # Tasks with the same endpoint and key are asked for together, wherever the key is stored.
        same = (stored.provider, stored.endpoint, connection.api_key, stored.account_id)
        if same not in answers:
            answers[same] = _ask(ports, providers[stored.provider], connection, control)
        if control.ended.is_set():
            break
        findings.append((task_id, _judged(answers[same], model)))
    if findings:
        _record(findings, now)
    return len(findings)


def _whose_turn(now: datetime) -> Sequence[Task]:
    return db.session.scalars(
        select(Task)
        .outerjoin(Account, Account.id == Task.account_id)
        .where(
            Task.enabled,
            Account.disabled_at.is_(None),
            or_(Task.preflight_at.is_(None), Task.preflight_at <= now - EVERY),
        )
        .order_by(Task.id)
        .limit(_TASKS_AT_ONCE)
    ).all()


def _ask(
    ports: Ports, provider: Provider, connection: Connection, control: RunControl
) -> list[str] | _Finding:
    """The models of an endpoint, or what it says instead."""
    call = Call(MODELS_TIMEOUT)
    control.begin(call)
    try:
        return provider.models(connection, call)
    except ProviderError as error:
        if error.reason not in _TELLING:
            return []
        text = error.message
        for secret in secrets_of(connection) or [""]:
            text = ports.redactor.clean_error(text, secret)
        return _Finding(error.reason, text[:_MESSAGE_LENGTH])
    except CallEnded:
        return []


def _judged(models: list[str] | _Finding, model: str) -> _Finding:
    if isinstance(models, _Finding):
        return models
    # Ollama lists "llama3:latest" and answers to "llama3".
    if not models or model in models or any(name.startswith(f"{model}:") for name in models):
        return _Finding()
    return _Finding(Reason.MODEL_MISSING, f"{model}"[:_MESSAGE_LENGTH])


def _record(findings: Sequence[tuple[int, _Finding]], now: datetime) -> None:
    with write_transaction() as session:
        rows = [
            {
                "id": task_id,
                "preflight_at": now,
                "preflight_reason": finding.reason,
                "preflight_message": finding.message,
            }
            for task_id, finding in findings
        ]
        kept = set(session.scalars(select(Task.id).where(Task.id.in_([t for t, _ in findings]))))
        session.execute(update(Task), [row for row in rows if row["id"] in kept])
        bump_revision(session)
