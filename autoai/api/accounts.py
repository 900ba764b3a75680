"""/api/accounts"""

from __future__ import annotations

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from ..domain.errors import Invalid
from ..models import Account
from ..queries.account_list import accounts_after, slow_until
from ..runtime import runtime
from ..services import accounts as service
from ..services import probes
from ..services.connections import account_connection, open_connection
from .errors import register_errors
from .requests import read_body, read_id, read_page
from .schemas import ACCOUNT_ANSWERED_ONLY, AccountIn, AccountTestIn, account_out, probe_out

accounts = Blueprint("api_accounts", __name__)
register_errors(accounts)


@accounts.get("/accounts")
def index() -> ResponseReturnValue:
    limit, cursor = read_page()
    rows, following = accounts_after(limit, cursor, request.args.get("q", "").strip() or None)
    return jsonify(
        items=[_out(account) for account in rows],
        next_cursor=str(following) if following else None,
    )


@accounts.post("/accounts")
def create() -> ResponseReturnValue:
    values = read_body(AccountIn, ACCOUNT_ANSWERED_ONLY).model_dump(exclude_unset=True)
    account = service.create_account(runtime().ports, values)
    return jsonify(_out(account)), 201, {"Location": f"/api/accounts/{account.id}"}


@accounts.get("/accounts/<int:account_id>")
def read(account_id: int) -> ResponseReturnValue:
    return jsonify(_out(service.get_account(account_id)))


@accounts.put("/accounts/<int:account_id>")
def replace(account_id: int) -> ResponseReturnValue:
    return _update(account_id, partial=False)


@accounts.patch("/accounts/<int:account_id>")
def change(account_id: int) -> ResponseReturnValue:
    return _update(account_id, partial=True)


@accounts.delete("/accounts/<int:account_id>")
def delete(account_id: int) -> ResponseReturnValue:
    service.delete_account(runtime().ports, account_id, read_id("move_to"))
    return "", 204


@accounts.post("/accounts/<int:account_id>/test")
def try_out(account_id: int) -> ResponseReturnValue:
    account = service.get_account(account_id)
    model = read_body(AccountTestIn).model or account.default_model
    if not model:
        raise Invalid({"model": [_("Say which model: the account has no default one.")]})
    here = runtime()
    stored = account_connection(account)
    return jsonify(probe_out(probes.try_connection(here.ports, here.providers, stored, model)))


@accounts.get("/accounts/<int:account_id>/models")
def models(account_id: int) -> ResponseReturnValue:
    here = runtime()
    stored = account_connection(service.get_account(account_id))
    connection = open_connection(here.ports, stored)
    found = probes.list_models(here.ports, here.providers, stored.provider, connection)
    return jsonify(items=found)


@accounts.post("/accounts/<int:account_id>/start")
def start(account_id: int) -> ResponseReturnValue:
    return jsonify(_out(service.set_enabled(runtime().ports, account_id, True)))


@accounts.post("/accounts/<int:account_id>/stop")
def stop(account_id: int) -> ResponseReturnValue:
    return jsonify(_out(service.set_enabled(runtime().ports, account_id, False)))


def _update(account_id: int, *, partial: bool) -> ResponseReturnValue:
    values = read_body(AccountIn, ACCOUNT_ANSWERED_ONLY).model_dump(exclude_unset=True)
    account = service.update_account(runtime().ports, account_id, values, partial=partial)
    return jsonify(_out(account))


def _out(account: Account) -> dict[str, object]:
    slow = slow_until([account.limit_key], runtime().ports.clock.now())
    return account_out(account, slow.get(account.limit_key))
