"""A task knows how good its last answer was."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("tasks", sa.Column("last_verdict", sa.String(16), nullable=True))
    op.execute(
        "UPDATE tasks SET last_verdict = (SELECT verdict FROM runs WHERE runs.task_id = tasks.id"
        " AND runs.started_at = tasks.last_run_at AND verdict IS NOT NULL LIMIT 1)"
        " WHERE last_status = 'success'"
    )


def downgrade() -> None:
    op.drop_column("tasks", "last_verdict")
