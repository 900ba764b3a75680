"""The list of accounts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, or_, select

from ..extensions import db
from ..models import Account, Task, Throttle


@dataclass(frozen=True)
class AccountRow:
    """An account, how many tasks use it, and until when its provider asked for patience."""

    account: Account
    tasks: int
    slow_until: datetime | None


def accounts_after(
    limit: int, cursor: int | None, text: str | None
) -> tuple[Sequence[Account], int | None]:
    """At most `limit` accounts with ids above `cursor`, ascending, and the next cursor."""
    query = select(Account).where(*_matching(text)).order_by(Account.id).limit(limit + 1)
    if cursor is not None:
        query = query.where(Account.id > cursor)
    rows = db.session.scalars(query).all()
    return rows[:limit], rows[limit - 1].id if len(rows) > limit else None


def page_of_accounts(
    text: str | None, now: datetime, page: int, per_page: int
) -> tuple[list[AccountRow], bool]:
    """Page number `page` (from 1) by name, and whether there is a next one."""
    query = select(Account).where(*_matching(text)).order_by(func.lower(Account.name))
    found = db.session.scalars(query.limit(per_page + 1).offset((page - 1) * per_page)).all()
    shown = found[:per_page]
    used = dict(
        db.session.execute(
            select(Task.account_id, func.count())
            .where(Task.account_id.in_([account.id for account in shown]))
            .group_by(Task.account_id)
        ).all()
    )
    slow = slow_until([account.limit_key for account in shown], now)
    rows = [AccountRow(a, used.get(a.id, 0), slow.get(a.limit_key)) for a in shown]
    return rows, len(found) > per_page


def slow_until(keys: Sequence[str], now: datetime) -> dict[str, datetime]:
    """Limit key → until when its provider asked for patience."""
    throttles = select(Throttle).where(Throttle.key.in_(keys), Throttle.until > now)
    return {row.key: row.until for row in db.session.scalars(throttles)}


def account_choices() -> Sequence[Account]:
    """All accounts by name: what a task can choose from."""
    return db.session.scalars(select(Account).order_by(func.lower(Account.name))).all()


def account_names() -> list[tuple[int, str]]:
    """(id, name) of all accounts by name: the choices of a filter."""
    rows = db.session.execute(select(Account.id, Account.name).order_by(func.lower(Account.name)))
    return list(rows.all())


def _matching(text: str | None) -> list[ColumnElement[bool]]:
    if not text:
        return []
    searched = (Account.name, Account.api_endpoint, Account.default_model)
    return [or_(*(column.icontains(text, autoescape=True) for column in searched))]
