"""Rows by their ids, as a person or a program named them: `NotFound` in the reader's language."""

from __future__ import annotations

from flask_babel import gettext as _
from sqlalchemy import select

from ..domain.errors import NotFound
from ..models import Account, DbSession, Run, Task, find


def existing_task(session: DbSession, task_id: int) -> Task:
    """The task; `NotFound` where there is none."""
    task = find(session, Task, task_id)
    if task is None:
        raise NotFound(_("There is no task %(id)s.", id=task_id))
    return task


def existing_run(session: DbSession, run_id: int) -> Run:
    """The run; `NotFound` where there is none."""
    run = find(session, Run, run_id)
    # Runs of a deleted task may still be there for a while.
    if run is None or session.scalar(select(Task.id).where(Task.id == run.task_id)) is None:
        raise NotFound(_("There is no run %(id)s.", id=run_id))
    return run


def existing_account(session: DbSession, account_id: int) -> Account:
    """The account; `NotFound` where there is none."""
    account = find(session, Account, account_id)
    if account is None:
        raise NotFound(_("There is no account %(id)s.", id=account_id))
    return account
