"""/api/usage: what was used and spent, what the month will cost, how far budgets are used."""

from __future__ import annotations

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from ..domain.errors import Invalid
from ..queries.budgets import budget_states
from ..queries.forecast import forecast
from ..queries.usage import GroupBy, usage_by, usage_in
from ..runtime import runtime
from .errors import register_errors
from .requests import read_days
from .usage_schemas import budget_out, figures_out, forecast_out, group_out

usage = Blueprint("api_usage", __name__)
register_errors(usage)


@usage.get("/usage")
def index() -> ResponseReturnValue:
    rt = runtime()
    days = read_days(rt.ports.clock.now().astimezone(rt.settings.zone).date())
    by = _group_by()
    return jsonify(
        {
            "from": days.first.isoformat(),
            "to": days.last.isoformat(),
            "group_by": by,
            "items": [group_out(by, group) for group in usage_by(by, days).groups],
            "total": figures_out(usage_in(days)),
        }
    )


@usage.get("/usage/forecast")
def of_the_month() -> ResponseReturnValue:
    rt = runtime()
    return jsonify(forecast_out(forecast(rt.ports.clock.now(), rt.settings.zone)))


@usage.get("/usage/budgets")
def budgets() -> ResponseReturnValue:
    rt = runtime()
    states = budget_states(rt.ports.clock.now(), rt.settings.zone)
    return jsonify(items=[budget_out(state) for state in states])


def _group_by() -> GroupBy:
    text = request.args.get("group_by", "").strip() or GroupBy.DAY
    if text not in set(GroupBy):
        raise Invalid({"group_by": [_("Choose one of: %(choices)s.", choices=", ".join(GroupBy))]})
    return GroupBy(text)
