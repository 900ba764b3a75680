"""Accounts, limits, and how to answer."""

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from alembic import op
from alembic.operations import BatchOperations

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_JSON = sa.JSON(none_as_null=True)


def upgrade() -> None:
    op.create_table(
        "accounts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("provider", sa.String(length=32), nullable=False),
        sa.Column("api_endpoint", sa.String(length=2000), nullable=False),
        sa.Column("secret_id", sa.String(length=32), nullable=False),
        sa.Column("api_key_encrypted", sa.Text(), nullable=True),
        sa.Column("api_key_mask", sa.String(length=16), nullable=True),
        sa.Column("default_model", sa.String(length=200), nullable=True),
        sa.Column("extra_headers_encrypted", sa.Text(), nullable=True),
        sa.Column("extra_header_masks", _JSON, nullable=True),
        sa.Column("proxy_encrypted", sa.Text(), nullable=True),
        sa.Column("proxy_mask", sa.String(length=2000), nullable=True),
        sa.Column("max_concurrent_calls", sa.Integer(), nullable=True),
        sa.Column("requests_per_minute", sa.Integer(), nullable=True),
        sa.Column("tokens_per_minute", sa.Integer(), nullable=True),
        sa.Column("disabled_at", sa.DateTime(), nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("updated_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_accounts")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_accounts_lower_name", "accounts", [sa.text("lower(name)")], unique=True)
    op.create_table(
        "throttles",
        sa.Column("key", sa.String(length=2100), nullable=False),
        sa.Column("until", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_throttles")),
    )
    op.create_table(
        "unstreamed_models",
        sa.Column("key", sa.String(length=2100), nullable=False),
        sa.Column("model", sa.String(length=200), nullable=False),
        sa.Column("since", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("key", "model", name=op.f("pk_unstreamed_models")),
    )
    # Added to the table as it stands: a ledger of years is not copied for them.
    for column in ("not_before", "first_token_at"):
        op.add_column("runs", sa.Column(column, sa.DateTime(), nullable=True))
    op.add_column("runs", sa.Column("account_id", sa.Integer(), nullable=True))

    with _copied_tasks() as batch_op:
        batch_op.add_column(sa.Column("account_id", sa.Integer(), nullable=True))
        batch_op.add_column(
            sa.Column("provider", sa.String(length=32), server_default="openai", nullable=False)
        )
        batch_op.add_column(sa.Column("messages", _JSON, nullable=True))
        batch_op.add_column(sa.Column("temperature", sa.Double(), nullable=True))
        batch_op.add_column(sa.Column("max_tokens", sa.Integer(), nullable=True))
        batch_op.add_column(
            sa.Column(
                "response_format", sa.String(length=16), server_default="text", nullable=False
            )
        )
        batch_op.add_column(sa.Column("response_schema", _JSON, nullable=True))
        batch_op.add_column(sa.Column("seed", sa.BigInteger(), nullable=True))
        batch_op.add_column(sa.Column("stop", _JSON, nullable=True))
        batch_op.add_column(sa.Column("extra_body", _JSON, nullable=True))
        batch_op.add_column(sa.Column("stream", sa.Boolean(), server_default="1", nullable=False))
        batch_op.add_column(sa.Column("preflight_at", sa.DateTime(), nullable=True))
        batch_op.add_column(sa.Column("preflight_reason", sa.String(length=32), nullable=True))
        batch_op.add_column(sa.Column("preflight_message", sa.String(length=500), nullable=True))
        batch_op.alter_column("api_endpoint", existing_type=sa.String(length=2000), nullable=True)
        batch_op.alter_column("model", existing_type=sa.String(length=200), nullable=True)
        batch_op.create_index(batch_op.f("ix_tasks_account_id"), ["account_id"], unique=False)
        batch_op.create_foreign_key(
            batch_op.f("fk_tasks_account_id_accounts"),
            "accounts",
            ["account_id"],
            ["id"],
            ondelete="RESTRICT",
        )


def downgrade() -> None:
    op.execute("UPDATE tasks SET api_endpoint = '' WHERE api_endpoint IS NULL")
    op.execute("UPDATE tasks SET model = '' WHERE model IS NULL")
    with _copied_tasks() as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_tasks_account_id_accounts"), type_="foreignkey")
        batch_op.drop_index(batch_op.f("ix_tasks_account_id"))
        batch_op.alter_column("model", existing_type=sa.String(length=200), nullable=False)
        batch_op.alter_column("api_endpoint", existing_type=sa.String(length=2000), nullable=False)
        for column in (
            "preflight_message",
            "preflight_reason",
            "preflight_at",
            "stream",
            "extra_body",
            "stop",
            "seed",
            "response_schema",
            "response_format",
            "max_tokens",
            "temperature",
            "messages",
            "provider",
            "account_id",
        ):
            batch_op.drop_column(column)
    for column in ("account_id", "first_token_at", "not_before"):
        op.drop_column("runs", column)
    op.drop_table("unstreamed_models")
    op.drop_table("throttles")
    op.drop_table("accounts")


@contextmanager
def _copied_tasks() -> Iterator[BatchOperations]:
    """`tasks` made anew: SQLite changes a column's NOT NULL in no other way.

    What is not seen when the table is read is carried over by hand: its index of an expression, and
    the last id that was given, so that no deleted task's id comes back.
    """
    last = op.get_bind().scalar(sa.text("SELECT seq FROM sqlite_sequence WHERE name = 'tasks'"))
    op.drop_index("ix_tasks_lower_name", "tasks")
    with op.batch_alter_table(
        "tasks", recreate="always", table_kwargs={"sqlite_autoincrement": True}
    ) as batch_op:
        yield batch_op
    op.create_index("ix_tasks_lower_name", "tasks", [sa.text("lower(name)")])
    if last is not None:
        op.execute("DELETE FROM sqlite_sequence WHERE name = 'tasks'")
        insert = sa.text("INSERT INTO sqlite_sequence (name, seq) VALUES ('tasks', :seq)")
        op.execute(insert.bindparams(seq=last))
