"""Column types that several tables share."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, BindParameter, DateTime, bindparam
from sqlalchemy.types import TypeDecorator


class UtcDateTime(TypeDecorator[datetime]):
    """An aware instant, stored as UTC to the microsecond; a naive one is refused."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("naive datetime: every instant is aware and in UTC")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:
        return None if value is None else value.replace(tzinfo=UTC)


NOW: BindParameter[datetime] = bindparam("now", type_=UtcDateTime())
"""The parameter `now` of a statement that is built once and asked often. To build one takes
SQLAlchemy longer than SQLite needs for the answer, and the tick has a dozen of them."""


_SMALLEST = Decimal("1e-12")


class Money(TypeDecorator[Decimal]):
    """Dollars, stored as a whole number of millionths of a millionth: SQL adds them up exactly."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Any) -> int | None:
        return None if value is None else int((value / _SMALLEST).to_integral_value())

    def process_result_value(self, value: int | None, dialect: Any) -> Decimal | None:
        return None if value is None else value * _SMALLEST
