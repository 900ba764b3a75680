"""The same thing done to several runs: those that were chosen, or all that fit the filter."""

from __future__ import annotations

from dataclasses import dataclass, replace

from flask import Blueprint, flash, redirect, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext

from ...domain.errors import Invalid
from ...domain.runs import ACTIVE, Status
from ...queries.run_export import ids_of
from ...queries.run_filter import RunFilter
from ...runtime import runtime
from ...services import bulk_runs as service
from ...services.bulk_runs import Action, Done, Refusal
from ..formats import sentences
from ..htmx import done, is_htmx, render
from ..urls import id_of, own_path
from .filters import LogFilter
from .listing import query_of

bulk = Blueprint("bulk", __name__)


@dataclass(frozen=True)
class Meant:
    """All runs that fit a filter, as they are known when a person is asked."""

    action: str
    query: str
    task_id: int | None
    run_ids: list[int]
    more: bool
    """There are more of them than are done at once."""

    @property
    def newest(self) -> int:
        """What comes later is not meant."""
        return max(self.run_ids, default=0)


@bulk.post("/logs/bulk")
def several() -> ResponseReturnValue:
    """Do it to the chosen runs; where all that fit are meant, ask first."""
    action = request.form.get("action", "")
    if action not in set(Action):
        raise Invalid({"action": [_("Choose what is to be done.")]})
    if not request.form.get("all"):
        ids = [run_id for text in request.form.getlist("ids") if (run_id := id_of(text))]
        return _after(action, service.act_on_runs(runtime().ports, action, ids))
    meant = _meant(action)
    newest = id_of(request.form.get("newest", ""))
    if newest is None:
        return render("logs/bulk.html", "logs/_bulk_ask.html", meant=meant, next=_next())
    wanted = [run_id for run_id in meant.run_ids if run_id <= newest]
    return _after(action, service.act_on_runs(runtime().ports, action, wanted))


def _meant(action: str) -> Meant:
    rt = runtime()
    query, task_id = request.form.get("filter", ""), id_of(request.form.get("task", ""))
    now = rt.ports.clock.now()
    chosen = LogFilter.read(query_of(query), now, rt.settings.zone, task_id)
    if chosen.errors:
        raise Invalid(chosen.errors)
    wanted = _possible(action, chosen.wanted)
    found = ids_of(wanted, service.MOST + 1) if wanted else []
    return Meant(action, query, task_id, found[: service.MOST], len(found) > service.MOST)


def _possible(action: str, wanted: RunFilter) -> RunFilter | None:
    """Only those to which it can be done; None where there cannot be any."""
    able = ACTIVE if action == Action.CANCEL else frozenset(Status) - ACTIVE
    statuses = (wanted.statuses or frozenset(Status)) & able
    return replace(wanted, statuses=frozenset(statuses)) if statuses else None


def _after(action: str, result: Done) -> ResponseReturnValue:
    category, message = "success" if result.count else "error", _told(action, result)
    if is_htmx():
        return done(message, "runs", category)
    flash(message, category)
    return redirect(_next(), 303)


def _next() -> str:
    return own_path(request.form.get("next")) or "/logs"


def _told(action: str, result: Done) -> str:
    """What was done, and what was not."""
    count = result.count
    if action == Action.CANCEL:
        told = [ngettext("%(num)s run is cancelled.", "%(num)s runs are cancelled.", count)]
    else:
        told = [ngettext("%(num)s run was started.", "%(num)s runs were started.", count)]
    if not count:
        told = [] if result.refused else [_("No run was chosen.")]
    told += [_refused(why, left) for why, left in result.refused.items()]
    return sentences(told)


def _refused(why: Refusal, count: int) -> str:
    match why:
        case Refusal.OVER:
            return ngettext(
                "%(num)s was left alone: it is over.",
                "%(num)s were left alone: they are over.",
                count,
            )
        case Refusal.NOT_OVER:
            return ngettext(
                "%(num)s was left alone: it is not over yet.",
                "%(num)s were left alone: they are not over yet.",
                count,
            )
        case Refusal.SEVERAL:
            return ngettext(
                "%(num)s was left alone: it stands for several due times.",
                "%(num)s were left alone: they stand for several due times.",
                count,
            )
        case _:
            return ngettext(
                "%(num)s is not there any more.", "%(num)s are not there any more.", count
            )
