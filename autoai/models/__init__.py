"""The tables. One file per aggregate; imported here so that migrations see them all."""

from .account import Account, Throttle, UnstreamedModel, account_key
from .budgeted import BUDGET_COLUMNS, Budgeted
from .database import (
    LARGEST_ID,
    DbSession,
    bump_revision,
    ensure_file,
    find,
    holds_encrypted_rows,
    prepare_engine,
    table,
    uncascaded_transaction,
    write_transaction,
)
from .prompt import Baseline, PromptTemplate, PromptVersion, TaskSecret
from .run import (
    DEAR,
    DURATION_MS,
    IS_CHANGED,
    IS_DEGRADED,
    IS_UNSCHEDULED,
    SLOW,
    Attempt,
    Run,
    RunText,
    of_tasks,
)
from .spending import NOTHING_SPENT, Spent, month_of, read_spending, spending_by
from .state import IdempotencyKey, InstanceState, Outage, OutageDecision, SavedView
from .statistics import DailyTotal, HourlyTiming, HourlyTotal, StatusTotal, UsageTotal
from .task import RULE_COLUMNS, Task, TaskTag, make_blackouts, make_schedule
from .types import NOW, Money
from .user import ApiToken, LoginFailure, LoginSession, User

__all__ = [
    "BUDGET_COLUMNS",
    "DEAR",
    "DURATION_MS",
    "IS_CHANGED",
    "IS_DEGRADED",
    "IS_UNSCHEDULED",
    "LARGEST_ID",
    "NOTHING_SPENT",
    "NOW",
    "RULE_COLUMNS",
    "SLOW",
    "Account",
    "ApiToken",
    "Attempt",
    "Baseline",
    "Budgeted",
    "DailyTotal",
    "DbSession",
    "HourlyTiming",
    "HourlyTotal",
    "IdempotencyKey",
    "InstanceState",
    "LoginFailure",
    "LoginSession",
    "Money",
    "Outage",
    "OutageDecision",
    "PromptTemplate",
    "PromptVersion",
    "Run",
    "RunText",
    "SavedView",
    "Spent",
    "StatusTotal",
    "Task",
    "TaskSecret",
    "TaskTag",
    "Throttle",
    "UnstreamedModel",
    "UsageTotal",
    "User",
    "account_key",
    "bump_revision",
    "ensure_file",
    "find",
    "holds_encrypted_rows",
    "make_blackouts",
    "make_schedule",
    "month_of",
    "of_tasks",
    "prepare_engine",
    "read_spending",
    "spending_by",
    "table",
    "uncascaded_transaction",
    "write_transaction",
]
