"""The tables. One file per aggregate; imported here so that migrations see them all."""

from .account import Account, Throttle, UnstreamedModel, account_key
from .database import (
    LARGEST_ID,
    DbSession,
    bump_revision,
    ensure_file,
    find,
    holds_encrypted_rows,
    prepare_engine,
    table,
    write_transaction,
)
from .run import Attempt, Run, RunText
from .state import IdempotencyKey, InstanceState, Outage, OutageDecision
from .statistics import DailyTotal
from .task import RULE_COLUMNS, Task, TaskTag, make_blackouts, make_schedule
from .types import NOW, Money
from .user import ApiToken, LoginFailure, LoginSession, User

__all__ = [
    "LARGEST_ID",
    "NOW",
    "RULE_COLUMNS",
    "Account",
    "ApiToken",
    "Attempt",
    "DailyTotal",
    "DbSession",
    "IdempotencyKey",
    "InstanceState",
    "LoginFailure",
    "LoginSession",
    "Money",
    "Outage",
    "OutageDecision",
    "Run",
    "RunText",
    "Task",
    "TaskTag",
    "Throttle",
    "UnstreamedModel",
    "User",
    "account_key",
    "bump_revision",
    "ensure_file",
    "find",
    "holds_encrypted_rows",
    "make_blackouts",
    "make_schedule",
    "prepare_engine",
    "table",
    "write_transaction",
]
