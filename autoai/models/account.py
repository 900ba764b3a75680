"""An account: a saved endpoint with its key and its limits, at a provider."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from sqlalchemy import JSON, Index, String, Text, func, text
from sqlalchemy.orm import Mapped, mapped_column

from ..domain.costs import Rates
from ..domain.limits import Limits
from ..extensions import Model
from .budgeted import Budgeted
from .types import UtcDateTime


class Account(Budgeted, Model):
    """One row per account. What is secret in it is encrypted, and bound to the row by `secret_id`."""

    __tablename__ = "accounts"
    __table_args__ = (
        # People tell accounts apart by their names.
        Index("ix_accounts_lower_name", func.lower(text("name")), unique=True),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    provider: Mapped[str] = mapped_column(String(32))
    api_endpoint: Mapped[str] = mapped_column(String(2000))
    secret_id: Mapped[str] = mapped_column(String(32))
    api_key_encrypted: Mapped[str | None] = mapped_column(Text)
    api_key_mask: Mapped[str | None] = mapped_column(String(16))
    default_model: Mapped[str | None] = mapped_column(String(200))
    extra_headers_encrypted: Mapped[str | None] = mapped_column(Text)
    """A JSON object: names and values."""
    extra_header_masks: Mapped[dict[str, str] | None] = mapped_column(JSON(none_as_null=True))
    """The same names, and what is shown of the values."""
    proxy_encrypted: Mapped[str | None] = mapped_column(Text)
    proxy_mask: Mapped[str | None] = mapped_column(String(2000))
    """The proxy's URL without its password."""
    max_concurrent_calls: Mapped[int | None]
    requests_per_minute: Mapped[int | None]
    tokens_per_minute: Mapped[int | None]
    prices: Mapped[dict[str, dict[str, str]] | None] = mapped_column(JSON(none_as_null=True))
    """Its own prices by model: {"*": {"input": "0.15", "output": "0.60"}}, dollars for a million
    tokens. "*" is every model that is not named."""
    disabled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """Since when its tasks are skipped; null while it is enabled."""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)

    @property
    def enabled(self) -> bool:
        """May its tasks run?"""
        return self.disabled_at is None

    @property
    def rates(self) -> dict[str, Rates]:
        """Its own prices, by model."""
        return {
            model: Rates(**{name: Decimal(rate) for name, rate in rates.items()})
            for model, rates in (self.prices or {}).items()
        }

    @property
    def limit_key(self) -> str:
        """What its limits are counted under."""
        return account_key(self.id)

    @property
    def limits(self) -> Limits:
        """How much may be sent through it."""
        return Limits(self.max_concurrent_calls, self.requests_per_minute, self.tokens_per_minute)


def account_key(account_id: int) -> str:
    """What the limits of an account are counted under."""
    return f"account:{account_id}"


class Throttle(Model):
    """A server asked for patience: nothing under this key is sent before `until`."""

    __tablename__ = "throttles"

    key: Mapped[str] = mapped_column(String(2100), primary_key=True)
    """An account's limit key, or an endpoint's base URL."""
    until: Mapped[datetime] = mapped_column(UtcDateTime)


class UnstreamedModel(Model):
    """A model that refused to stream: it is asked for whole answers from then on."""

    __tablename__ = "unstreamed_models"

    key: Mapped[str] = mapped_column(String(2100), primary_key=True)
    model: Mapped[str] = mapped_column(String(200), primary_key=True)
    since: Mapped[datetime] = mapped_column(UtcDateTime)
