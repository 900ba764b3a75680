"""The tables. One file per aggregate; imported here so that migrations see them all."""

from .database import (
    DbSession,
    bump_revision,
    ensure_file,
    holds_encrypted_rows,
    prepare_engine,
    write_transaction,
)
from .run import Attempt, Run, RunText
from .state import InstanceState
from .task import Task, make_schedule
from .user import ApiToken, LoginFailure, LoginSession, User

__all__ = [
    "ApiToken",
    "Attempt",
    "DbSession",
    "InstanceState",
    "LoginFailure",
    "LoginSession",
    "Run",
    "RunText",
    "Task",
    "User",
    "bump_revision",
    "ensure_file",
    "holds_encrypted_rows",
    "make_schedule",
    "prepare_engine",
    "write_transaction",
]
