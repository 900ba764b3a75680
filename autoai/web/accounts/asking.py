"""Asking an endpoint while a form is filled: which models it has, and whether it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flask_babel import gettext as _

from ...domain.errors import Conflict, Invalid, KeyUnreadable, TooMany
from ...models import Account
from ...runtime import runtime
from ...services import probes
from ...services.connections import StoredConnection, account_connection, open_connection
from ...services.probes import Probe
from .. import words
from ..formats import sentences


@dataclass(frozen=True)
class Offer:
    """The models that an endpoint says it has, or what was in the way of asking."""

    models: list[str] = field(default_factory=list)
    error: str = ""


def models_typed(values: Mapping[str, Any], stored: StoredConnection | None) -> Offer:
    """The models of an endpoint that is being typed. `stored` lends its key to its own host only."""
    here = runtime()
    try:
        provider, connection = probes.typed_connection(here.ports, values, stored)
        return Offer(probes.list_models(here.ports, here.providers, provider, connection))
    except Invalid as error:
        return Offer(error=sentences(text for texts in error.errors.values() for text in texts))
    except (Conflict, TooMany, KeyUnreadable) as error:
        return Offer(error=_said(error))


def models_of(account: Account) -> Offer:
    """The models of a stored account."""
    here = runtime()
    stored = account_connection(account)
    try:
        connection = open_connection(here.ports, stored)
        return Offer(probes.list_models(here.ports, here.providers, stored.provider, connection))
    except (Conflict, TooMany, KeyUnreadable) as error:
        return Offer(error=_said(error))


@dataclass(frozen=True)
class Trial:
    """A small call and how it went; `error` where none could be made."""

    probe: Probe | None = None
    error: str = ""


def tried(account: Account, model: str | None) -> Trial:
    """One small call through an account."""
    if not model:
        return Trial(error=_("Say which model: the account has no default one."))
    here = runtime()
    stored = account_connection(account)
    try:
        return Trial(probes.try_connection(here.ports, here.providers, stored, model))
    except (TooMany, KeyUnreadable) as error:
        return Trial(error=_said(error))


def _said(error: Conflict | TooMany | KeyUnreadable) -> str:
    if isinstance(error, TooMany):
        return _(
            "Too much is being asked already, or a limit is reached. Try again in %(seconds)s s.",
            seconds=error.retry_after,
        )
    return (
        str(words.REASONS["key_unreadable"][0]) if isinstance(error, KeyUnreadable) else str(error)
    )
