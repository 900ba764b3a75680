"""What fast screens stand on: an index for every filter of the log, totals by the hour, and search."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_DURATION = "(julianday(finished_at) - julianday(started_at)) * 86400000"
_OLD = {
    "ix_runs_due_at_status": (["due_at", "status"], None),
    "ix_runs_task_id_due_at_status": (["task_id", "due_at", "status"], None),
    "ix_runs_started_at_status": (["started_at", "status"], None),
    "ix_runs_degraded": (["id", "started_at"], "verdict = 'degraded'"),
    "ix_runs_changed": (["id"], "changed"),
}
_NEW = {
    "ix_runs_due_at": (["due_at"], None),
    "ix_runs_started_at": (["started_at"], "started_at IS NOT NULL"),
    "ix_runs_status_due_at": (["status", "due_at"], None),
    "ix_runs_task_id_due_at": (["task_id", "due_at"], None),
    "ix_runs_account_id_due_at": (["account_id", "due_at"], "account_id IS NOT NULL"),
    "ix_runs_model_due_at": (["model", "due_at"], "model IS NOT NULL"),
    "ix_runs_reason_due_at": (["reason", "due_at"], "reason IS NOT NULL"),
    "ix_runs_source_due_at": (["source", "due_at"], "source <> 'schedule'"),
    "ix_runs_degraded": (["due_at"], "verdict = 'degraded'"),
    "ix_runs_changed": (["due_at"], "changed"),
    "ix_runs_slow_10s": (["due_at"], f"{_DURATION} >= 9999"),
    "ix_runs_slow_60s": (["due_at"], f"{_DURATION} >= 59999"),
    "ix_runs_cost_1c": (["due_at"], "cost >= 10000000000"),
    "ix_runs_cost_1d": (["due_at"], "cost >= 1000000000000"),
}


def _change(old: dict, new: dict) -> None:
    for name in old:
        op.drop_index(name, "runs")
    for name, (columns, where) in new.items():
        condition = sa.text(where) if where else None
        op.create_index(name, "runs", columns, sqlite_where=condition, postgresql_where=condition)


def upgrade() -> None:
    _change(_OLD, _NEW)
    op.create_table(
        "hourly_totals",
        sa.Column("hour", sa.DateTime(), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("due", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("due_degraded", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("started", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("started_degraded", sa.Integer(), nullable=False, server_default="0"),
        sa.PrimaryKeyConstraint("hour", "status", name=op.f("pk_hourly_totals")),
    )
    op.create_table(
        "hourly_timings",
        sa.Column("hour", sa.DateTime(), nullable=False),
        sa.Column("measure", sa.String(16), nullable=False),
        sa.Column("bucket", sa.Integer(), nullable=False),
        sa.Column("runs", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("hour", "measure", "bucket", name=op.f("pk_hourly_timings")),
    )
    op.create_table(
        "saved_views",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("query", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_saved_views")),
        sa.UniqueConstraint("name", name=op.f("uq_saved_views_name")),
    )
    with op.batch_alter_table("instance_state") as batch:
        batch.add_column(
            sa.Column("hours_counted", sa.Boolean(), nullable=False, server_default="0")
        )
        batch.add_column(
            sa.Column("unindexed_below", sa.Integer(), nullable=False, server_default="0")
        )
    op.execute(
        "UPDATE instance_state"
        " SET unindexed_below = (SELECT coalesce(max(run_id) + 1, 0) FROM run_texts)"
    )
    op.execute(
        "CREATE VIRTUAL TABLE run_search USING fts5("
        "words, tokenize = 'unicode61 remove_diacritics 2', columnsize = 0)"
    )
    # Whatever removes a run's texts, a cascade included, takes its words out of the index.
    op.execute(
        "CREATE TRIGGER run_texts_unindexed AFTER DELETE ON run_texts"
        " BEGIN DELETE FROM run_search WHERE rowid = old.run_id; END"
    )


def downgrade() -> None:
    op.execute("DROP TRIGGER run_texts_unindexed")
    op.execute("DROP TABLE run_search")
    with op.batch_alter_table("instance_state") as batch:
        batch.drop_column("unindexed_below")
        batch.drop_column("hours_counted")
    op.drop_table("saved_views")
    op.drop_table("hourly_timings")
    op.drop_table("hourly_totals")
    _change(_NEW, _OLD)
