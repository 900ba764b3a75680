"""What runs cost."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_JSON = sa.JSON(none_as_null=True)


def upgrade() -> None:
    # Money is a whole number of millionths of a millionth of a dollar. All columns are added to the
    # tables as they stand: a ledger of years is not copied for them.
    op.add_column("runs", sa.Column("cost", sa.BigInteger(), nullable=True))
    op.add_column("runs", sa.Column("price", _JSON, nullable=True))
    op.add_column(
        "runs", sa.Column("usage_estimated", sa.Boolean(), server_default="0", nullable=False)
    )
    op.add_column(
        "daily_totals", sa.Column("cost", sa.BigInteger(), server_default="0", nullable=False)
    )
    op.add_column(
        "daily_totals", sa.Column("unpriced", sa.Integer(), server_default="0", nullable=False)
    )
    op.add_column("accounts", sa.Column("prices", _JSON, nullable=True))


def downgrade() -> None:
    op.drop_column("accounts", "prices")
    op.drop_column("daily_totals", "unpriced")
    op.drop_column("daily_totals", "cost")
    for column in ("usage_estimated", "price", "cost"):
        op.drop_column("runs", column)
