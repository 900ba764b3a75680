"""The API's shapes of what was used and spent. Money is a decimal string, unknown is null."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from ..domain.budgets import Scope
from ..domain.costs import plain
from ..queries.budgets import BudgetState
from ..queries.forecast import Forecast
from ..queries.usage import Figures, Group, GroupBy


def figures_out(figures: Figures) -> dict[str, Any]:
    """Sums; `cost` is of what has a price."""
    return {
        "runs": figures.runs,
        "input_tokens": figures.input_tokens,
        "output_tokens": figures.output_tokens,
        "cost": plain(figures.cost),
        "unpriced_runs": figures.unpriced,
        "estimated_runs": figures.estimated,
        "reserved_tokens": figures.reserved_tokens,
        "reserved_cost": plain(figures.reserved_cost),
    }


def group_out(by: GroupBy, group: Group) -> dict[str, Any]:
    """One day, task, account or model. A task or an account without a name has been deleted;
    `account_id` null is an endpoint of a task's own."""
    key: dict[str, Any] = {}
    if by is GroupBy.DAY and isinstance(group.key, date):
        key = {"day": group.key.isoformat()}
    elif by is GroupBy.TASK:
        key = {"task_id": group.key, "task": group.name}
    elif by is GroupBy.ACCOUNT:
        key = {"account_id": group.key or None, "account": group.name}
    else:
        key = {"model": group.key or None}
    return {**key, **figures_out(group.figures)}


def forecast_out(found: Forecast) -> dict[str, Any]:
    """What the month will have cost; `unknown_tasks` are not in it."""
    return {
        "from": found.first.isoformat(),
        "to": found.last.isoformat(),
        "total": plain(found.total),
        "spent": plain(found.spent.cost),
        "unpriced_runs": found.spent.unpriced,
        "to_come": plain(found.to_come),
        "runs_to_come": found.runs,
        "unknown_tasks": [
            {"task_id": task.task_id, "task": task.name, "runs_to_come": task.runs}
            for task in found.unknown
        ],
    }


def budget_out(state: BudgetState) -> dict[str, Any]:
    """How far a budget is used: tokens as numbers, dollars as strings."""
    return {
        "scope": state.scope,
        "id": None if state.scope is Scope.INSTANCE else state.id,
        "name": state.name,
        "period": state.period,
        "unit": state.unit,
        "cap": _amount(state.cap),
        "spent": _amount(state.spent),
        "reserved": _amount(state.reserved),
        "over": _amount(state.over),
        "share": round(state.share, 6),
    }


def _amount(value: int | Decimal) -> int | str | None:
    return plain(value) if isinstance(value, Decimal) else value
