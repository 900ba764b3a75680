"""How migrations run, through Flask-Migrate: in one transaction, on the app's own engine.

Foreign keys are off meanwhile: on SQLite a column is changed by copying its table, and dropping the
old one would delete, by cascade, every row that points to it.
"""

from __future__ import annotations

from typing import Any

from alembic import context
from alembic.autogenerate.api import AutogenContext
from flask import current_app
from sqlalchemy import Engine

from autoai.models.types import UtcDateTime


def _render(kind: str, item: Any, _context: AutogenContext) -> str | bool:
    """Migrations stand by themselves: they name no type of ours that may change later."""
    return "sa.DateTime()" if kind == "type" and isinstance(item, UtcDateTime) else False


def _is_model(name: str | None, kind: str, _parents: Any) -> bool:
    """The search index is a virtual table with tables of its own, made by hand: no model."""
    return not (kind == "table" and (name or "").startswith("run_search"))


def _migrate(engine: Engine) -> None:
    extension = current_app.extensions["migrate"]
    with engine.connect() as connection:
        raw: Any = connection.connection.dbapi_connection
        raw.execute("PRAGMA foreign_keys = OFF")  # has no effect inside a transaction
        try:
            connection.execution_options(autoai_write=True)
            context.configure(
                connection=connection,
                target_metadata=extension.db.metadata,
                transactional_ddl=True,
                render_item=_render,
                include_name=_is_model,
                **extension.configure_args,
            )
            with context.begin_transaction():
                context.run_migrations()
        finally:
            raw.execute("PRAGMA foreign_keys = ON")


_migrate(current_app.extensions["migrate"].db.engine)
