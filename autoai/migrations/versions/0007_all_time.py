"""Totals of all time beside those of the hours, and hours that are read in one go.

The log without a filter need not add up years. And a stretch of hours lies together in a table that
is its own index: SQLite reads it in half the time.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_ADD = (
    "INSERT INTO status_totals (status, due, due_degraded)"
    " VALUES (NEW.status, NEW.due, NEW.due_degraded)"
    " ON CONFLICT (status) DO UPDATE SET due = due + excluded.due,"
    " due_degraded = due_degraded + excluded.due_degraded;"
)
_TAKE = (
    "UPDATE status_totals SET due = due - OLD.due, due_degraded = due_degraded - OLD.due_degraded"
    " WHERE status = OLD.status;"
)
_TRIGGERS = {
    "hourly_totals_added": ("INSERT", _ADD),
    "hourly_totals_changed": ("UPDATE OF status, due, due_degraded", _TAKE + _ADD),
    "hourly_totals_removed": ("DELETE", _TAKE),
}


_HOURLY = {
    "hourly_totals": "hour DATETIME NOT NULL, status VARCHAR(16) NOT NULL,"
    " due INTEGER DEFAULT '0' NOT NULL, due_degraded INTEGER DEFAULT '0' NOT NULL,"
    " started INTEGER DEFAULT '0' NOT NULL, started_degraded INTEGER DEFAULT '0' NOT NULL,"
    " CONSTRAINT pk_hourly_totals PRIMARY KEY (hour, status)",
    "hourly_timings": "hour DATETIME NOT NULL, measure VARCHAR(16) NOT NULL,"
    " bucket INTEGER NOT NULL, runs INTEGER NOT NULL,"
    " CONSTRAINT pk_hourly_timings PRIMARY KEY (hour, measure, bucket)",
}


def _rewrite_hours(kind: str) -> None:
    for name, columns in _HOURLY.items():
        op.execute(f"ALTER TABLE {name} RENAME TO old_{name}")
        op.execute(f"CREATE TABLE {name} ({columns}) {kind}")
        op.execute(f"INSERT INTO {name} SELECT * FROM old_{name}")  # noqa: S608 - names of ours
        op.execute(f"DROP TABLE old_{name}")


def upgrade() -> None:
    _rewrite_hours("WITHOUT ROWID")
    op.create_table(
        "status_totals",
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("due", sa.Integer(), nullable=False),
        sa.Column("due_degraded", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("status", name=op.f("pk_status_totals")),
    )
    op.execute(
        "INSERT INTO status_totals (status, due, due_degraded)"
        " SELECT status, sum(due), sum(due_degraded) FROM hourly_totals GROUP BY status"
    )
    for name, (when, body) in _TRIGGERS.items():
        op.execute(f"CREATE TRIGGER {name} AFTER {when} ON hourly_totals BEGIN {body} END")


def downgrade() -> None:
    for name in _TRIGGERS:
        op.execute(f"DROP TRIGGER {name}")
    op.drop_table("status_totals")
    _rewrite_hours("")
