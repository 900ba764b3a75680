"""What a person keeps of the log's looks: views under a name, and the columns."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Blueprint, flash, redirect, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from werkzeug.datastructures import MultiDict

from ...domain.errors import Invalid
from ...runtime import runtime
from ...services import saved_views as service
from ..formats import sentences
from ..urls import own_path
from .columns import COOKIE, DEFAULT, known, read_columns
from .filters import LogFilter
from .listing import Saving, address, log_page, query_of

saved = Blueprint("saved", __name__)
_A_YEAR = 365 * 24 * 3600


@saved.post("/logs/views")
def save() -> ResponseReturnValue:
    """Keep the filter that is shown, with its columns, under a name."""
    query, name = _normal(query_of(request.form.get("query", ""))), request.form.get("name", "")
    try:
        view_id = service.save_view(runtime().ports, name, query)
    except Invalid as error:
        return log_page(None, Saving(name, _sentences(error)))
    flash(_("The view “%(name)s” is saved.", name=" ".join(name.split())), "success")
    return _to(view_id, query)


@saved.post("/logs/views/<int:view_id>")
def change(view_id: int) -> ResponseReturnValue:
    """Rename a view, let it stand for the filter that is shown, or delete it."""
    query = _normal(query_of(request.form.get("query", "")))
    action, name = request.form.get("action"), request.form.get("name", "")
    if action == "delete":
        flash(_("The view “%(name)s” is deleted.", name=service.delete_view(view_id)), "success")
        return redirect(address("/logs", list(query_of(query).items(multi=True))), 303)
    try:
        if action == "over":
            called = service.change_view(view_id, query)
        else:
            called = service.rename_view(view_id, name)
    except Invalid as error:
        return log_page(None, Saving(name, _sentences(error), view_id))
    flash(_("The view “%(name)s” is saved.", name=called), "success")
    return _to(view_id, query)


@saved.post("/logs/columns")
def columns() -> ResponseReturnValue:
    """Remember which columns this browser shows; without any, the usual ones."""
    chosen = known(request.form.getlist("columns"))
    parts = urlsplit(own_path(request.form.get("next")) or "/logs")
    pairs = list(query_of(parts.query).items(multi=True))
    if request.form.get("reset"):
        chosen = ()
    if chosen and any(name == "columns" for name, _text in pairs):
        pairs = [(n, ",".join(chosen) if n == "columns" else text) for n, text in pairs]
    else:
        pairs = [(name, text) for name, text in pairs if name != "columns"]
    answer = redirect(address(parts.path, pairs), 303)
    answer.set_cookie(
        COOKIE,
        ",".join(chosen or DEFAULT),
        max_age=_A_YEAR,
        secure=request.is_secure,
        httponly=True,
        samesite="Lax",
    )
    return answer


def _sentences(error: Invalid) -> str:
    return sentences(text for texts in error.errors.values() for text in texts)


def _normal(args: MultiDict[str, str]) -> str:
    """What the filter understood of an address, and nothing else."""
    rt = runtime()
    chosen = LogFilter.read(args, rt.ports.clock.now(), rt.settings.zone, None)
    shown = read_columns(args, request.cookies.get(COOKIE), of_one_task=False)
    named = [("columns", shown.text)] if shown.names != DEFAULT or shown.from_address else []
    return address("", [*chosen.query(), *named]).removeprefix("?")


def _to(view_id: int, query: str) -> ResponseReturnValue:
    pairs = list(query_of(query).items(multi=True))
    return redirect(address("/logs", pairs, view=str(view_id)), 303)
