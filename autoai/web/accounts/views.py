"""Accounts: the list, the form, a small call to try one out, and their end."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from ...domain.errors import Conflict, Invalid
from ...models import Account
from ...queries.account_list import account_names, page_of_accounts
from ...queries.state import current_revision
from ...runtime import runtime
from ...services import accounts as service
from ...services.connections import account_connection
from ..formats import sentences
from ..forms import SUMMARIES, whole_number
from ..htmx import done, hx_redirect, is_htmx, nothing_new, render, unchanged
from ..pagination import Page, page_number, search_text
from ..templating import stamp_of
from ..urls import own_path
from .asking import Offer, Trial, models_typed, tried
from .forms import AccountForm, edit_form, new_form

accounts = Blueprint("accounts", __name__)
PER_PAGE = 50
_COUNTS_DOWN = "-slow"


@accounts.get("/accounts")
def index() -> ResponseReturnValue:
    """All accounts by name."""
    now, zone = runtime().ports.clock.now(), runtime().settings.zone
    stamp = f"{stamp_of(current_revision(), now, zone)}-{now:%H%M}"
    if unchanged(stamp):
        return nothing_new()
    text, number = search_text(request.args.get("q")), page_number(request.args.get("page"))
    rows, more = page_of_accounts(text or None, now, number, PER_PAGE)
    slow = any(row.slow_until for row in rows)  # how long it still lasts changes by itself
    return render(
        "accounts/index.html",
        "accounts/_list.html" if "seen" in request.args else "accounts/_found.html",
        stamp=stamp + (_COUNTS_DOWN if slow else ""),
        rows=rows,
        text=text,
        page=Page("/accounts", [("q", text)] if text else [], number, more),
    )


@accounts.route("/accounts/new", methods=["GET", "POST"])
def new() -> ResponseReturnValue:
    """Make an account; or, with `fetch`, only ask for the models of what has been typed so far."""
    if request.method == "GET":
        return _form_page(new_form())
    form = AccountForm(request.form)
    if "summaries" in request.args:
        return render(SUMMARIES, SUMMARIES, folds=form.folds(), action=request.path)
    if "fetch" in request.form:
        return _form_page(form, offer=models_typed(form.values(), None))
    try:
        account = service.create_account(runtime().ports, form.values())
    except Invalid as error:
        form.show_errors(error.errors)
        return _form_page(form, status=422)
    flash(_("“%(name)s” was created. Try it out below.", name=account.name), "success")
    return hx_redirect(f"/accounts/{account.id}/edit")


@accounts.route("/accounts/<int:account_id>/edit", methods=["GET", "POST"])
def edit(account_id: int) -> ResponseReturnValue:
    """Change an account; or, with `fetch`, only ask for the models of what has been typed so far."""
    account = service.get_account(account_id)
    if request.method == "GET":
        return _form_page(edit_form(account), account)
    form = AccountForm(request.form)
    if "summaries" in request.args:
        return render(SUMMARIES, SUMMARIES, folds=form.folds(), action=request.path)
    if "fetch" in request.form:
        offer = models_typed(form.values(), account_connection(account))
        return _form_page(form, account, offer=offer)
    try:
        account = service.update_account(runtime().ports, account_id, form.values(), partial=False)
    except Invalid as error:
        form.show_errors(error.errors)
        return _form_page(form, account, 422)
    flash(_("“%(name)s” was saved.", name=account.name), "success")
    return hx_redirect("/accounts")


@accounts.post("/accounts/<int:account_id>/test")
def try_out(account_id: int) -> ResponseReturnValue:
    """One small call through what is stored."""
    account = service.get_account(account_id)
    model = search_text(request.form.get("model"))
    return render(
        "accounts/test.html",
        "accounts/_test.html",
        account=account,
        model=model,
        trial=tried(account, model or account.default_model),
    )


@accounts.post("/accounts/<int:account_id>/toggle")
def toggle(account_id: int) -> ResponseReturnValue:
    """Switch an account on or off, as the field `enabled` says; without it, to the other side."""
    account, wanted = service.get_account(account_id), request.form.get("enabled")
    account = service.set_enabled(
        runtime().ports, account_id, not account.enabled if wanted is None else bool(wanted)
    )
    if account.enabled:
        message = _("“%(name)s” is on.", name=account.name)
    else:
        message = _("“%(name)s” is off: its tasks do not run.", name=account.name)
    if is_htmx():
        return done(message, "list")
    flash(message, "success")
    return redirect(own_path(request.form.get("next")) or "/accounts", 303)


@accounts.route("/accounts/<int:account_id>/delete", methods=["GET", "POST"])
def delete(account_id: int) -> ResponseReturnValue:
    """Ask; then delete. While tasks use it, they must be moved to another account."""
    account = service.get_account(account_id)
    if request.method == "GET":
        return _delete_page(account)
    move_to = whole_number(request.form.get("move_to"))
    name = account.name
    try:
        service.delete_account(
            runtime().ports, account_id, move_to if isinstance(move_to, int) else None
        )
    except Invalid as error:
        return _delete_page(account, sentences(error.errors["move_to"]), 422)
    except Conflict as error:
        return _delete_page(account, str(error), 409)
    flash(_("“%(name)s” was deleted.", name=name), "success")
    return hx_redirect("/accounts")


def _delete_page(account: Account, error: str = "", status: int = 200) -> ResponseReturnValue:
    return render(
        "accounts/delete.html",
        "accounts/_delete.html",
        status,
        account=account,
        tasks=service.count_tasks(account.id),
        others=[(id, name) for id, name in account_names() if id != account.id],
        error=error,
    )


def _form_page(
    form: AccountForm,
    account: Account | None = None,
    status: int = 200,
    offer: Offer | None = None,
) -> ResponseReturnValue:
    return render(
        "accounts/edit.html",
        "accounts/_form.html" if offer is None else "shared/_offer.html",
        422 if offer and offer.error else status,
        form=form,
        account=account,
        action=request.path,
        folds=form.folds(),
        offer=offer,
        trial=Trial(),
    )
